"""Treats imports at the beginning of a function as imports at the top of the file."""

import ast
from collections import Counter
from collections.abc import Iterator


def hoisted(tree: ast.Module) -> ast.Module:
    """The file with the imports at the beginning of its functions moved to its top; changes `tree`.

    `def recipe(...): from torchvision.transforms import v2` is what gi's own export writes. Moved only if nothing else
    in the file binds the names, in any scope: then they mean the same at the top, where every other rule reads them.
    The import rule refuses those that stay.
    """
    imports: list[ast.stmt] = []
    begun = [f for f in tree.body if isinstance(f, ast.FunctionDef) and any(map(_is_import, f.body[:2]))]
    bound = Counter(_bound(tree) if begun else ())
    for function in begun:
        first = 1 if ast.get_docstring(function) is not None else 0
        while first < len(function.body) - 1 and _is_sole(function.body[first], bound):
            imports.append(function.body.pop(first))
    tree.body[:0] = imports
    return tree


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
