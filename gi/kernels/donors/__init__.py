"""Connected parts of trained networks as initial weights of new ones."""
