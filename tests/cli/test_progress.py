import io
import re

import pytest

from gi.archive import RunSummary
from gi.cli.progress import Progress, Stages
from gi.core.types import Failed, Scored
from gi.search.events import (
    Evaluated,
    Finished,
    GenerationEnded,
    GenerationStarted,
    Retrained,
    RetrainingStarted,
    Varied,
)

BEST = {"error": 0.0314, "params": 1210.0, "time": 0.133}
SUMMARY = RunSummary("run", "finished", 1, 4, 0, 1, 1.0, 0.9, 0.1, 1.0, 2.0, ())


def events():
    yield GenerationStarted(0, 1, 2)
    yield Varied(0, 0, "a", 1)
    yield Evaluated("a", Scored(BEST))
    yield GenerationEnded(0, 1, 2, 1, 1.5, BEST, {}, 1, 1.0)
    yield GenerationStarted(1, 1, 2)
    yield Varied(1, 0, None, 8)
    yield Evaluated("b", Failed("train", "nan"))
    yield GenerationEnded(1, 1, 2, 2, 2.25, BEST, {"train: nan": 1}, 2, 2.0)
    yield RetrainingStarted(2, 6, 6)
    yield Retrained("a", 1, Scored({"error": 0.04}))
    yield Finished(SUMMARY)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(stream):
    with Progress(stream) as progress:
        for event in events():
            progress(event)
    return stream.getvalue()


def test_a_pipe_gets_one_plain_line_for_each_generation():
    first, second, last = shown(io.StringIO()).splitlines()
    assert first == (
        "generation 0/1: 1 evaluated, 0 failed, front 1, hypervolume 1.5000, best error 3.14%, params 1.21k, time 0.133"
    )
    assert second.startswith("generation 1/1: 2 evaluated, 1 failed, front 2, hypervolume 2.2500")
    assert last == "training the front of 2 from scratch: 6 trainings"


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Terminal()


def test_a_terminal_gets_a_live_panel_with_everything_the_user_waits_for(terminal):
    out = shown(terminal)
    for told in ("generation", "evaluations", "1 train: nan", "2.2500", "error 3.14%", "retraining", "1/6"):
        assert told in out


def test_colour_is_left_out_where_the_user_says_so(terminal, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert not re.search(r"\x1b\[[34]\d", shown(terminal))


def test_a_dumb_terminal_gets_plain_lines(terminal, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    assert shown(terminal).startswith("generation 0/1: ")


def test_an_event_of_a_run_that_is_resumed_counts_what_was_done_before():
    stream = io.StringIO()
    with Progress(stream) as progress:
        progress(GenerationStarted(7, 50, 16))
        progress(GenerationEnded(7, 50, 16, 9, 2.0, BEST, {"train: nan": 3}, 128, 90.0))
    assert stream.getvalue().startswith("generation 7/50: 128 evaluated, 3 failed, front 9")


def test_stages_name_a_source_once_where_there_is_no_terminal():
    stream = io.StringIO()
    with Stages(stream) as stages:
        stages.start("torchvision")
        for done in range(3):
            stages("read", done, 3)
        stages("type", 0, 3)
    assert stream.getvalue() == "reading torchvision\n"


def test_a_source_that_cannot_be_had_is_not_announced():
    stream = io.StringIO()
    with Stages(stream) as stages:
        stages.start("nothing")
        stages("fetch", 0, 0)
    assert stream.getvalue() == ""
