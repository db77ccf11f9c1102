"""Names of the module's own scope: where a statement reads or binds them, by Python's rules of scope."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

_Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Comprehension: TypeAlias = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True, slots=True)
class Mention:
    """A name of the module's scope at a node that reads or binds it.

    `deferred` says that it is looked up only when a function runs, `annotation` that it stands in an annotation.
    """

    name: str
    node: ast.AST
    deferred: bool
    annotation: bool


def mentions(statement: ast.stmt) -> list[Mention]:
    """Every name of the module's scope, or of Python's builtins, in a statement of the module, in source order."""
    walk = _Walk()
    walk.visit(statement)
    return walk.mentions


def bound_names(statements: Iterable[ast.AST]) -> set[str]:
    """The names that statements bind in their own scope."""
    return {name for statement in statements for name in _bound(statement)}


def _bound(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name
            return
        case ast.Lambda():
            return
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            yield from (n.target.id for n in ast.walk(node) if isinstance(n, ast.NamedExpr))
            return
        case ast.Name(ctx=ast.Store() | ast.Del()):
            yield node.id
        case ast.Import() | ast.ImportFrom():
            yield from (local_name(alias) for alias in node.names if alias.name != "*")
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case ast.MatchMapping(rest=str(name)):
            yield name
    for child in ast.iter_child_nodes(node):
        yield from _bound(child)


def local_name(alias: ast.alias) -> str:
    """The name that an import binds."""
    return alias.asname or alias.name.split(".")[0]


@dataclass
class _Scope:
    is_class: bool
    bound: set[str]
    outside: set[str] = field(default_factory=set)  # declared global


class _Walk:
    """One walk over a statement of the module, which keeps the scopes around the node."""

    def __init__(self) -> None:
        self.mentions: list[Mention] = []
        self.scopes: list[_Scope] = []
        self.in_annotation = False

    def visit(self, node: ast.AST) -> None:
        if isinstance(node, _DEFINITIONS):
            self.mention(node.name, node)
        if isinstance(node, _FUNCTIONS):
            self.function(node)
        elif isinstance(node, ast.ClassDef):
            self.each([*node.decorator_list, *node.bases, *node.keywords])
            self.inside(_Scope(True, bound_names(node.body), _declared(node.body)), node.body)
        elif isinstance(node, _COMPREHENSIONS):
            self.comprehension(node)
        elif isinstance(node, ast.AnnAssign):
            self.each([node.target, *([node.value] if node.value else [])])
            self.annotations([node.annotation])
        else:
            self.plain(node)

    def plain(self, node: ast.AST) -> None:
        match node:
            case ast.Name():
                self.mention(node.id, node)
            case ast.alias() if node.name != "*":
                self.mention(local_name(node), node)
            case ast.ExceptHandler(name=str(name)):
                self.mention(name, node)
            case ast.Global():
                self.mentions.extend(Mention(name, node, True, False) for name in node.names)
        self.each(ast.iter_child_nodes(node))

    def function(self, node: _Function) -> None:
        arguments = [a for a in ast.walk(node.args) if isinstance(a, ast.arg)]
        decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
        self.each([*decorators, *node.args.defaults, *(d for d in node.args.kw_defaults if d)])
        returns = [] if isinstance(node, ast.Lambda) or not node.returns else [node.returns]
        self.annotations([*(a.annotation for a in arguments if a.annotation), *returns])
        body: list[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else list(node.body)
        outside = _declared(body)
        bound = (bound_names(body) | {a.arg for a in arguments}) - outside - _nonlocal(body)
        self.inside(_Scope(False, bound, outside), body)

    def comprehension(self, node: _Comprehension) -> None:
        first = node.generators[0].iter
        self.visit(first)
        bound = bound_names(g.target for g in node.generators)
        rest = [n for n in ast.iter_child_nodes(node) if not isinstance(n, ast.comprehension)]
        parts = [p for g in node.generators for p in (g.target, g.iter, *g.ifs) if p is not first]
        self.inside(_Scope(False, bound), [*rest, *parts])

    def inside(self, scope: _Scope, nodes: Iterable[ast.AST]) -> None:
        self.scopes.append(scope)
        self.each(nodes)
        self.scopes.pop()

    def each(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)

    def annotations(self, nodes: Iterable[ast.AST]) -> None:
        before, self.in_annotation = self.in_annotation, True
        self.each(nodes)
        self.in_annotation = before

    def mention(self, name: str, node: ast.AST) -> None:
        for depth, scope in enumerate(reversed(self.scopes)):
            if scope.is_class and depth:
                continue  # a class's names are not seen by its methods
            if name in scope.outside:
                break
            if name in scope.bound:
                return
        deferred = any(not scope.is_class for scope in self.scopes)
        self.mentions.append(Mention(name, node, deferred, self.in_annotation))


def _declared(body: Iterable[ast.AST]) -> set[str]:
    return {name for node in _own(body) if isinstance(node, ast.Global) for name in node.names}


def _nonlocal(body: Iterable[ast.AST]) -> set[str]:
    return {name for node in _own(body) if isinstance(node, ast.Nonlocal) for name in node.names}


def _own(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """The nodes of a scope without those of the scopes inside it."""
    for node in body:
        yield node
        if not isinstance(node, (*_DEFINITIONS, ast.Lambda)):
            yield from _own(ast.iter_child_nodes(node))
