"""Typed variation: (parents, ingredients, rng) -> offspring, or why not. Pure functions of text and traces."""

from gi.vary.vary import Checker, Tried, Vary

__all__ = ["Checker", "Tried", "Vary"]
