"""Treats imports at the beginning of a function, and `:=`, as the plain statements that mean the same.

The other rules then read one form of each.
"""

import ast
from collections import Counter
from collections.abc import Iterator, Mapping

from gi.source.gate.program import COMPREHENSIONS

#: The parts of statements that are evaluated once, before anything else of them.
_FIRST: Mapping[type[ast.stmt], str] = {
    ast.Return: "value", ast.Assign: "value", ast.AnnAssign: "value", ast.Expr: "value", ast.If: "test",
    ast.Assert: "test", ast.For: "iter", ast.Raise: "exc",
}  # fmt: skip
#: Expressions whose parts are evaluated later, or many times.
_LATER = (ast.Lambda, *COMPREHENSIONS)


def hoisted(tree: ast.Module) -> ast.Module:
    """The file with function-level imports moved to its top and each `:=` to an assignment before its statement.

    Changes `tree`. `def recipe(...): from torchvision.transforms import v2` is what gi's own export writes, and
    `(first := f(x)) + pool(g(x), first.shape[2:])` what a repair does. Moved only if nothing else in the file binds the
    names, in any scope: then they mean the same in the new place, where every other rule reads them. The rules refuse
    those that stay.
    """
    candidates = [f for f in tree.body if isinstance(f, ast.FunctionDef) and any(map(_is_import, f.body[:2]))]
    named = any(isinstance(node, ast.NamedExpr) for node in ast.walk(tree))
    bound = Counter(_bound(tree) if candidates or named else ())
    imports: list[ast.stmt] = []
    for function in candidates:
        first = 1 if ast.get_docstring(function) is not None else 0
        while first < len(function.body) - 1 and _is_sole(function.body[first], bound):
            imports.append(function.body.pop(first))
    tree.body[:0] = imports
    if named:
        for node in list(ast.walk(tree)):
            for _, block in ast.iter_fields(node):
                if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                    block[:] = [plain for statement in block for plain in _assigned_first(statement, bound)]
    return tree


def _assigned_first(statement: ast.stmt, bound: Counter[str]) -> Iterator[ast.stmt]:
    """The statement behind an assignment for each `:=` of what it evaluates first, in the order of evaluation.

    An analysis of all that a name may be loses nothing by it: the value may be computed although it is not needed, and
    a name that is bound nowhere else cannot be read before.
    """
    part = getattr(statement, _FIRST.get(type(statement), ""), None)
    if part is not None:
        names = _Assignments(bound)
        setattr(statement, _FIRST[type(statement)], names.visit(part))
        yield from names.assignments
    yield statement


class _Assignments(ast.NodeTransformer):
    """Replaces `(name := value)` by the name, and collects the assignments."""

    def __init__(self, bound: Counter[str]) -> None:
        self._bound = bound
        self.assignments: list[ast.stmt] = []

    def visit(self, node: ast.AST) -> ast.AST:
        """The node, or the name that takes its place; what it holds is visited first, as it is evaluated first."""
        if isinstance(node, _LATER):
            return node
        self.generic_visit(node)
        if not isinstance(node, ast.NamedExpr) or self._bound[node.target.id] != 1:
            return node
        self.assignments.append(ast.copy_location(ast.Assign([node.target], node.value), node))
        return ast.copy_location(ast.Name(node.target.id, ast.Load()), node)


def _is_import(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Import | ast.ImportFrom)


def _is_sole(statement: ast.stmt, bound: Counter[str]) -> bool:
    """Whether a statement is an import whose names nothing else binds."""
    return isinstance(statement, ast.Import | ast.ImportFrom) and all(
        alias.name != "*" and bound[_name(alias)] == 1 for alias in statement.names
    )


def _bound(tree: ast.Module) -> Iterator[str]:
    """Every name that the file binds, once for each binding."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                yield from map(_name, names)
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                yield from names
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name
            case ast.MatchMapping(rest=str(name)):
                yield name


def _name(alias: ast.alias) -> str:
    return alias.asname or alias.name.partition(".")[0]
