"""Typed variation: (parents, ingredients, rng) -> offspring, or why not. Pure functions of text and traces."""

from gi.vary.operators.class_weights import weighed
from gi.vary.operators.table import OPERATORS, SHARES
from gi.vary.variation import BORROWED, CROSSED, Checker, Donor, Plan, Tried, Vary

__all__ = ["BORROWED", "CROSSED", "OPERATORS", "SHARES", "Checker", "Donor", "Plan", "Tried", "Vary", "weighed"]
