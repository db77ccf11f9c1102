"""Everything that happened in a run, one SQLite file; the front, failures and lineages are queries."""

from gi.archive.archive import Archive
from gi.archive.folder import WEIGHTS, make_folder, refuse_unfit
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
    "WEIGHTS",
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
    "make_folder",
    "refuse_unfit",
]
