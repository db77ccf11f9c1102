"""A program's identity as text: formatting, comments, docstrings, dead code, spelling and local names do not count."""

import ast
import hashlib
from functools import lru_cache

from gi.source.identity.dead_code import without_idle_code
from gi.source.tree.imports import imported
from gi.source.tree.tree import parse

_KEPT = frozenset({"self", "cls"})


@lru_cache(maxsize=4096)
def normalise(text: str, entry: str = "Net") -> str:
    """The text in its normal form: equal for programs that differ in spelling alone. Raises `SourceError`.

    `entry` builds the network: what neither it nor anything else uses is left out.
    """
    # Idle code alone is left out: an unused layer is counted among the parameters, so that two programs that differ in
    # one are two.
    source = parse(without_idle_code(text, entry))
    tree = _Plain(imported(source)).visit(ast.parse(source.text))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        # Where a statement was dropped, `pass` may stand in; one that is not needed would tell two spellings apart.
        if isinstance(body, list):
            node.body = [s for s in body if not isinstance(s, ast.Pass)] or [ast.Pass()]  # type: ignore[attr-defined]
        if isinstance(node, ast.ClassDef):
            _Renamed(_attributes(node)).visit(node)
    return ast.unparse(ast.fix_missing_locations(tree))


def digest(text: str, entry: str = "Net") -> str:
    """16 hexadecimal digits of SHA-256 over the normal form. Raises `SourceError`."""
    return hashlib.sha256(normalise(text, entry).encode()).hexdigest()[:16]


class _Plain(ast.NodeTransformer):
    """Drops imports, docstrings and annotations; writes imported names in full; numbers local names."""

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names
        self.locals: dict[str, str] = {}

    def visit_Module(self, node: ast.Module) -> ast.AST:
        node.body = [s for s in node.body if not _is_written_in_full(s)]
        return self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        # A docstring, or another constant without effect.
        if isinstance(node.value, ast.Constant):
            return ast.Pass()
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is None:
            return ast.Pass()
        return self.generic_visit(ast.Assign(targets=[node.target], value=node.value))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        outer, node.returns = self.locals, None
        self.locals = {**outer, **_locals(node, len(outer))}
        self.generic_visit(node)
        self.locals = outer
        return node

    # An annotation has no effect on what runs, and editors of code often add or drop it.
    def visit_arg(self, node: ast.arg) -> ast.AST:
        return ast.arg(arg=self.locals.get(node.arg, node.arg), annotation=None)

    def visit_keyword(self, node: ast.keyword) -> ast.AST:
        self.generic_visit(node)
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in self.locals:
            return ast.Name(id=self.locals[node.id], ctx=node.ctx)
        return ast.Name(id=self.names.get(node.id, node.id), ctx=node.ctx)


def _is_written_in_full(statement: ast.stmt) -> bool:
    """Whether a statement is an import whose names the normal form spells in full."""
    if isinstance(statement, ast.ImportFrom):
        return bool(statement.module) and not statement.level and all(a.name != "*" for a in statement.names)
    return isinstance(statement, ast.Import)


def _locals(function: ast.FunctionDef, start: int) -> dict[str, str]:
    """New names for what a private scope binds; parameters keep theirs where a caller may use them as keywords."""
    # Callers may write `f(width=8)`: renaming a parameter would make another program of it.
    parameters = {a.arg for a in ast.walk(function.args) if isinstance(a, ast.arg)}
    stored = [n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    # These two are called by position alone, by torch and by the loop.
    free = parameters if function.name in ("forward", "recipe") else set()
    order = [a.arg for a in ast.walk(function.args) if isinstance(a, ast.arg) and a.arg in free]
    names = [n for n in dict.fromkeys([*order, *stored]) if n not in _KEPT and (n not in parameters or n in free)]
    return {name: f"v{start + i}" for i, name in enumerate(names)}


class _Renamed(ast.NodeTransformer):
    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.value, ast.Name) and node.value.id == "self" and node.attr in self.names:
            node.attr = self.names[node.attr]
        return node


def _attributes(owner: ast.ClassDef) -> dict[str, str]:
    """Numbers for the attributes that a class sets on `self`, in order."""
    stored = [
        n.attr
        for n in ast.walk(owner)
        if isinstance(n, ast.Attribute)
        and isinstance(n.ctx, ast.Store)
        and isinstance(n.value, ast.Name)
        and n.value.id == "self"
    ]
    return {name: f"a{i}" for i, name in enumerate(dict.fromkeys(stored))}
