"""Loads and runs a text as a program: its network, its recipe, the calls in its text."""
