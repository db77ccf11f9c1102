"""Integers that record the expressions of the text that they passed through."""
