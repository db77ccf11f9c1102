"""Typed lines with origin and licence in one SQLite file, sampled by type in a stable order."""

from gi.corpus.blocks import TriedClass
from gi.corpus.default import default_corpus, default_corpus_file, seed_programs
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
    "bundled",
    "default_corpus",
    "default_corpus_file",
    "permits",
    "seed_programs",
]
