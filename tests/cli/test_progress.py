import dataclasses
import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from gi.archive import FrontMember, RunRecord, RunSummary
from gi.cli.options import tell
from gi.cli.progress import Progress, Stages
from gi.core.settings import RunConfig
from gi.core.types import Cost, Failed, Scored
from gi.report.live import run_panel
from gi.search.events import (
    Doing,
    Evaluated,
    Finished,
    GenerationEnded,
    GenerationStarted,
    Opened,
    Planned,
    Retrained,
    RetrainingStarted,
    Stopping,
    Varied,
)

BEST = {"error": 0.0314, "params": 1210.0, "time": 0.133}
FRONT = (FrontMember("5a11000000000001", 0, BEST), FrontMember("dee9000000000002", 1, BEST | {"error": 0.05}))
SUMMARY = RunSummary("run", "finished", 1, 4, 0, 1, 1.0, 0.9, 0.1, 1.0, 2.0, ())


def events():
    yield GenerationStarted(0, 1, 2)
    yield Varied(0, 0, "a", 1)
    yield Evaluated("a", Scored(BEST), 640)
    yield GenerationEnded(0, 1, 2, 1, 1.5, BEST, {}, 1, 1.0, images=640)
    yield GenerationStarted(1, 1, 2)
    yield Varied(1, 0, None, 8)
    yield Evaluated("b", Failed("train", "nan"), 640)
    yield GenerationEnded(1, 1, 2, 2, 2.25, BEST, {"train: nan": 1}, 2, 2.0, images=640, members=FRONT)
    yield RetrainingStarted(2, 5, 6, 6)
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
        "generation 0/1: 1 evaluated, 0 failed, front 1 on 640 images, hypervolume 1.5000, "
        "best error 3.14%, params 1.21k, time 0.133"
    )
    assert second.startswith("generation 1/1: 2 evaluated, 1 failed, front 2 on 640 images, hypervolume 2.2500")
    assert last == "final trainings: 2 members of a front of 5, 6 from scratch"


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Terminal()


def test_a_terminal_gets_a_live_panel_with_everything_the_user_waits_for(terminal):
    out = shown(terminal)
    for told in ("generation", "trainings", "1 train: nan", "2.2500", "3.14%", "1.21k", "finals", "1/6"):
        assert told in out


class Clock:
    def __init__(self):
        self.now_s = 100.0

    def monotonic(self):
        return self.now_s


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    for module in ("state", "panel"):
        monkeypatch.setattr(f"gi.report.live.{module}.time", clock)
    return clock


def panel_text(progress, width=120):
    console = Console(width=width, file=io.StringIO())
    with console.capture() as captured:
        console.print(run_panel(progress._state))
    return captured.get()


def test_the_clock_goes_on_while_nothing_ends(clock):
    progress = Progress(io.StringIO())
    progress(GenerationStarted(0, 1, 2))
    before = panel_text(progress)
    clock.now_s += 42
    assert "42s" in panel_text(progress)
    assert "42s" not in before


def test_a_live_display_asks_for_the_panel_at_every_refresh(terminal, clock):
    with Progress(terminal) as progress:
        progress(GenerationStarted(0, 1, 2))
        clock.now_s += 4242
        progress._live.refresh()
    assert "1h10m" in terminal.getvalue()


def after_two_generations(clock, **ended):
    """100 s for a generation of 50, each of which takes 200 CPU seconds."""
    progress = Progress(io.StringIO())
    for number in range(2):
        progress(GenerationStarted(number, 50, 16))
        clock.now_s += 100
        cpu_s = 200.0 * (number + 1)
        progress(GenerationEnded(number, 50, 16, 4, 2.0, BEST, {}, 16, cpu_s, **ended))
    progress(GenerationStarted(2, 50, 16))
    return progress


def test_the_time_left_has_the_generations_to_come_and_the_final_trainings(clock):
    assert after_two_generations(clock)._state.left_s() == pytest.approx(49 * 100, rel=0.05)
    assert after_two_generations(clock, finals_cpu_s=600.0)._state.left_s() == pytest.approx(49 * 100 + 300, rel=0.05)


def test_the_time_left_is_no_more_than_the_budget_pays_for(clock):
    progress = after_two_generations(clock, finals_cpu_s=100.0, budget_cpu_s=700.0)
    assert progress._state.left_s() == pytest.approx((700 - 400) / 2)
    clock.now_s += 60
    assert progress._state.left_s() == pytest.approx(90)


def test_ctrl_c_says_at_once_that_the_run_stops_and_what_it_waits_for(terminal, clock):
    stream = io.StringIO()
    Progress(stream)(Stopping(2, 2.0))
    assert stream.getvalue() == ("stopping: 2 trainings under way may end within 2 s; Ctrl-C again stops at once\n")
    with Progress(terminal) as progress:
        progress(GenerationStarted(0, 1, 2))
        progress(Stopping(0, 2.0))
        assert "nothing is under way" in panel_text(progress)


