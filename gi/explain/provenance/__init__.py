"""Provenance: the seed program, donor or operator behind each line of a program."""
