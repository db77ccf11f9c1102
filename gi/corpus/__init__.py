"""Typed lines with origin and licence in one SQLite file, sampled by type in a stable order."""

from gi.corpus.default import default_corpus, seed_programs
from gi.corpus.insert import Added
from gi.corpus.licences import PERMISSIVE, permits
from gi.corpus.store import Corpus
from gi.corpus.summary import Summary
from gi.harvest import bundled

__all__ = ["PERMISSIVE", "Added", "Corpus", "Summary", "bundled", "default_corpus", "permits", "seed_programs"]