def test_a_run_that_was_finished_before_says_so(terminal):
    for stream in (io.StringIO(), terminal):
        with Progress(stream) as progress:
            progress(Finished(SUMMARY, already=True))
        assert "already finished: 1 generations, 4 evaluations" in stream.getvalue()


@pytest.mark.parametrize("width", [60, 80])
def test_a_narrow_terminal_breaks_no_word(width):
    progress = Progress(io.StringIO())
    for event in events():
        progress(event)
        lines = panel_text(progress, width).splitlines()
        words = set(" ".join(lines).split())
        assert {"generation", "trainings"} <= words
        assert all(len(line) <= width for line in lines)
    assert {"front", "finals", "error", "3.14%", "1/6"} <= words


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


def test_trainings_of_earlier_runs_are_told():
    stream = io.StringIO()
    with Progress(stream) as progress:
        progress(GenerationEnded(7, 50, 16, 9, 2.0, BEST, {}, 128, 90.0, from_cache=40))
        progress(Finished(dataclasses.replace(SUMMARY, from_cache=3), already=True))
    ended, finished = stream.getvalue().splitlines()
    assert ended.startswith("generation 7/50: 128 evaluated, 40 from the cache, 0 failed")
    assert "4 evaluations, 3 from the cache, " in finished


def test_what_goes_on_before_the_first_generation_is_told_with_a_clock(terminal, clock):
    with Progress(terminal) as progress:
        progress(Doing("reading [red]mnist"))
        clock.now_s += 7
        assert "reading [red]mnist  7s" in panel_text(progress)
        progress(GenerationStarted(0, 1, 2))
        assert "reading" not in panel_text(progress)


def test_a_pipe_is_told_nothing_of_that():
    stream = io.StringIO()
    Progress(stream)(Doing("reading mnist"))
    assert stream.getvalue() == ""


RUNGS = (937, 3750, 15_000, 60_000)


def opened(*, trained=None, volumes=(), summary=SUMMARY, **settings):
    config = RunConfig(dataset="digits", generations=12, **settings)
    objectives = tuple(map(config.objective, config.objectives))
    run = RunRecord(config, objectives, None, {}, {}, (), 0.0, RUNGS)
    return Opened(Path("runs/digits-1"), run, summary, volumes, trained or {})


def test_rungs_and_budget_are_told_against_the_plan(clock):
    progress = Progress(io.StringIO())
    progress(Planned(114, ((937, 114), (3750, 29), (15_000, 8), (60_000, 6)), 12, 180.0, 2))
    progress(opened(trained={937: 60, 3750: 14}, budget_cpu_s=180.0))
    progress(GenerationStarted(7, 12, 8))
    progress(Evaluated("a", Scored(BEST, Cost(50.0, 1.0, 53.5, 60.0)), 937))
    shown = panel_text(progress)
    for told in ("61/114 on 937 images", "14/29 on 3.75k", "0/6 on 60k", "54s of 3m00s CPU"):
        assert told in shown


def test_a_resumed_run_shows_at_once_what_it_found_before(clock):
    progress = Progress(io.StringIO())
    progress(opened(volumes=(1.0, 2.0, 4.0), summary=dataclasses.replace(SUMMARY, front=FRONT, generations=2)))
    shown = panel_text(progress)
    for told in ("2/12", "▁▃█ 4.0000", "5a110000", "dee90000"):
        assert told in shown


def test_the_time_left_is_the_plans_at_the_pace_of_what_ended(clock):
    progress = Progress(io.StringIO())
    progress(Planned(3, ((640, 3),), 0, 180.0, 2))
    clock.now_s += 30
    assert progress._state.left_s() == pytest.approx(60)
    progress(Evaluated("a", Scored(BEST, Cost(50.0, 1.0, 60.0, 60.0)), 640))
    assert progress._state.left_s() == pytest.approx(120 / 2), "no machine is faster than the plan's"
    clock.now_s += 90
    assert progress._state.left_s() == pytest.approx(120 * 2), "and a busy one slower"


def test_the_time_left_counts_the_trainings_that_each_rung_still_expects(clock):
    progress = Progress(io.StringIO())
    progress(Planned(8, ((100, 8), (400, 2)), 2, 100.0, 1))
    for price_s in (4.0, 6.0):
        progress(Evaluated("a", Scored(BEST, Cost(price_s, 0.0, price_s, price_s)), 100))
    clock.now_s += 10
    assert progress._state.left_s() == pytest.approx(6 * 5 + (2 + 2) * 20), "nobody is on the second rung: four times"
    progress(Evaluated("a", Scored(BEST, Cost(30.0, 0.0, 30.0, 30.0)), 400))
    clock.now_s += 30
    assert progress._state.left_s() == pytest.approx(6 * 5 + (1 + 2) * 30)
    progress(GenerationEnded(0, 50, 16, 4, 2.0, BEST, {}, 16, 40.0, finals_cpu_s=10.0, budget_cpu_s=65.0))
    assert progress._state.left_s() == pytest.approx(25), "no more than the budget pays for"


