"""Tables for a terminal; plain text where stdout is piped."""

import sys
from collections.abc import Iterable, Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from gi.archive.records import FailureGroup, FrontMember, RunRecord, RunSummary
from gi.core.figures import spread_text
from gi.core.types import Objective
from gi.search.select import spread

PIPED_WIDTH = 200


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


def front_table(run: RunRecord, summary: RunSummary, top: int | None = None) -> Table:
    """The Pareto front, one row for each member, by the first objective: its mean over final trainings where there are.

    The objectives' columns are what the search measured; the errors of the final trainings stand beside them. `top`
    leaves the members that `top_members` chooses.
    """
    front = top_members(run, summary.front, top)
    names = [_heading(objective) for objective in run.objectives]
    num_seeds = max((len(member.test_errors) for member in front), default=0)
    finals = [f"validation error ({num_seeds} seeds)"] if any(member.validation_errors for member in front) else []
    content = table("id", *names, *finals, test_heading(num_seeds), "generation", right=(*names, "generation"))
    count = f"front of {len(summary.front)}" if len(front) == len(summary.front) else _part(len(front), summary)
    after = f"after generation {summary.generations}, hypervolume {summary.hypervolume:.4f}"
    content.title = f"{run.config.dataset_name}: {count} {after}"
    for member in sorted(front, key=lambda m: m.judged[run.objectives[0].key]):
        cells = [o.text(member.values[o.key]) for o in run.objectives]
        cells += [spread_text(member.validation_errors)] if finals else []
        content.add_row(member.id[:8], *cells, spread_text(member.test_errors), str(member.generation))
    return content


def _part(shown: int, summary: RunSummary) -> str:
    return f"{shown} of a front of {len(summary.front)}"


def top_members(run: RunRecord, front: Sequence[FrontMember], top: int | None) -> Sequence[FrontMember]:
    """`top` members (all for None): the best by each objective, then those that differ most from the ones chosen."""
    if top is None or top >= len(front):
        return front
    values = [[o.scaled(member.values[o.key]) for o in run.objectives] for member in front]
    return [front[row] for row in spread(values, top)]


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
    return f"{objective.key} ({objective.heading})" if objective.heading else objective.key


def _one_line(text: str, limit: int = 100) -> Text:
    line = " ".join(text.split())
    return Text(line if len(line) <= limit else line[: limit - 1] + "…")
