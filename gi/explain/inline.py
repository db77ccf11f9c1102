"""Splits a changed row further: each call whose name, wrapping or arguments changed becomes a segment of its own."""

import ast
import difflib
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from gi.core.text_lines import whole_lines
from gi.explain.alignment import paired

# A call's name and its bracket are one token, so that no cut leaves one without the other.
_TOKEN = re.compile(r"[\w.]+\(?|\s+|.", re.DOTALL)
_MOST_PARTS = 8  # of one row: joining tries pairs of groups, each by a parse; beyond this the row changes as a whole


@dataclass(frozen=True, slots=True)
class RowSegment:
    """A stretch of a row in both texts; segments of one `group` change together, None is for equal ones."""

    before: str
    after: str
    group: int | None


def parts(before: str, after: str) -> tuple[RowSegment, ...]:
    """The parts of a row; each group alone gives a row that parses.

    A row over several lines is one part, shown as a whole; so is a row of which no cut gives rows that parse.
    """
    whole = (RowSegment(before, after, 0),)
    calls = _calls(before)
    if "\n" in before.strip() or not calls or not after.strip() or _calls(after) is None:
        return whole
    cut = list(_cut(before, after, calls))
    groups = sorted({part.group for part in cut if part.group is not None})
    if len(groups) > _MOST_PARTS:
        return whole
    joined = _joined(cut, groups)
    return tuple(joined) if joined else whole


def _cut(before: str, after: str, calls: Sequence[tuple[int, int]]) -> Iterator[RowSegment]:
    """The equal and the changed parts; those that belong to one call of the old row have one group."""
    old, new = _TOKEN.findall(before), _TOKEN.findall(after)
    at = 0
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            same = "".join(old[i1:i2])
            yield RowSegment(same, same, None)
            at += len(same)
            continue
        for stretch in paired(old[i1:i2], new[j1:j2]):
            # Of several brackets in a row, the one that a diff marks as new is arbitrary and belongs to no call: it
            # gets a group of its own, from -2 down (-1 is "in no call"), and `_joined` merges it where it is needed.
            loose = not (stretch.before + stretch.after).strip(")")
            end = at + len(stretch.before)
            yield RowSegment(stretch.before, stretch.after, -2 - at if loose else _owner(calls, at, end))
            at = end


def _owner(calls: Sequence[tuple[int, int]], start: int, end: int) -> int:
    """The index of the innermost call around a stretch, -1 for none; an insertion at a call's edge is outside of it."""
    inside = [
        n for n, (first, last) in enumerate(calls)
        if (first <= start and end <= last and (start < end or first < start < last))
    ]  # fmt: skip
    return min(inside, key=lambda n: calls[n][1] - calls[n][0], default=-1)


def _joined(cut: Sequence[RowSegment], groups: Sequence[int]) -> list[RowSegment] | None:
    """Joins groups that give a row that parses only together; None where a group parses with no single partner."""
    renamed = {group: group for group in groups}
    for group in groups:
        if _parses(_row(cut, renamed, {renamed[group]})):
            continue
        partner = next((g for g in groups if _parses(_row(cut, renamed, {renamed[group], renamed[g]}))), None)
        if partner is None:
            return None
        renamed = {g: renamed[partner] if root == renamed[group] else root for g, root in renamed.items()}
    return [part if part.group is None else replace(part, group=renamed[part.group]) for part in cut]


def _row(cut: Sequence[RowSegment], renamed: dict[int, int], kept: set[int]) -> str:
    return "".join(p.after if p.group is None or renamed[p.group] in kept else p.before for p in cut)


def _parses(row: str) -> bool:
    return _calls(row) is not None


def _calls(row: str) -> list[tuple[int, int]] | None:
    """Extents of the row's calls, in characters; None for a row that is neither a statement nor an argument."""
    text = row.strip()
    indent = len(row) - len(row.lstrip())
    try:
        tree = ast.parse(text if not text.endswith(",") else f"{text[:-1]}")
    except SyntaxError:
        return None
    lines = [0, *itertools.accumulate(len(line) for line in whole_lines(text))]
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call)]
    return [(indent + _at(text, lines, n.lineno, n.col_offset),
             indent + _at(text, lines, n.end_lineno or 0, n.end_col_offset or 0)) for n in calls]  # fmt: skip


def _at(text: str, lines: Sequence[int], line: int, column: int) -> int:
    """The character offset of a line and a column in UTF-8 bytes."""
    start = lines[line - 1]
    return start + len(text[start:].encode()[:column].decode())
