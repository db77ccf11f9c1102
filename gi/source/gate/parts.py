"""The parts of an expression, and the counters of a loop."""

import ast


def parts_of(value: ast.expr) -> list[ast.expr]:
    """The expressions that a value may be (`a if c else b`) or that it holds as elements; [] for others."""
    if isinstance(value, (ast.ListComp, ast.SetComp, ast.GeneratorExp)):
        return [value.elt]
    if isinstance(value, ast.DictComp):
        return [value.value]
    if isinstance(value, (ast.Tuple, ast.List)):
        return value.elts
    if isinstance(value, ast.Dict):
        return value.values
    if isinstance(value, ast.IfExp):
        return [value.body, value.orelse]
    if isinstance(value, ast.BoolOp):
        return value.values
    return [value.value] if isinstance(value, ast.Starred) else []


def counts(loop: ast.For | ast.comprehension, binding: ast.AST) -> bool:
    """Whether a loop binds a name to a counter: `for i in range(n)`, `for i, layer in enumerate(...)`."""
    called = loop.iter.func if isinstance(loop.iter, ast.Call) else None
    counted = isinstance(loop.target, ast.Tuple) and loop.target.elts[0] is binding
    return isinstance(called, ast.Name) and (called.id == "range" or (called.id == "enumerate" and counted))
