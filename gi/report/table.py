"""Tables for a terminal; plain text where stdout is piped."""

import sys
from collections.abc import Iterable, Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from gi.archive.records import FailureGroup, FrontMember, RunRecord
from gi.core.types import Objective
from gi.report.figures import spread_text, value_text

PIPED_WIDTH = 200
_UNITS = {"error": "validation", "time": "x reference", "train_time": "CPU", "macs": "per sample", "size": "characters"}


def console() -> Console:
    """What writes to stdout: as wide as the terminal, or wide enough not to wrap where there is none."""
    return Console(file=sys.stdout, width=None if sys.stdout.isatty() else PIPED_WIDTH, soft_wrap=False)


def show(content: RenderableType) -> None:
    """Prints a table or a note to stdout, without the padding at line ends where it goes into a pipe."""
    out, content = console(), Text(content) if isinstance(content, str) else content
    if out.is_terminal:
        out.print(content)
        return
    with out.capture() as captured:
        out.print(content, highlight=False)
    sys.stdout.write("".join(line.rstrip() + "\n" for line in captured.get().splitlines()))


def table(*columns: str, right: Iterable[str] = (), title: str | None = None) -> Table:
    """An empty table in gi's one look; the columns in `right` are aligned to the right."""
    made = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return made


def front_table(run: RunRecord, front: Sequence[FrontMember], hypervolume: float, generation: int) -> Table:
    """The Pareto front, one row for each member, by the first objective: its mean over final trainings where there are.

    The objectives' columns are what the search measured; the errors of the final trainings stand beside them.
    """
    names = [_heading(objective) for objective in run.objectives]
    num_seeds = max((len(member.test_errors) for member in front), default=0)
    finals = [f"validation error ({num_seeds} seeds)"] if any(member.validation_errors for member in front) else []
    made = table("id", *names, *finals, test_heading(num_seeds), "generation", right=(*names, "generation"))
    made.title = (
        f"{run.config.dataset_name}: front of {len(front)} after generation {generation}, hypervolume {hypervolume:.4f}"
    )
    for member in sorted(front, key=lambda m: m.judged[run.objectives[0].key]):
        cells = [value_text(o.key, member.values[o.key]) for o in run.objectives]
        cells += [spread_text(member.validation_errors)] if finals else []
        made.add_row(member.id[:8], *cells, spread_text(member.test_errors), str(member.generation))
    return made


def test_heading(num_seeds: int) -> str:
    """The heading of the test column: which split, how many trainings."""
    return f"test error ({num_seeds} seeds)" if num_seeds else "test error"


def failures_table(groups: Sequence[FailureGroup]) -> Table:
    """Failures by stage and reason, the most frequent first, each with one example."""
    made = table("stage", "reason", "count", "example", "detail", right=("count",))
    for group in sorted(groups, key=lambda g: (-g.count, g.stage, g.reason)):
        made.add_row(group.stage, group.reason, str(group.count), group.example[:8] or "-", _one_line(group.detail))
    return made


def _heading(objective: Objective) -> str:
    unit = _UNITS.get(objective.key)
    return f"{objective.key} ({unit})" if unit else objective.key


def _one_line(text: str, limit: int = 100) -> Text:
    line = " ".join(text.split())
    return Text(line if len(line) <= limit else line[: limit - 1] + "…")
