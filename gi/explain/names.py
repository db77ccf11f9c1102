"""Which changes belong together: one defines or drops a name that the other one uses."""

import ast
import itertools
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from gi.core.text_lines import whole_lines

Name: TypeAlias = tuple[str, str]  # the scope that binds it, and the name


def joined(before: Sequence[tuple[str, int | None]], after: Sequence[tuple[str, int | None]]) -> Mapping[int, int]:
    """For each change the number that stands for all that it belongs with; the texts come as stretches with changes.

    Two changes belong together where they share a name that only one of the texts has and binds: an attribute of
    `self` in its class, a local name in its function.
    """
    old, new = _uses(before), _uses(after)
    roots = {change: change for _, change in (*before, *after) if change is not None}
    for mine, other in ((old, new), (new, old)):
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
    starts = [0, *itertools.accumulate(len(stretch.encode()) for stretch, _ in stretches)]
    lines = [0, *itertools.accumulate(len(line.encode()) for line in whole_lines(text))]
    found: dict[Name, list[int]] = {}
    bound = set[Name]()
    for name, binds, line, column in _names(ast.parse(text)):
        change = stretches[bisect_right(starts, lines[line - 1] + column) - 1][1]
        found.setdefault(name, [])
        if change is not None:
            found[name].append(change)
        if binds:
            bound.add(name)
    return {name: changes for name, changes in found.items() if name in bound}


def _names(tree: ast.Module) -> Iterator[tuple[Name, bool, int, int]]:
    """Each attribute of `self` and each name inside a function: the name, whether it is bound there, line, column."""
    for scope, node in _scoped(tree, ""):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
            owner = scope.partition(".")[0]
            column = (node.end_col_offset or 0) - len(node.attr.encode())
            yield (owner, f"self.{node.attr}"), isinstance(node.ctx, ast.Store), node.end_lineno or 0, column
        elif isinstance(node, ast.Name) and node.id != "self":
            yield (scope, node.id), isinstance(node.ctx, ast.Store), node.lineno, node.col_offset
        elif isinstance(node, ast.arg):
            yield (scope, node.arg), True, node.lineno, node.col_offset


def _scoped(node: ast.AST, scope: str) -> Iterator[tuple[str, ast.AST]]:
    """Every node with the class and the function that it stands in."""
    for child in ast.iter_child_nodes(node):
        inner = scope
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            inner = f"{scope}.{child.name}".lstrip(".")
        yield inner, child
        yield from _scoped(child, inner)
