"""Splits the difference between an individual and its seed program into changes, and measures what each contributes."""

from gi.explain.difference import Change, Difference, changes, difference
from gi.explain.noise import Resolution
from gi.explain.records import Effect, Explanation, Levels, Verdict
from gi.explain.search import UNMEASURED, UNTRIED, Bench, Minimisation, OnVerdict, Rules, untried
from gi.explain.variants import UnfitChanges, Variant, Variants, between

__all__ = [
    "UNMEASURED",
    "UNTRIED",
    "Bench",
    "Change",
    "Difference",
    "Effect",
    "Explanation",
    "Levels",
    "Minimisation",
    "OnVerdict",
    "Resolution",
    "Rules",
    "UnfitChanges",
    "Variant",
    "Variants",
    "Verdict",
    "between",
    "changes",
    "difference",
    "untried",
]
