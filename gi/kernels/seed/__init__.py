"""Weights of an index written into a network: whole parts, widened, compensated, layer by layer."""
