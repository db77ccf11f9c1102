"""Tables for a terminal; plain text where stdout is piped."""

import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from gi.archive.front import ranked
from gi.archive.records import FailureGroup, RunRecord, RunSummary
from gi.core.figures import spread_text
from gi.core.objectives import Objective
from gi.core.quoting import shown
from gi.report.top_members import top_members

# Wider than the longest rows, since a pipe has no width.
PIPED_WIDTH = 200
_SHORT = 20  # terminal cells, enough for figures and ids, not for sentences
_KEPT = "\N{NO-BREAK SPACE}"


def console() -> Console:
    """The console on stdout: as wide as the terminal, or `PIPED_WIDTH`, wide enough not to wrap, in a pipe."""
    width = None if sys.stdout.isatty() else PIPED_WIDTH
    # No markup, no emoji: ":art:" in a path is a path.
    return Console(file=sys.stdout, width=width, soft_wrap=False, markup=False, emoji=False, highlight=False)


def fitted(content: RenderableType, width: int) -> RenderableType:
    """A table whose columns keep their longest word; where `width` cannot hold them, its rows as blocks of lines.

    Rich narrows columns until they fit and then breaks ids, numbers and headings anywhere.
    """
    if not isinstance(content, Table):
        return content
    cells = [[str(cell) for cell in (column.header, *column.cells)] for column in content.columns]
    least = [max(_longest_word(head), max(map(_least_width, column), default=0)) for head, *column in cells]
    most = [max(map(_longest_line, column)) for column in cells]
    # Two blanks between columns; the rest is distributed below.
    room = width - 2 * (len(least) - 1) - sum(least)
    if room < 0:
        return _blocks(content, width)
    longest = [[head, max(column, key=cell_len, default="")] for head, *column in cells]
    for column, shared in zip(content.columns, _shared(longest, least, most, room), strict=True):
        column.width = shared
    return content


def _shared(texts: Sequence[Sequence[str]], least: Sequence[int], most: Sequence[int], room: int) -> list[int]:
    """The widths of columns: `least`, and the `room` given step by step to the column with the most wrapped lines.

    `texts` are the heading and the longest cell of each; of equal ones the leftmost goes first.
    """
    widths = [*least]
    while True:
        for at in sorted(range(len(widths)), key=lambda at: -_height(texts[at], widths[at])):
            now = _height(texts[at], widths[at])
            wider = range(widths[at] + 1, min(most[at], widths[at] + room) + 1)
            enough = next((width for width in wider if _height(texts[at], width) < now), None)
            if enough is not None:
                room -= enough - widths[at]
                widths[at] = enough
                break
        else:
            return widths


def _height(texts: Sequence[str], width: int) -> int:
    """The number of lines of the longest of some texts, wrapped between words."""
    return max(len(textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)) for text in texts)


def _least_width(cell: str) -> int:
    """The least width of a cell: a figure such as 1.63% ± 0.20 must not wrap, a sentence may between words."""
    whole = _longest_line(cell)
    return whole if whole <= _SHORT else _longest_word(cell)


def _longest_line(cell: str) -> int:
    return max(map(cell_len, cell.splitlines()), default=1)


def _longest_word(cell: str) -> int:
    return max(map(cell_len, cell.split()), default=1)


def _blocks(content: Table, width: int) -> Text:
    """Every row of a table as headings and values: one on each line, or one paragraph where all values are short."""
    longest = max((_longest_line(str(cell)) for column in content.columns for cell in column.cells), default=0)
    if longest <= _SHORT:
        return _paragraphs(content, width)
    rows = zip(*(column.cells for column in content.columns), strict=True)
    names = [str(column.header) for column in content.columns]
    blocks = [
        Text("\n").join(Text(f"{name}: " if name else "", "bold").append_text(Text(str(cell)))
                        for name, cell in zip(names, cells, strict=True))
        for cells in rows
    ]  # fmt: skip
    title = [Text(str(content.title), "bold")] if content.title else []
    return Text("\n\n").join([*title, *blocks])


