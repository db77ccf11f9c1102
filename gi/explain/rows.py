"""Splits a module into statements, and these into rows, the units of alignment.

A row is one line, or several lines that only parse together: a simple statement, or one argument of a bracket that
gives each argument its own line, as `nn.Sequential(` does with its layers.
"""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gi.core.text_lines import whole_lines


@dataclass(frozen=True, slots=True)
class Section:
    """One module-level statement with the blank and comment lines above it.

    `key` is what it is matched by in another text. `names` holds what it binds; empty for a statement that does
    anything else than bind names, since that cannot be left out just because nothing mentions it.
    """

    key: tuple[str, str]
    names: frozenset[str]
    rows: tuple[str, ...]

    @property
    def text(self) -> str:
        """The section's exact text."""
        return "".join(self.rows)


def sections(text: str) -> tuple[Section, ...]:
    """The statements of a module in order, and its last lines. Raises `SyntaxError`."""
    tree, lines = ast.parse(text), whole_lines(text)
    whole = dict(_whole(tree.body))
    parsed, at = [], 0
    for statement in tree.body:
        end = statement.end_lineno or 0
        if end <= at:  # `a = 1; b = 2`: the line went to the first statement
            continue
        parsed.append(Section(_key(statement), _bound(statement), tuple(_rows(lines, at, end, whole))))
        at = end
    rest = tuple(lines[at:])
    return (*parsed, Section(("end", ""), frozenset(), rest)) if rest else tuple(parsed)


def _rows(lines: Sequence[str], at: int, end: int, whole: dict[int, int]) -> Iterator[str]:
    while at < end:
        last = whole.get(at, at)
        yield "".join(lines[at : last + 1])
        at = last + 1


def _whole(body: Sequence[ast.stmt]) -> Iterator[tuple[int, int]]:
    """First and last line (0-based) of each row of more than one line."""
    for statement in body:
        inner = [s for field in ("body", "orelse", "finalbody", "handlers") for s in getattr(statement, field, [])]
        if inner:
            yield from _whole(inner)
        else:
            yield from _atoms(statement)


def _atoms(node: ast.AST) -> Iterator[tuple[int, int]]:
    first, last = node.lineno - 1, node.end_lineno - 1  # type: ignore[attr-defined]
    if first == last:
        return
    elements = next((listed for n in _breadth_first(node) if (listed := _listed(n))), None)
    if elements is None:
        yield first, last
        return
    for element in elements:
        yield from _atoms(element)


def _listed(node: ast.AST) -> list[ast.expr] | None:
    """The elements of a bracket that gives each of several calls its own line, as `nn.Sequential(` does."""
    if isinstance(node, ast.Call):
        elements = list(node.args)
    elif isinstance(node, ast.List | ast.Tuple):
        elements = list(node.elts)
    else:
        return None
    # Only calls, so that a kernel size `(3,\n 3)` stays one row; and not beside the bracket itself, whose line would
    # then belong to an argument and go with it.
    starts = [e.lineno for e in elements]
    calls = all(any(isinstance(n, ast.Call) for n in ast.walk(e)) for e in elements)
    own_lines = len(set(starts)) == len(starts) and starts[:1] > [getattr(node, "lineno", 0)]
    return elements if elements and calls and own_lines else None


def _breadth_first(node: ast.AST) -> Iterator[ast.AST]:
    return iter(ast.walk(node))


def _key(statement: ast.stmt) -> tuple[str, str]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return "definition", statement.name
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        return "assignment", ", ".join(map(ast.unparse, targets))
    return "statement", ast.unparse(statement)


def _bound(statement: ast.stmt) -> frozenset[str]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return frozenset({statement.name})
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return frozenset((alias.asname or alias.name).partition(".")[0] for alias in statement.names)
    if isinstance(statement, ast.Assign) and all(isinstance(t, ast.Name) for t in statement.targets):
        return frozenset(t.id for t in statement.targets if isinstance(t, ast.Name))
    return frozenset()
