"""Tries module classes of other files on meta tensors, to find those that work as blocks."""
