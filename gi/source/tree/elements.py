"""Edits of what commas separate: the arguments of a call, the elements of a list."""

import ast

from gi.source.tree.replacement import Replacement
from gi.source.tree.tree import Source


def outer_bytes(source: Source, element: ast.expr) -> tuple[int, int]:
    """Where an element starts and ends, its own parentheses included."""
    # The syntax tree drops parentheses: `f((a), b)` has the same nodes as `f(a, b)`, and a cut at the node's own
    # end would leave one behind. The limit keeps the call's own closing bracket out.
    (start, end), limit = source.bytes_of(element), source.bytes_of(source.parents[element])[1] - 1
    while True:
        left, right = source.data[:start].rstrip(), source.data[end:limit]
        if left[-1:] != b"(" or right.lstrip()[:1] != b")":
            return start, end
        start, end = len(left) - 1, end + len(right) - len(right.lstrip()) + 1


def delete_element(source: Source, element: ast.expr, siblings: list[ast.expr]) -> Replacement:
    """An element goes, with its comma, and its line where it stood alone."""
    at = siblings.index(element)
    return delete_elements(source, siblings, at, at)


def delete_elements(source: Source, siblings: list[ast.expr], first: int, last: int) -> Replacement:
    """The elements from index `first` to `last` go, with their commas."""
    start, end = outer_bytes(source, siblings[first])[0], outer_bytes(source, siblings[last])[1]
    if last + 1 < len(siblings):  # up to where the next one starts
        return Replacement(start, outer_bytes(source, siblings[last + 1])[0], "")
    if first > 0:
        return Replacement(outer_bytes(source, siblings[first - 1])[1], end, "")
    return _whole(source, start, end)


def _whole(source: Source, start: int, end: int) -> Replacement:
    """All elements go, with the last comma, and with the lines that the brackets would leave empty."""
    comma = source.data[end:].lstrip()
    end += len(source.data[end:]) - len(comma) + 1 if comma[:1] == b"," else 0
    left, right = source.data[:start].rstrip(), source.data[end:].lstrip()
    if left[-1:] in b"([" and right[:1] in b")]":
        start, end = len(left), len(source.data) - len(right)
    return Replacement(start, end, "")


def insert_element_after(source: Source, element: ast.expr, *texts: str) -> Replacement:
    """New elements behind an element, on lines of their own where the element starts its line."""
    end = outer_bytes(source, element)[1]
    return Replacement(end, end, "".join(_gap(source, element) + text for text in texts))


def insert_element_before(source: Source, element: ast.expr, *texts: str) -> Replacement:
    """New elements in front of an element, on lines of their own where the element starts its line."""
    start = outer_bytes(source, element)[0]
    return Replacement(start, start, "".join(text + _gap(source, element) for text in texts))


def _gap(source: Source, element: ast.expr) -> str:
    start = outer_bytes(source, element)[0]
    line = max(source.data.rfind(b"\n", 0, start), source.data.rfind(b"\r", 0, start)) + 1
    before = source.data[line:start].decode()
    return ", " if before.strip() else f",\n{before}"
