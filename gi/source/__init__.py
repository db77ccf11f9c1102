"""Source text in, source text out: parse, edit, normalise, repair. No I/O, no torch."""

from gi.source.dead import without_dead_code
from gi.source.digest import digest, normalise
from gi.source.repair import repair, repaired

__all__ = ["digest", "normalise", "repair", "repaired", "without_dead_code"]
