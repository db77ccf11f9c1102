"""Everything that happened in a run, one SQLite file; the front, failures and lineages are queries."""

from gi.archive.archive import Archive, refuse_existing
from gi.archive.records import (
    Evaluation,
    Event,
    FailureGroup,
    FrontMember,
    Generation,
    Provenance,
    Retraining,
    RunRecord,
    RunSummary,
    Slot,
)

__all__ = [
    "Archive",
    "Evaluation",
    "Event",
    "FailureGroup",
    "FrontMember",
    "Generation",
    "Provenance",
    "Retraining",
    "RunRecord",
    "RunSummary",
    "Slot",
    "refuse_existing",
]
