"""What an expression is made of, and what a loop counts."""

import ast


def parts_of(value: ast.expr) -> list[ast.expr]:
    """The expressions of which a value is one, or which it holds."""
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
    """Whether a loop binds a name to how often it went round: `for i in range(n)`, `for i, layer in enumerate(...)`."""
    called = loop.iter.func if isinstance(loop.iter, ast.Call) else None
    counted = isinstance(loop.target, ast.Tuple) and loop.target.elts[0] is binding
    return isinstance(called, ast.Name) and (called.id == "range" or (called.id == "enumerate" and counted))
