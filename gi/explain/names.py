"""Groups changes that cannot be applied apart: one binds or removes a name that another uses."""

import ast
import itertools
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from gi.core.text_lines import whole_lines

Name: TypeAlias = tuple[str, str]  # the scope that binds it, and the name


def joined(before: Sequence[tuple[str, int | None]], after: Sequence[tuple[str, int | None]]) -> Mapping[int, int]:
    """Maps each change to the representative of its group; a text is a sequence of (stretch, change number or None).

    Two changes are one group where they share a name that only one of the texts has and binds: an attribute of
    `self` in its class, a local name in its function.
    """
    old, new = _uses(before), _uses(after)
    # A union-find over change numbers; the least number of a group is its root.
    roots = {change: change for _, change in (*before, *after) if change is not None}
    for mine, other in ((old, new), (new, old)):
        # A name that both texts bind is no reason to join: either program can use it without the other change.
        for name in mine.keys() - other.keys():
            for change in mine[name]:
                _join(roots, mine[name][0], change)
    return {change: _root(roots, change) for change in roots}


def _join(roots: dict[int, int], one: int, other: int) -> None:
    first, second = sorted((_root(roots, one), _root(roots, other)))
    roots[second] = first


def _root(roots: Mapping[int, int], change: int) -> int:
    while roots[change] != change:
        change = roots[change]
    return change


def _uses(stretches: Sequence[tuple[str, int | None]]) -> dict[Name, list[int]]:
    """The bound names of a text, each with the changes whose stretches it occurs in."""
    text = "".join(stretch for stretch, _ in stretches)
    # Offsets in UTF-8 bytes, the unit in which `ast` counts columns.
    starts = [0, *itertools.accumulate(len(stretch.encode()) for stretch, _ in stretches)]
    lines = [0, *itertools.accumulate(len(line.encode()) for line in whole_lines(text))]
    uses: dict[Name, list[int]] = {}
    bound = set[Name]()
    for name, binds, line, column in _names(ast.parse(text)):
        change = stretches[bisect_right(starts, lines[line - 1] + column) - 1][1]
        uses.setdefault(name, [])
        if change is not None:
            uses[name].append(change)
        if binds:
            bound.add(name)
    return {name: changes for name, changes in uses.items() if name in bound}


def _names(tree: ast.Module) -> Iterator[tuple[Name, bool, int, int]]:
    """Each attribute of `self` and each name inside a function: the name, whether it is bound there, line, column."""
    for scope, node in _scoped(tree, ""):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
            owner = scope.partition(".")[0]  # an attribute is shared by all methods: the class is its scope
            column = (node.end_col_offset or 0) - len(node.attr.encode())
            yield (owner, f"self.{node.attr}"), isinstance(node.ctx, ast.Store), node.end_lineno or 0, column
        elif isinstance(node, ast.Name) and node.id != "self":
            yield (scope, node.id), isinstance(node.ctx, ast.Store), node.lineno, node.col_offset
        elif isinstance(node, ast.arg):
            yield (scope, node.arg), True, node.lineno, node.col_offset


def _scoped(node: ast.AST, scope: str) -> Iterator[tuple[str, ast.AST]]:
    """Every node with its scope, "Class.method", "function" or ""."""
    for child in ast.iter_child_nodes(node):
        inner = scope
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            inner = f"{scope}.{child.name}".lstrip(".")
        yield inner, child
        yield from _scoped(child, inner)