def test_a_run_that_its_budget_ends_has_the_rest_of_that_left(clock):
    """The plan's number of trainings is an estimate; the budget is not."""
    progress = Progress(io.StringIO())
    progress(Planned(3, ((640, 3),), 0, 180.0, 2, bound_cpu_s=200.0))
    clock.now_s += 30
    for id_ in "abc":
        progress(Evaluated(id_, Scored(BEST, Cost(15.0, 1.0, 20.0, 20.0)), 640))
    assert progress._state.left_s() == pytest.approx((200 - 60) / 2)


def test_a_run_that_its_time_ends_has_no_more_than_the_rest_of_that_left(clock):
    progress = Progress(io.StringIO())
    progress(Planned(3, ((640, 3),), 0, 180.0, 2, bound_cpu_s=200.0))
    progress(opened(time_s=100.0))
    clock.now_s += 90
    progress(Evaluated("a", Scored(BEST, Cost(15.0, 1.0, 20.0, 20.0)), 640))
    assert progress._state.left_s() == pytest.approx(100 - SUMMARY.wall_s - 90)


def test_a_plan_that_is_used_up_tells_no_time_left(clock):
    progress = Progress(io.StringIO())
    progress(Planned(114, ((640, 114),), 12, 180.0, 2))
    clock.now_s += 91
    assert progress._state.left_s() is None


def test_the_final_trainings_tell_the_time_left_by_those_that_ended(clock):
    progress = after_two_generations(clock, finals_cpu_s=600.0)
    progress(RetrainingStarted(2, 5, 6, 6))
    assert progress._state.left_s() == pytest.approx(300)
    clock.now_s += 40
    progress(Retrained("a", 1, Scored({"error": 0.04})))
    assert progress._state.left_s() == pytest.approx(5 * 40)


@pytest.mark.parametrize(("metric", "title"), [("auc", "1 - AUC"), ("balanced-error", "balanced error")])
def test_errors_are_called_by_the_metric_of_the_run(clock, metric, title):
    stream = io.StringIO()
    progress = Progress(stream)
    progress(opened(metric=metric))
    progress(GenerationEnded(1, 12, 2, 2, 2.25, BEST, {}, 2, 2.0, images=640, members=FRONT))
    assert f"best {title} 3.14%" in stream.getvalue()
    assert title in panel_text(progress, 80)


@pytest.mark.parametrize("height", [10, 24, 60])
def test_the_front_takes_the_lines_that_there_are(clock, height):
    progress = Progress(io.StringIO())
    progress(opened())
    members = tuple(
        FrontMember(f"{n:016x}", n, {key: value * (n + 1) for key, value in BEST.items()}) for n in range(20)
    )
    progress(GenerationEnded(1, 12, 2, 20, 2.25, BEST, {}, 2, 2.0, images=640, members=members))
    console = Console(width=80, height=height, file=io.StringIO())
    with console.capture() as captured:
        console.print(run_panel(progress._state, height))
    rows = [line for line in captured.get().splitlines() if "0000000" in line]
    assert len(rows) == {10: 2, 24: 7, 60: 8}[height]


def test_final_trainings_that_the_budget_does_not_pay_for_are_no_full_bar():
    progress = Progress(io.StringIO())
    progress(RetrainingStarted(0, 5, 0, 6))
    assert "none of 6 trainings: the budget is used up" in panel_text(progress)


def test_a_budget_that_pays_for_more_final_trainings_than_expected_has_a_full_bar_and_no_more():
    progress = Progress(io.StringIO())
    progress(RetrainingStarted(2, 5, 1, 6))
    for seed in range(2):
        progress(Retrained("a", seed, Scored({"error": 0.04})))
    assert "2/2 trainings" in panel_text(progress)


@pytest.mark.parametrize(("jobs", "paid"), [(0, "none"), (2, "2")])
def test_a_log_tells_how_many_final_trainings_the_budget_pays_for(jobs, paid):
    stream = io.StringIO()
    Progress(stream)(RetrainingStarted(3, 5, jobs, 6))
    told = f"final trainings: 3 members of a front of 5; of their 6 trainings from scratch the budget pays for {paid}\n"
    assert stream.getvalue() == told


def test_a_bar_of_stages_moves_on_when_a_stage_is_done(terminal):
    with Stages(terminal) as stages:
        stages.start("the default corpus")
        stages("read", 3, 3)
        assert stages._bars.tasks[0].total is None


def test_a_line_that_is_told_meanwhile_stands_above_the_panel(terminal, monkeypatch):
    monkeypatch.setattr("sys.stderr", terminal)
    with Progress(terminal) as progress:
        progress(Doing("reading mnist"))
        before = len(terminal.getvalue())
        tell("mnist: 10 classes")
        told = terminal.getvalue()[before:]
    assert told.index("\x1b[2K") < told.index("gi: mnist: 10 classes") < told.index("reading mnist")


def test_a_told_line_breaks_between_words(terminal, monkeypatch):
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("COLUMNS", "60")
    tell("mnist: 10 classes, 55000 training / 5000 validation / 10000 test images of 28x28 grey")
    assert terminal.getvalue() == (
        "gi: mnist: 10 classes, 55000 training / 5000 validation /\n    10000 test images of 28x28 grey\n"
    )
