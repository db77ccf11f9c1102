"""Genetic improvement of neural-network source code: a data set goes in, optimised PyTorch source comes out."""

__version__ = "0.1.0"
