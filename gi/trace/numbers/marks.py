"""Marks the expressions of a program's text that may hold a width, so that a run records where numbers come from.

Every such expression (an argument, an assigned value, an element of a list, a default) is passed through a function of
`gi.trace.numbers.tracked_int`. Check worker only.
"""

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from gi.core.trace import Site

AT = "_gi_at"
ADDED = "_gi_added"

_NOT_FOLLOWED = frozenset({"forward", "recipe"})  # they build no layers

Lines: TypeAlias = tuple[int, int]
"""The first and last line of a function."""


@dataclass(frozen=True, slots=True)
class Default:
    """A default value that may hold a width: the parameter, and the lines of its function."""

    parameter: str
    lines: Lines


class Points:
    """The points of one program, by number."""

    def __init__(self) -> None:
        """Starts empty; `followed` fills it."""
        self.sites: list[Site] = []
        self.constants: set[int] = set()
        self.formulas: set[int] = set()
        self.defaults: dict[int, Default] = {}
        self.passing: dict[Site, Lines] = {}  # calls that pass on a function's **kwargs, and the function's lines

    def followed(self, tree: ast.Module) -> ast.Module:
        """The program with its points marked; unchanged where it calls `type`, which tells a `Number` from an int."""
        if any(
            isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "type" for n in ast.walk(tree)
        ):
            return tree
        return _Marks(self).visit(tree)  # type: ignore[no-any-return]

    def marked(self, node: ast.expr, through: str = AT, *others: ast.expr) -> ast.expr:
        """The expression as a new point, passed through a function."""
        self.constants.update([len(self.sites)] if isinstance(node, ast.Constant) else [])
        self.formulas.update([len(self.sites)] if isinstance(node, ast.BinOp) else [])
        self.sites.append(_site(node))
        number = ast.copy_location(ast.Constant(len(self.sites) - 1), node)
        call = ast.Call(ast.copy_location(ast.Name(through, ast.Load()), node), [number, *others, node], [])
        # With the original columns, which identify the running calls in a marked program, too.
        return ast.copy_location(call, node)

    def not_given(self, name: str, origin: int | None, calls: Sequence[Site]) -> tuple[int, str] | None:
        """The index of the call that could pass argument `name` of a layer, and the parameter's name there.

        `calls` built the layer, innermost first; `origin` is the point that its number comes from, a parameter's
        default. Without an origin, the argument could only be among the **kwargs that a function passes on. None where
        no call could pass it.
        """
        called: int | None = 0
        if origin is not None:
            default = self.defaults.get(origin)
            called = _out_of(calls, 0, default.lines) if default else None
            return (called, default.parameter) if default and called else None
        while called is not None and called < len(calls) and calls[called] in self.passing:
            called = _out_of(calls, called, self.passing[calls[called]])
        return (called, name) if called else None


def _out_of(calls: Sequence[Site], number: int, lines: Lines) -> int | None:
    """The index after `number` of the first call outside a function of these lines that follows a call inside."""
    first, last = lines
    inside = [first <= line <= last for line, *_ in calls]
    return next((n for n in range(number + 1, len(calls)) if inside[n - 1] and not inside[n]), None)


class _Marks(ast.NodeTransformer):
    """Marks expressions that may hold a width: arguments, assigned and returned values, elements, defaults."""

    def __init__(self, points: Points) -> None:
        self.points = points

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        lines, arguments = (node.lineno, node.end_lineno or 0), node.args
        named = [*arguments.posonlyargs, *arguments.args]
        names = {id(d): a.arg for a, d in zip(reversed(named), reversed(arguments.defaults), strict=False)}
        names |= {id(d): a.arg for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d}
        arguments.defaults = [self._default(d, names[id(d)], lines) for d in arguments.defaults]
        arguments.kw_defaults = [d and self._default(d, names[id(d)], lines) for d in arguments.kw_defaults]
        if arguments.kwarg:
            self._note_passing(node, arguments.kwarg.arg, lines)
        if node.name not in _NOT_FOLLOWED:
            node.body = [self.visit(statement) for statement in node.body]
        return node

    def _default(self, node: ast.expr, parameter: str, lines: Lines) -> ast.expr:
        marked = self._marked(node)
        if marked is not node:
            self.points.defaults[len(self.points.sites) - 1] = Default(parameter, lines)
        return marked

    def _note_passing(self, function: ast.FunctionDef, kwargs: str, lines: Lines) -> None:
        for node in ast.walk(function):
            if not isinstance(node, ast.Call):
                continue
            passed = [k.value for k in node.keywords if k.arg is None]
            if any(isinstance(v, ast.Name) and v.id == kwargs for v in passed):
                self.points.passing[_site(node)] = lines

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.value = node.value and self._marked(node.value)
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        node.value = self._marked(node.value)
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        base = _loaded(node.target) if isinstance(node.op, ast.Add) and _may_hold_a_width(node.value) else None
        value = self.visit(node.value)
        if base is None:
            node.value = value
            return node
        total = self.points.marked(value, ADDED, ast.copy_location(base, node))
        return ast.copy_location(ast.Assign([node.target], total), node)

    def visit_Return(self, node: ast.Return) -> ast.AST:
        node.value = node.value and self._marked(node.value)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.visit(node.func)
        node.args = self._each(node.args)
        for keyword in node.keywords:
            keyword.value = self._marked(keyword.value) if keyword.arg else self.visit(keyword.value)
        return node

    def visit_List(self, node: ast.List) -> ast.AST:
        if isinstance(node.ctx, ast.Load):
            node.elts = self._each(node.elts)
        return node

    def visit_Tuple(self, node: ast.Tuple) -> ast.AST:
        if isinstance(node.ctx, ast.Load):
            node.elts = self._each(node.elts)
        return node

    def visit_Dict(self, node: ast.Dict) -> ast.AST:
        node.values = self._each(node.values)
        return node

    def _each(self, nodes: Iterable[ast.expr]) -> list[ast.expr]:
        return [self._marked(n) for n in nodes]

    def _marked(self, node: ast.expr) -> ast.expr:
        holds = _may_hold_a_width(node)
        inner = self.visit(node)
        return self.points.marked(inner) if holds else inner


def _site(node: ast.expr) -> Site:
    return (node.lineno, node.col_offset, node.end_lineno or 0, node.end_col_offset or 0)


def _loaded(target: ast.expr) -> ast.expr | None:
    """The expression that reads an assignment's target, where a second reading has no side effect."""
    match target:
        case ast.Name(id=name):
            return ast.Name(name, ast.Load())
        case ast.Attribute(value=ast.Name() as owner, attr=name):
            return ast.Attribute(owner, name, ast.Load())
    return None


def _may_hold_a_width(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value=value):
            return type(value) is int  # no bool, which is an int too
        # A capitalised name is a class, and its call builds a layer, not a number.
        case ast.Name(id=name) | ast.Call(func=ast.Name(id=name)):
            return not name[:1].isupper()
        case ast.Attribute(attr=name) | ast.Call(func=ast.Attribute(attr=name)):
            return not name[:1].isupper()
        case ast.BinOp() | ast.Subscript() | ast.IfExp():
            return True
    return False
