"""Typed lines with origin and licence in one SQLite file, sampled by type in a stable order."""

from gi.corpus.blocks import TriedClass
from gi.corpus.default import (
    add_packages,
    default_corpus,
    default_corpus_file,
    fetch_text,
    missing_packages,
    seed_programs,
)
from gi.corpus.insert import Added
from gi.corpus.licences import PERMISSIVE, permits
from gi.corpus.store import Corpus
from gi.corpus.summary import Summary
from gi.harvest import bundled

__all__ = [
    "PERMISSIVE",
    "Added",
    "Corpus",
    "Summary",
    "TriedClass",
    "add_packages",
    "bundled",
    "default_corpus",
    "default_corpus_file",
    "fetch_text",
    "missing_packages",
    "permits",
    "seed_programs",
]
