"""Writes weights of an index into a network: connected parts, compensated for missing inputs, layer by layer."""
