"""Tables of what can be borrowed: typed lines of a file, a corpus, a harvest, offspring."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from gi.core.quoting import shown, shown_lines
from gi.core.types import TypedLine
from gi.report.table import plain, row, table


def lines_table(lines: Sequence[TypedLine]) -> Table:
    """Typed lines with the symbols that they call."""
    typed = table("line", "type", "code", "calls", right=("line",))
    for line in lines:
        calls = ", ".join(dict.fromkeys(f"{call.symbol} ({call.type})" for call in line.calls))
        typed.add_row(str(line.line), line.type.value, plain(line.code.split("\n")[0]), plain(calls))
    return typed


def offspring_text(answer: Mapping[str, Any], parent: str) -> str:
    """One answer of `gi vary`: a heading with the operators and the verdict, then the diff to its parent."""
    verdict = "accepted" if answer.get("accepted", True) else f"refused: {answer['reason']} ({answer['stage']})"
    heading = f"# {', '.join(answer['operators']) or 'no edit'} after {answer['tries']} tries: {verdict}"
    # Two lines around a change, where git has three: an offspring differs in a line or three.
    changed = difflib.unified_diff(
        parent.splitlines(), answer["text"].splitlines(), "parent", "offspring", lineterm="", n=2
    )
    return "\n".join([shown(heading), *map(shown_lines, changed), ""])


def harvests_table(answers: Sequence[Mapping[str, Any]]) -> Table:
    """The numbers of programs, lines, calls and blocks that each source added to a corpus."""
    counted = ("programs", "lines", "new", "blocks", "refused")
    added = table("source", "commit", *counted, right=counted)
    for answer in answers:
        if "error" in answer:
            added.add_row(plain(answer["source"]), "-", "could not be fetched", "", "", "", "")
            continue
        counts = [str(answer[key]) for key in ("programs", "lines", "ingredients", "blocks")]
        added.add_row(*row(answer["source"], answer["commit"][:12] or "-", *counts, len(answer["refused"])))
    return added


def blocks_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Blocks with their input, the arguments that set widths and stride, and their origins."""
    blocks = table("block", "takes", "in", "out", "stride", "parameters", "from", right=("parameters",), title="blocks")
    for block in rows:
        setters = (block[key] or "-" for key in ("channels_in", "channels_out", "stride"))
        place = f"{block['repository']} {block['path']}:{block['line']} ({block['licence']})"
        blocks.add_row(*row(block["name"], block["input"], *setters, f"{block['params']:,}", place))
    return blocks


def summary_table(rows: Sequence[Mapping[str, Any]], *, title: str) -> Table:
    """Rows of a corpus's summary; columns of integers are aligned to the right."""
    names = list(rows[0]) if rows else ["nothing"]
    figures = table(*names, right=[name for name in names if rows and isinstance(rows[0][name], int)], title=title)
    for values in rows:
        figures.add_row(*row(*(_cell(values[name]) for name in names)))
    return figures


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{count} {reason}" for reason, count in value.items()) or "-"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "-"
    return str(value) if value != "" else "-"
