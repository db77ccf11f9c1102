"""The refusals that a trusted text excuses in other texts: those of the same code."""

import ast
from collections.abc import Iterable, Iterator

from gi.source.gate.refusal import GateRefusal

#: A refusal by one of these ends the analysis, so that borrowed lines of the text would go unchecked; and these rules
#: guard gi's own parsers.
NEVER_TRUSTED = frozenset({"size", "nesting", "parse", "coding", "character"})
Stand = tuple[str, str, str]
"""A refusal without its place: the rule, the detail, and the refused code, with every number as 0."""


def stands(text: str, refusals: Iterable[GateRefusal]) -> Iterator[tuple[GateRefusal, Stand]]:
    """The refusals of a text that `--trust` can excuse, each with its `Stand`.

    Its code is the whole call where the refused expression begins one, else the statement, or the head of a compound
    one: a function is trusted only with the arguments that the user has seen.
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
    # A decorator is on a line above the function's `lineno`.
    decorators = getattr(statement, "decorator_list", [])
    first = decorators[0] if decorators else statement
    start = (first.lineno, 0 if decorators else first.col_offset)
    return start <= at < (statement.end_lineno or 0, statement.end_col_offset or 0)


def _head(statement: ast.stmt | ast.ExceptHandler) -> ast.AST:
    """The statement without its nested statements."""
    inner = (ast.stmt, ast.ExceptHandler)
    fields = ast.iter_fields(statement)
    return type(statement)(**{n: v for n, v in fields if not (isinstance(v, list) and v and isinstance(v[0], inner))})


def _plain(node: ast.AST) -> str:
    """The dump of the code's tree, with every number as 0: repair and variation change numbers."""
    text = ast.dump(node)
    values = {n.value for n in ast.walk(node) if isinstance(n, ast.Constant)}
    for value in values:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            text = text.replace(f"Constant(value={value!r})", "Constant(value=0)")
    return text
