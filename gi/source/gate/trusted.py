"""What a text that the user vouches for lets pass in others: what stands in it, as it stands there."""

import ast
from collections.abc import Iterable, Iterator

from gi.source.gate.refusal import GateRefusal

#: What these refuse is not read any further, so that borrowed lines behind it would not be read either; and they guard
#: gi's own parsers.
NEVER_TRUSTED = frozenset({"size", "nesting", "parse", "coding", "character"})
Stand = tuple[str, str, str]
"""A refusal apart from its place: the rule, what it says, and the code that it is about, with every number as 0."""


def stands(text: str, refusals: Iterable[GateRefusal]) -> Iterator[tuple[GateRefusal, Stand]]:
    """The refusals of a text that `--trust` can pass, each with what it is about.

    That is the whole call where the refused expression begins one, else the statement, of a compound one its head: a
    name that may be called is not trusted with other arguments than those that the user has seen.
    """
    passable = [refusal for refusal in refusals if refusal.rule not in NEVER_TRUSTED]
    if not passable:
        return
    nodes = list(ast.walk(ast.parse(text)))
    for refusal in passable:
        yield refusal, (refusal.rule, refusal.detail, _code(nodes, refusal))


def _code(nodes: list[ast.AST], refusal: GateRefusal) -> str:
    at = (refusal.line, refusal.column)
    calls = [n for n in nodes if isinstance(n, ast.Call) and (n.lineno, n.col_offset) == at]
    if calls:  # outer nodes come first: the whole of `f(x).g(y)`
        return _plain(calls[0])
    around = [n for n in nodes if isinstance(n, (ast.stmt, ast.ExceptHandler)) and _holds(n, at)]
    return _plain(_head(around[-1])) if around else ""


def _holds(statement: ast.stmt | ast.ExceptHandler, at: tuple[int, int]) -> bool:
    # A decorator stands above the line on which its function begins.
    decorators = getattr(statement, "decorator_list", [])
    first = decorators[0] if decorators else statement
    start = (first.lineno, 0 if decorators else first.col_offset)
    return start <= at < (statement.end_lineno or 0, statement.end_col_offset or 0)


def _head(statement: ast.stmt | ast.ExceptHandler) -> ast.AST:
    """The statement without the statements in it."""
    inner = (ast.stmt, ast.ExceptHandler)
    fields = ast.iter_fields(statement)
    return type(statement)(**{n: v for n, v in fields if not (isinstance(v, list) and v and isinstance(v[0], inner))})


def _plain(node: ast.AST) -> str:
    """The code as its tree, with every number as 0: repair and variation set numbers."""
    text = ast.dump(node)
    values = {n.value for n in ast.walk(node) if isinstance(n, ast.Constant)}
    for value in values:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            text = text.replace(f"Constant(value={value!r})", "Constant(value=0)")
    return text
