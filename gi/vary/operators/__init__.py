"""Crossover, insertion, deletion, tweak, cut, block: each proposes one edit."""
