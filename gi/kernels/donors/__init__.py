"""A connected part of a trained network as the start of a new one."""
