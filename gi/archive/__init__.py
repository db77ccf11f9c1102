"""Everything that happened in a run, one SQLite file; the front, failures and lineages are queries."""

from gi.archive.archive import Archive
from gi.archive.backup import WentBack, go_back
from gi.archive.canonical import canonical_text
from gi.archive.folder import WEIGHTS, make_weights_folder, refuse_unfit
from gi.archive.front import front_rows, ranked, violation
from gi.archive.records import (
    Evaluation,
    Event,
    FailureGroup,
    FrontMember,
    Generation,
    Promotion,
    Provenance,
    Retraining,
    RunRecord,
    RunSummary,
    Slot,
)
from gi.archive.summary import front_members, members_on, run_summary

__all__ = [
    "WEIGHTS",
    "Archive",
    "Evaluation",
    "Event",
    "FailureGroup",
    "FrontMember",
    "Generation",
    "Promotion",
    "Provenance",
    "Retraining",
    "RunRecord",
    "RunSummary",
    "Slot",
    "WentBack",
    "canonical_text",
    "front_members",
    "front_rows",
    "go_back",
    "make_weights_folder",
    "members_on",
    "ranked",
    "refuse_unfit",
    "run_summary",
    "violation",
]
