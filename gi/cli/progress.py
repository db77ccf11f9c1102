"""Shows a run while it goes on: a live panel on a terminal, one plain line for each generation elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, ProgressColumn, Task, TaskProgressColumn, TextColumn
from rich.progress import Progress as BarProgress
from rich.text import Text

from gi.core.figures import duration_text
from gi.core.quoting import shown
from gi.report.live import RunState, event_line, run_panel
from gi.search.events import Finished, Planned, RunEvent, StockChanged

# Often enough for a clock that counts seconds.
_REFRESH_PER_S = 4


class Progress:
    """Takes a run's events as a callable; use it as a context manager.

    On a terminal it redraws one panel; elsewhere, and with TERM=dumb, it writes one line for each generation. Colour
    follows rich's rules, NO_COLOR among them.
    """

    def __init__(self, stream: TextIO) -> None:
        """Writes to `stream`, which is stderr outside of tests."""
        self._console = Console(file=stream)
        self._state = RunState()
        live = self._console.is_terminal and not self._console.is_dumb_terminal
        # The panel is made anew at every refresh, so that the clock goes on while nothing ends.
        self._live = (
            Live(
                get_renderable=lambda: run_panel(self._state, self._console.height),
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

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Takes the panel away while something else draws on the terminal."""
        if self._live is None:
            yield
            return
        self._live.stop()
        try:
            yield
        finally:
            self._live.start()

    def __call__(self, event: RunEvent) -> None:
        """Takes in one event and shows what it changes."""
        self._state.take(event)
        line = event_line(event, self._state)
        if self._live is not None:
            self._live.refresh()
        # The panel goes; these lines stay. Without markup: a class or a file may be called "[red]".
        if line and (self._live is None or isinstance(event, Finished | Planned | StockChanged)):
            # In a log a line is a line; a terminal would break it within a word.
            self._console.print(line, soft_wrap=self._live is None, markup=False, highlight=False)


class _Clock(ProgressColumn):
    """The time since the work began: rich's own column stops when a stage reaches its total."""

    def __init__(self) -> None:
        super().__init__()
        self._started = time.monotonic()

    def render(self, task: Task) -> Text:  # noqa: ARG002 (rich's protocol)
        """Rich's protocol."""
        return Text(duration_text(time.monotonic() - self._started))


class Stages:
    """A bar for work in named stages, such as a harvest: call it with (stage, done, total); total 0 is not known.

    Off a terminal it writes one line for each source. Use it as a context manager.
    """

    def __init__(self, stream: TextIO) -> None:
        """Writes to `stream`, which is stderr outside of tests."""
        self._console = Console(file=stream)
        self._source, self._is_logged = "", False
        self._bars = BarProgress(
            TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), _Clock(),
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
        """Begins the next source."""
        self._source, self._is_logged = source, False

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Shows how far a stage is."""
        self._bars.update(
            # A total of 0 shows a moving bar: the work is there, its size is not known.
            self._task,
            description=shown(f"{self._source}: {stage}"),
            completed=done,
            # At its total a stage gives way to work that may report nothing for long: a full bar would look finished.
            total=total if done < total else None,
        )
        # Once for each source: a log needs no line for each percent.
        if total and not self._is_logged and not self._console.is_terminal:
            self._console.print(f"reading {shown(self._source)}", soft_wrap=True, markup=False, highlight=False)
            self._is_logged = True
