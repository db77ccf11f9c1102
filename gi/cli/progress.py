"""Shows a run while it goes on: a live panel on a terminal, one plain line for each generation elsewhere."""

import math
import time
from collections import Counter
from collections.abc import Mapping
from types import TracebackType
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as BarProgress
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from gi.archive import RunSummary
from gi.core.figures import count_text, duration_text
from gi.core.objectives import OBJECTIVES
from gi.core.quoting import shown
from gi.core.types import Failed
from gi.search.events import (
    Evaluated,
    Finished,
    GenerationEnded,
    GenerationStarted,
    Planned,
    Retrained,
    RetrainingStarted,
    RunEvent,
    StockChanged,
    Stopping,
    Varied,
)

# Often enough for a clock that counts seconds.
_REFRESH_PER_S = 4
_BAR_WIDTH = 30


class Progress:
    """Takes a run's events as a callable; use it as a context manager.

    On a terminal it redraws one panel; elsewhere, and with TERM=dumb, it writes one line for each generation. Colour
    follows rich's rules, NO_COLOR among them.
    """

    def __init__(self, stream: TextIO) -> None:
        """Writes to `stream`, which is stderr outside of tests."""
        self._console = Console(file=stream)
        self._state = _State()
        live = self._console.is_terminal and not self._console.is_dumb_terminal
        # The panel is made anew at every refresh, so that the clock goes on while nothing ends.
        self._live = (
            Live(
                get_renderable=self._state.panel,
                console=self._console,
                refresh_per_second=_REFRESH_PER_S,
                transient=True,
            )
            if live
            else None
        )

    def __enter__(self) -> "Progress":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, event: RunEvent) -> None:
        """Takes in one event and shows what it changes."""
        self._state.take(event)
        line = self._state.line(event)
        if self._live is not None:
            self._live.refresh()
        # The panel goes; these lines stay. Without markup: a class or a file may be called "[red]".
        if line and (self._live is None or isinstance(event, Finished | Planned | StockChanged)):
            self._console.print(line, soft_wrap=True, markup=False, highlight=False)


