"""Digests of what a program computes and how it trains."""
