"""Data sets by name, folder or file, decoded once and split."""
