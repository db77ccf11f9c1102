import sqlite3

import pytest

from gi.archive import Archive, Evaluation, canonical_text, run_summary
from gi.core.errors import ArchiveError
from gi.core.types import Cost, Failed, Scored
from tests.small_run import DEEP_ID, write_run

GOOD = Evaluation("aa", "validation", 1, 640, Scored({"error": 0.1}, Cost(1.0, 0.1, 1.2, 1.3)))
BAD = Evaluation("bb", "test", 2, 640, Failed("train", "nan", "the loss is nan"))


@pytest.fixture
def folder(tmp_path):
    return write_run(tmp_path / "run")


def test_a_run_without_notes_has_none(folder):
    with Archive.open(folder) as archive:
        assert archive.findings.measurements() == ()
        assert archive.findings.explanation(DEEP_ID) is None


def test_what_was_noted_comes_back(folder):
    with Archive.annotate(folder) as archive:
        archive.findings.add_measurement(BAD)
        archive.findings.add_measurement(GOOD)
        archive.findings.set_explanation(DEEP_ID, {"kept": [1]})
        archive.findings.set_explanation(DEEP_ID, {"kept": [1, 2]})
    with Archive.open(folder) as archive:
        assert archive.findings.measurements() == (GOOD, BAD)
        assert archive.findings.explanation(DEEP_ID) == {"kept": [1, 2]}


def test_notes_leave_the_run_as_it_is(folder):
    with Archive.open(folder) as archive:
        before, events, state = canonical_text(archive), archive.sessions.events(), run_summary(archive)
    with Archive.annotate(folder) as archive:
        archive.findings.add_measurement(GOOD)
        archive.findings.set_explanation(DEEP_ID, {})
    with Archive.open(folder) as archive:
        assert (canonical_text(archive), archive.sessions.events(), run_summary(archive)) == (before, events, state)


def test_a_run_under_way_takes_no_notes(folder):
    with Archive.resume(folder), pytest.raises(ArchiveError, match="in use by another gi evolve"):
        Archive.annotate(folder)


def test_a_run_goes_on_after_it_was_annotated(folder):
    with Archive.annotate(folder) as archive:
        archive.findings.add_measurement(GOOD)
    with Archive.resume(folder) as archive:
        archive.sessions.add_event("finished")
        assert run_summary(archive).evaluations == 7
    assert sqlite3.connect(folder / "run.sqlite").execute("PRAGMA integrity_check").fetchone() == ("ok",)