class _State:
    """What the display says, kept up to date from events."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.generation = self.generations = self.first = 0
        self.first_ended_at: float | None = None
        self.ended_at = 0.0
        self.slots = self.decided = self.evaluated = self.total = self.from_cache = 0
        self.failures: Counter[str] = Counter()
        self.best: dict[str, float] = {}
        self.front = ""
        self.retrainings = self.retrained = 0
        self.retraining_at = 0.0
        self.stopping = ""
        self.finals_s, self.budget_s, self.cpu_s = 0.0, math.inf, 0.0
        self.first_cpu_s = 0.0

    def take(self, event: RunEvent) -> None:
        """Changes the state by one event."""
        match event:
            case GenerationStarted():
                self._start(event)
            case Varied():
                self.decided += 1
            case Evaluated():
                self.evaluated += 1
                self.total += 1
                self.from_cache += event.outcome.cached
                if isinstance(event.outcome, Failed):
                    self.failures[f"{event.outcome.stage}: {event.outcome.reason}"] += 1
            case GenerationEnded():
                self._end(event)
            case RetrainingStarted():
                self.retrainings, self.retraining_at = event.jobs, time.monotonic()
            case Retrained():
                self.retrained += 1
            case Stopping():
                self.stopping = _stopping_text(event)
            case Finished():
                self.stopping = ""

    def _start(self, event: GenerationStarted) -> None:
        self.generation, self.generations, self.slots = event.number, event.generations, event.slots
        self.decided = self.evaluated = 0

    def _end(self, event: GenerationEnded) -> None:
        if self.first_ended_at is None:  # the first one pays for what happens once: it predicts nothing
            self.first, self.first_ended_at, self.first_cpu_s = event.number, time.monotonic(), event.cpu_s
        self.ended_at = time.monotonic()
        self.best, self.front = dict(event.best), _front_text(event)
        self.cpu_s, self.budget_s, self.finals_s = event.cpu_s, event.budget_cpu_s or math.inf, event.finals_cpu_s
        self.total, self.from_cache = event.evaluations, event.from_cache
        self.failures = Counter(event.failures)

    def left_s(self) -> float | None:
        """The seconds that the rest of the run takes at the pace so far, None where nobody can tell yet.

        The generations to come, as far as the budget goes, and the final trainings.
        """
        done = self.generation - self.first
        if self.first_ended_at is None or done < 1:
            return None
        share = self.evaluated / self.slots if self.slots else 0.0
        passed_s = time.monotonic() - self.first_ended_at
        # At least half a slot: right after the start one quick outcome would predict minutes.
        pace = passed_s / max(done - 1 + share, 0.5)
        search_s = pace * max(self.generations - self.generation + 1 - share, 0)
        if self.cpu_s <= self.first_cpu_s:  # no generation has told yet what a second of this machine's clock gives
            return search_s
        wall_for_cpu = (self.ended_at - self.first_ended_at) / (self.cpu_s - self.first_cpu_s)
        since_s = time.monotonic() - self.ended_at
        # What the budget pays for bounds the search, wherever the generations would end.
        paid_s = (self.budget_s - self.cpu_s - self.finals_s) * wall_for_cpu - since_s
        return max(min(search_s, paid_s), 0.0) + self.finals_s * wall_for_cpu

    def line(self, event: RunEvent) -> str:
        """The plain line that an event is worth, "" for most."""
        match event:
            case Planned():
                return _plan_text(event)
            case GenerationEnded():
                left = self.left_s()
                rest = f", {duration_text(left)} left" if left is not None else ""
                return (
                    f"generation {event.number}/{event.generations}: "
                    f"{event.evaluations} evaluated{_cached_text(event.from_cache)}, "
                    f"{sum(event.failures.values())} failed, front {_front_text(event)}, "
                    f"best {_best_text(event.best)}{rest}"
                )
            case RetrainingStarted():
                return _finals_text(event)
            case Stopping():
                return _stopping_text(event)
            case StockChanged():
                return _CHANGED_STOCK
            case Finished(summary=summary, already=True):
                return _already_text(summary)
            case _:
                return ""

    def panel(self) -> Group:
        """The live display."""
        table = Table.grid(padding=(0, 2))
        table.add_column(style="bold", no_wrap=True)
        table.add_column()
        for name, value in self._rows():
            table.add_row(name, value)
        return Group(table)

    def _rows(self) -> list[tuple[str, Text | Table]]:
        left = None if self.retrainings else self.left_s()
        clock = duration_text(time.monotonic() - self.started) + (f", {duration_text(left)} left" if left else "")
        done = self.generation - 1 + (self.evaluated / self.slots if self.slots else 0.0)
        cached = _cached_text(self.from_cache)
        rows: list[tuple[str, Text | Table]] = [
            ("generation", _bar(max(done, 0.0), self.generations, f"{self.generation}/{self.generations}  {clock}")),
            ("evaluations", Text(f"{self.total}  ({self.evaluated}/{self.slots} of this generation){cached}")),
        ]
        if self.failures:
            rows.append(
                ("failures", Text(shown(", ".join(f"{n} {reason}" for reason, n in self.failures.most_common(4)))))
            )
        if self.best:
            rows.append(("front", Text(self.front)))
            rows.append(("best", Text(_best_text(self.best))))
        if self.retrainings:
            rows.append(("retraining", _bar(self.retrained, self.retrainings, self._retraining_text())))
        if self.stopping:
            rows.append(("stopping", Text(self.stopping.partition(": ")[2])))
        return rows

    def _retraining_text(self) -> str:
        text = f"{self.retrained}/{self.retrainings}"
        if not self.retrained:
            return text
        pace = (time.monotonic() - self.retraining_at) / self.retrained
        return f"{text}  {duration_text(pace * (self.retrainings - self.retrained))} left"


def _plan_text(plan: Planned) -> str:
    """What the run is about to do, and how long that takes."""
    rungs = ", ".join(f"{count} on {count_text(images)} images" for images, count in plan.rungs)
    text = f"plan: {plan.programs} programs, trainings: {rungs}; {plan.final_trainings} final trainings"
    if plan.cpu_s is None:
        return text
    workers = "1 worker" if plan.workers == 1 else f"{plan.workers} workers"
    return f"{text}; about {duration_text(plan.cpu_s / plan.workers)} with {workers}"


def _front_text(event: GenerationEnded) -> str:
    """How large the front is, of trainings how long, and its hypervolume once that of the top rung is known."""
    volume = f", hypervolume {event.hypervolume:.4f}" if event.hypervolume else ""
    return f"{event.front} on {count_text(event.images)} images{volume}"


def _finals_text(event: RetrainingStarted) -> str:
    """Which members get final trainings, and how many."""
    members = "1 member" if event.members == 1 else f"{event.members} members"
    who = f"final trainings: {members} of a front of {event.front}"
    if event.jobs == event.wanted:
        return f"{who}, {event.jobs} from scratch"
    return f"{who}, {event.jobs} of {event.wanted} from scratch, which the budget pays for"


def _bar(done: float, total: float, label: str) -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(max_width=_BAR_WIDTH)  # a narrow terminal takes from the bar, not from the words beside it
    grid.add_column(no_wrap=True)
    grid.add_row(ProgressBar(total=max(total, 1), completed=done), Text(label))
    return grid


def _stopping_text(event: Stopping) -> str:
    """What the run waits for after Ctrl-C."""
    waiting = f"{event.running} trainings under way may end within {event.grace_s:g} s"
    return f"stopping: {waiting if event.running else 'nothing is under way'}; Ctrl-C again stops at once"


_CHANGED_STOCK = (
    "warning: the corpus has changed since the run was last under way: from here on it borrows other lines than an "
    "undisturbed run would"
)


def _already_text(summary: RunSummary) -> str:
    """What a run is that was finished before it was resumed."""
    return (
        f"already finished: {summary.generations} generations, "
        f"{summary.evaluations} evaluations{_cached_text(summary.from_cache)}, "
        f"{duration_text(summary.cpu_s)} of CPU time; more with --generations or --budget"
    )


def _cached_text(count: int) -> str:
    """How many trainings were not done, being known from earlier runs; "" for none."""
    return f", {count} from the cache" if count else ""


def _best_text(best: Mapping[str, float]) -> str:
    return ", ".join(f"{key} {OBJECTIVES[key].text(value)}" for key, value in best.items())


class Stages:
    """A bar for work in named stages, such as a harvest: call it with (stage, done, total); total 0 is not known.

    Off a terminal it writes one line for each source. Use it as a context manager.
    """

    def __init__(self, stream: TextIO) -> None:
        """Writes to `stream`, which is stderr outside of tests."""
        self._console = Console(file=stream)
        self._source, self._told = "", False
        self._bars = BarProgress(
            TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(),
            console=self._console, transient=True, disable=not self._console.is_terminal,
        )  # fmt: skip
        self._task = self._bars.add_task("", total=None)

    def __enter__(self) -> "Stages":
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def start(self, source: str) -> None:
        """Turns to the next source."""
        self._source, self._told = source, False

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Shows how far a stage is."""
        self._bars.update(
            # A total of 0 shows a moving bar: the work is there, its size is not known.
            self._task,
            description=shown(f"{self._source}: {stage}"),
            completed=done,
            total=total or None,
        )
        # Once for each source: a log needs no line for each percent.
        if total and not self._told and not self._console.is_terminal:
            self._console.print(f"reading {shown(self._source)}", soft_wrap=True, markup=False, highlight=False)
            self._told = True
