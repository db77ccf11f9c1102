"""The initialisation of a parameter that a layer was built without is skipped for that layer.

Files initialise all their layers in one loop over `self.modules()`, and count on what they build themselves: a
normalisation has a weight, a linear layer a bias. A borrowed block brings layers that have none (`affine=False`), and
the whole network does not build, although there is nothing to initialise:

    nn.init.constant_(m.bias, 0)        becomes        if m.bias is not None:
                                                           nn.init.constant_(m.bias, 0)

Mended is a statement whose value nobody uses. What is computed from a missing parameter has no such answer, nor has one
whose line names no parameter.
"""

import ast

from gi.core.protocols import Check
from gi.core.trace import Answer, Stopped
from gi.core.types import Task
from gi.source.tree.tree import Replacement, Source, dotted, parse

MAX_ROUNDS = 6  # statements, each of which another trace finds
_PARAMETERS = frozenset({"weight", "bias"})


def without_absent(text: str, answer: Answer, task: Task, check: Check) -> tuple[str, Answer]:
    """The text that initialises what is there alone, and its answer; as given where that is not what stopped it."""
    for _ in range(MAX_ROUNDS):
        if not (isinstance(answer, Stopped) and _is_of_none(answer)):
            break
        guarded = _guarded(parse(text), answer.line)
        if guarded is None:
            break
        text, answer = guarded, check(guarded, task)
    return text, answer


def _is_of_none(answer: Stopped) -> bool:
    return answer.stage == "build" and "'NoneType' object has no attribute" in answer.detail


def _guarded(source: Source, line: int) -> str | None:
    """The text whose statement at a line runs only where the parameters that it names are there."""
    at_line = [
        node
        for node in ast.walk(source.tree)
        if isinstance(node, (ast.Expr, ast.Assign)) and node.lineno <= line <= (node.end_lineno or node.lineno)
    ]
    statement = min(at_line, key=lambda node: (node.end_lineno or node.lineno) - node.lineno, default=None)
    if statement is None or (isinstance(statement, ast.Assign) and not _is_in_place(statement)):
        return None
    named = [n for n in source.under(statement) if isinstance(n, ast.Attribute) and n.attr in _PARAMETERS and dotted(n)]
    there = " and ".join(f"{name} is not None" for name in dict.fromkeys(dotted(node) for node in named))
    if not there or _is_guarded(source, statement, there):
        return None
    start, end = source.bytes_of(statement)
    before = source.data[source.line_starts[statement.lineno] : start].decode()
    after = source.data[end:].split(b"\n", 1)[0].strip()
    if before.strip() or (after and not after.startswith(b"#")):  # shares its line: `if ...: nn.init.zeros_(m.bias)`
        return source.edited([Replacement(end, end, f" if {there} else None")]) if _is_call(statement) else None
    indent = "\t" if before.endswith("\t") else "    "
    return source.edited([Replacement(start, start, f"if {there}:\n{before}{indent}")])


def _is_in_place(statement: ast.Assign) -> bool:
    """Whether an assignment gives values to a parameter that is there: `m.bias.data = ...`, `m.bias.data[:] = ...`."""
    (target, *further) = statement.targets
    while isinstance(target, ast.Subscript):
        target = target.value
    return not further and isinstance(target, ast.Attribute) and target.attr == "data"


def _is_call(statement: ast.Expr | ast.Assign) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)


def _is_guarded(source: Source, statement: ast.stmt, there: str) -> bool:
    """Whether the guard is around the statement already: what is None is then something else."""
    outer = source.parents.get(statement)
    return (isinstance(outer, ast.If) and ast.unparse(outer.test) == there) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.IfExp)
    )
