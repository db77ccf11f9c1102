"""A text loaded and run as a program: the network, its recipe, the calls in its text."""