def _paragraphs(content: Table, width: int) -> Text:
    """Every row of a table as its first value and, below it, the others with their headings."""
    first, *others = content.columns
    lines = [Text(str(content.title), "bold")] if content.title else []
    for number, name in enumerate(first.cells):
        lines.append(Text(str(name), "bold"))
        values = [f"{column.header} {[*column.cells][number]}" for column in others]
        # A heading stays with its value, unless the two are longer than a line.
        kept = ", ".join(value.replace(" ", _KEPT) if len(value) < width - 4 else value for value in values)
        wrapped = textwrap.wrap(kept, width, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
        lines += [Text(line.replace(_KEPT, " ")) for line in wrapped]
    return Text("\n").join(lines)


@dataclass(frozen=True, slots=True)
class Shown:
    """Any rich content, with control characters escaped.

    Cells are already escaped by `plain`, since columns are measured before this runs; this is a second barrier for
    cells that were not.
    """

    content: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        """Rich's protocol: the content's segments, escaped; rich's own control codes are kept."""
        for segment in console.render(self.content, options):
            is_own = segment.control or segment.text == "\n"
            text = "\n".join(map(shown, segment.text.split("\n")))
            yield segment if is_own else Segment(text, segment.style)


def plain(text: object, style: str = "") -> Text:
    """A cell or line of text without markup, with invisible characters escaped."""
    return Text(shown(str(text)), style)


def row(*cells: object) -> list[Text]:
    """The cells of a table's row, escaped."""
    return [cell if isinstance(cell, Text) else plain(cell) for cell in cells]


def show(content: RenderableType) -> None:
    """Prints a table or a note to stdout, without the padding at line ends where it goes into a pipe."""
    out, content = console(), Text(content) if isinstance(content, str) else content
    if out.is_terminal:
        out.print(Shown(fitted(content, out.width)))
        return
    # Rich pads the last cell of a row, too, which would show in diffs of stored answers.
    with out.capture() as captured:
        out.print(Shown(content))
    sys.stdout.write("".join(line.rstrip() + "\n" for line in captured.get().splitlines()))


def table(*columns: str, right: Iterable[str] = (), title: str | None = None) -> Table:
    """An empty table in gi's one look; the columns in `right` are aligned to the right."""
    empty = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        empty.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return empty


def front_table(run: RunRecord, summary: RunSummary, top: int | None = None) -> Table:
    """The Pareto front, one row for each member, `ranked` by the first objective, the best first.

    Objectives are as measured in the search; the errors of the final trainings follow, by the run's metric, and the
    accuracy where that is another. With `top`, only the members that `top_members` chooses.
    """
    front = top_members(run, summary.front, top)
    names = [_heading(objective) for objective in run.objectives]
    num_seeds = max((len(member.test_errors) for member in front), default=0)
    metric = run.config.objective("error").title
    finals = [f"validation {metric} ({_seeds(num_seeds)})"] if any(member.validation_errors for member in front) else []
    tests = [test_heading(num_seeds, metric)]
    if num_seeds and run.config.metric != "error":
        tests.append(test_heading(num_seeds, "accuracy"))
    content = table("id", *names, *finals, *tests, "gen.", right=(*names, "gen."))
    count = f"front of {len(summary.front)}" if len(front) == len(summary.front) else _part(len(front), summary)
    # That of the top rung, 0 while the rung is empty.
    volume = f", hypervolume {summary.hypervolume:.4f}" if summary.hypervolume else ""
    after = f"after generation {summary.generations}{volume}"
    content.title = f"{shown(run.config.dataset_name)}: {count} {after}"
    # In the order of exports: the first row is the program that `gi export` would write.
    for member in ranked(front, run.objectives, run.objectives[0]):
        cells = [o.text(member.values[o.key]) for o in run.objectives]
        cells += [spread_text(member.validation_errors, seeds=num_seeds)] if finals else []
        tested = (member.test_errors, member.figures.get("accuracy", ()))[: len(tests)]
        cells += [spread_text(values, seeds=num_seeds) for values in tested]
        content.add_row(member.id[:8], *cells, str(member.generation))
    return content


def _part(count: int, summary: RunSummary) -> str:
    return f"{count} of a front of {len(summary.front)}"


def test_heading(num_seeds: int, what: str) -> str:
    """The heading of a column on the test split: the figure and its number of trainings."""
    return f"test {what} ({_seeds(num_seeds)})" if num_seeds else f"test {what}"


def _seeds(number: int) -> str:
    return "1 seed" if number == 1 else f"{number} seeds"


def failures_table(groups: Sequence[FailureGroup]) -> Table:
    """Failures by stage and reason, the most frequent first, each with one example."""
    grid = table("stage", "reason", "count", "example", "detail", right=("count",))
    for group in sorted(groups, key=lambda g: (-g.count, g.stage, g.reason)):
        grid.add_row(*row(group.stage, group.reason, group.count, group.example[:8] or "-", _one_line(group.detail)))
    return grid


def _heading(objective: Objective) -> str:
    return f"{objective.title} ({objective.heading})" if objective.heading else objective.title


def _one_line(text: str, limit: int = 100) -> Text:
    line = " ".join(text.split())
    return plain(line if len(line) <= limit else line[: limit - 1] + "…")
