"""The attributes that are surely set before a layer may be registered under their name."""

import ast


def surely_set(constructor: ast.FunctionDef, methods: frozenset[str]) -> frozenset[str]:
    """The attributes that a constructor sets before anything may be registered, on every way through it.

    Before them its object is neither handed to anything nor are its `methods` mentioned, `super().__init__` aside.
    """
    own = constructor.args.args[0].arg if constructor.args.args else ""
    found: set[str] = set()
    for statement in constructor.body:
        if not _is_harmless(statement, own, methods):
            break
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        found |= {t.attr for t in targets if isinstance(t, ast.Attribute) and _is_name(t.value, own)}
    return frozenset(found)


def _is_harmless(statement: ast.stmt, own: str, methods: frozenset[str]) -> bool:
    """Whether a statement at the beginning of a constructor registers nothing and does not leave it."""
    if isinstance(statement, ast.Expr):
        call = statement.value
        above = isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "__init__"
        return isinstance(call, ast.Constant) or above
    if not isinstance(statement, (ast.Assign, ast.Assert)):
        return False
    nodes = list(ast.walk(statement))
    read = {node.value for node in nodes if isinstance(node, ast.Attribute) and node.attr not in methods}
    return not any(_is_name(node, "super") or (_is_name(node, own) and node not in read) for node in nodes)


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name
