"""The panel that shows a run on a terminal: rebuilt at every refresh, so that its clocks go on between events."""

import math
import time
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from gi.archive import ranked
from gi.core.figures import count_text, duration_text
from gi.core.quoting import shown
from gi.report.live.lines import cached_text, waiting_text
from gi.report.live.sparkline import Sparkline
from gi.report.live.state import RunState
from gi.report.table import table
from gi.report.top_members import top_members

_BAR_WIDTH = 30
_REASONS = 3
_OTHER_LINES = 17  # of the screen, beside the rows of the front: the panel's other rows, and the lines printed above it
_ROWS = range(2, 9)  # of the front, the fewest and the most


def run_panel(state: RunState, height: int = 40) -> RenderableType:
    """The display of a run for a terminal of `height` lines and at least 60 columns."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column()
    for name, value in _rows(state, height):
        grid.add_row(name, value)
    return Group(grid)


def _rows(state: RunState, height: int) -> Iterator[tuple[str, RenderableType]]:
    now = time.monotonic()
    if state.doing:
        yield "now", _bar(None, 1, f"{shown(state.doing)}  {duration_text(now - state.doing_since)}")
    if state.opened or state.generations:
        yield "generation", _generation_bar(state, now)
        yield from _rungs(state)
        yield from _budget(state, now)
        this = f" ({state.evaluated}/{state.slots} of this generation)" if state.slots and not state.retraining else ""
        failed = f", {sum(state.failures.values())} failed" if state.failures else ""
        yield "trainings", Text(f"{state.total}{this}{cached_text(state.from_cache)}{failed}")
    if state.failures:
        yield "failures", Text(_failures_text(state))
    if any(state.volumes):
        yield "hypervolume", Sparkline(state.volumes, f"{state.volumes[-1]:.4f}")
    if state.members:
        yield "front", Text(f"{len(state.members)} on {count_text(state.images)} images, validation split")
        yield "", _front_table(state, height)
    if state.retraining:
        yield "finals", _finals_bar(state)
    if state.stopping:
        yield "stopping", Text(waiting_text(state.stopping))


def _generation_bar(state: RunState, now: float) -> Table:
    left_s = None if state.retraining else state.left_s()
    left = f", {duration_text(left_s)} left" if left_s is not None else ""
    done = state.generation - 1 + (state.evaluated / state.slots if state.slots else 0.0)
    if state.retraining:
        done = state.generations
    clock = f"{duration_text(now - state.started)}{left}"
    return _bar(max(done, 0.0), state.generations, f"{state.generation}/{state.generations}  {clock}")


def _rungs(state: RunState) -> Iterator[tuple[str, RenderableType]]:
    """A bar for each rung, relative to the plan where there is one; none for a single rung."""
    rungs = state.opened.run.rungs if state.opened else ()
    if len(rungs) < 2:
        return
    planned = dict(state.plan.rungs) if state.plan else {}
    most = max(state.trained.values(), default=1)
    for number, images in enumerate(rungs):
        done, of = state.trained[images], planned.get(images, 0)
        label = f"{done}/{of}" if of >= max(done, 1) else f"{done}"
        text = f"{label} on {count_text(images)}{' images' if not number else ''}"
        yield "rungs" if not number else "", _bar(done, max(of, done) if of else most, text)


def _budget(state: RunState, now: float) -> Iterator[tuple[str, RenderableType]]:
    config = state.opened.run.config if state.opened else None
    if config and config.budget_cpu_s is not None:
        text = f"{duration_text(state.cpu_s)} of {duration_text(config.budget_cpu_s)} CPU"
        yield "budget", _bar(state.cpu_s, config.budget_cpu_s, text)
    if config and config.time_s is not None:
        passed_s = state.passed_s(now)
        yield "time", _bar(passed_s, config.time_s, f"{duration_text(passed_s)} of {duration_text(config.time_s)}")


def _failures_text(state: RunState) -> str:
    reasons = [f"{count} {reason}" for reason, count in state.failures.most_common(_REASONS)]
    rest = sum(state.failures.values()) - sum(count for _, count in state.failures.most_common(_REASONS))
    return shown(", ".join([*reasons, *([f"{rest} for other reasons"] if rest else [])]))


def _front_table(state: RunState, height: int) -> Table:
    """The best by each objective, then those that differ most, as many as `height` allows."""
    titles = [objective.title for objective in state.objectives]
    front = table("id", *titles, "gen.", right=(*titles, "gen."))
    rows = min(max(height - _OTHER_LINES, _ROWS.start), _ROWS.stop - 1)
    members = state.members
    if state.opened:
        members = tuple(ranked(top_members(state.opened.run, members, rows), state.objectives, state.objectives[0]))
    for member in members[:rows]:
        cells = [objective.text(member.values[objective.key]) for objective in state.objectives]
        front.add_row(member.id[:8], *cells, str(member.generation))
    return front


def _finals_bar(state: RunState) -> RenderableType:
    assert state.retraining is not None
    if not state.retraining.jobs and state.retraining.wanted:
        return Text(f"none of {state.retraining.wanted} trainings: the budget is used up")
    left_s = state.left_s()
    left = f"  {duration_text(left_s)} left" if left_s is not None else ""
    jobs = max(state.retraining.jobs, state.retrained)  # an estimate: the budget may pay for one more
    return _bar(state.retrained, jobs, f"{state.retrained}/{jobs} trainings{left}")


def _bar(done: float | None, total: float, label: str) -> Table:
    """A progress bar with its label; it pulses for `done` None."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(max_width=_BAR_WIDTH)  # a narrow terminal shortens the bar, not the label
    grid.add_column(no_wrap=True)
    share = None if done is None or math.isinf(total) else max(total, 1e-9)
    grid.add_row(ProgressBar(total=share, completed=done or 0.0, pulse=share is None), Text(label))
    return grid
