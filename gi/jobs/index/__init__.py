"""Runs, checkpoints and programs on their way into an index."""
