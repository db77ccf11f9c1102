"""What the archive of a run that may have been struck holds."""

from pathlib import Path

from gi.archive import Archive, canonical_text
from gi.core.errors import GiError


def evaluated(folder: Path) -> set[tuple]:
    """The evaluations, retrainings included; nothing where the archive cannot be read."""
    try:
        with Archive.open(folder) as archive:
            return {(e.individual, e.split, e.seed, e.images) for e in archive.outcomes.evaluations()}
    except GiError:
        return set()


def dump(folder: Path) -> str:
    """The archive as text, without anything that differs from one session to another."""
    with Archive.open(folder) as archive:
        return canonical_text(archive)
