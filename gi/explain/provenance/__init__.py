"""Where each line of a program comes from."""
