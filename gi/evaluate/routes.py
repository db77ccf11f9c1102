"""Where a program's whole numbers come from: each remembers the expressions of the text that it passed through.

The text runs with every expression that may hold a width (an argument, an assigned value, an element of a list, a
default) sent through `Routes.at`, which gives an int that knows where it was evaluated, with the names in scope there,
and where it was before. So a layer that needs another width names every place of the text that could give it, however
the number came there: through a loop over a list, a helper method, an attribute. Check worker only.
"""

import ast
import operator
import sys
import types
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from gi.evaluate.names import Scope, scope_of
from gi.evaluate.sites import CANDIDATE
from gi.source.trace import Site

AT = "_gi_at"
ADDED = "_gi_added"
MAX_EVALUATIONS = 20_000

_NOT_FOLLOWED = frozenset({"forward", "recipe"})  # they run on data, not to build layers


@dataclass(slots=True)
class Evaluation:
    """One time that an expression gave a whole number; `wanted` gathers what the layers that got it need it to be.

    With a `base` the layers got the sum of both: `width += growth`. `derives` says that other numbers were computed
    from it.
    """

    point: int
    value: int
    scope: Scope | None
    before: "Evaluation | None"
    wanted: set[Any] = field(default_factory=set)
    base: int | None = None
    derives: bool = False

    def mended(self) -> set[Any]:
        """What the expression itself should give."""
        base = self.base
        return self.wanted if base is None else {w - mended(base) for w in self.wanted if isinstance(w, int)}


class Number(int):
    """An int that knows its latest evaluation, and so all earlier ones. Arithmetic with it gives plain ints."""

    at: Evaluation

    def __mul__(self, other: Any) -> Any:
        return self._derived(int.__mul__(self, other))

    def __rmul__(self, other: Any) -> Any:
        return self._derived(int.__rmul__(self, other))

    def __floordiv__(self, other: Any) -> Any:
        return self._derived(int.__floordiv__(self, other))

    def __add__(self, other: Any) -> Any:
        return self._derived(int.__add__(self, other))

    def __radd__(self, other: Any) -> Any:
        return self._derived(int.__radd__(self, other))

    def _derived(self, value: Any) -> Any:
        self.at.derives |= sys._getframe(2).f_code.co_filename == CANDIDATE  # torch's own arithmetic does not count
        return value

    def __copy__(self) -> "Number":
        return self

    def __deepcopy__(self, _: dict[int, Any]) -> "Number":
        return self

    def __reduce__(self) -> tuple[type[int], tuple[int]]:
        return int, (int(self),)


Lines: TypeAlias = tuple[int, int]
"""The first and last line of a function."""


@dataclass(frozen=True, slots=True)
class Default:
    """A default value that may hold a width: the parameter, and the lines of its function."""

    parameter: str
    lines: Lines


class Routes:
    """The points of one program, and every evaluation of each while its network was built."""

    def __init__(self) -> None:
        self.sites: list[Site] = []
        self.evaluations: list[list[Evaluation]] = []
        self.constants: set[int] = set()
        self.defaults: dict[int, Default] = {}  # by point
        self.passing: dict[Site, Lines] = {}  # calls that pass on what a function got as **kwargs, and that function
        self.constructors: dict[int, dict[str, Any]] = {}
        self.count = 0
        self.over = False

    def followed(self, tree: ast.Module) -> ast.Module:
        """The program with its points marked; as it is where it tells int from its subclasses."""
        if any(
            isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "type" for n in ast.walk(tree)
        ):
            return tree
        return _Points(self).visit(tree)  # type: ignore[no-any-return]

    def point(self, node: ast.expr, through: str = AT, *others: ast.expr) -> ast.expr:
        """The expression sent through `at` or `added`."""
        site = _site(node)
        self.constants.update([len(self.sites)] if isinstance(node, ast.Constant) else [])
        self.sites.append(site)
        self.evaluations.append([])
        number = ast.copy_location(ast.Constant(len(self.sites) - 1), node)
        call = ast.Call(ast.copy_location(ast.Name(through, ast.Load()), node), [number, *others, node], [])
        return ast.copy_location(call, node)

    def not_given(self, name: str, value: Any, calls: Sequence[Site]) -> tuple[int, str] | None:
        """Where argument `name` of a layer could be given: the number of the call, and the parameter's name there.

        `calls` are those that built the layer, innermost first. The argument's value is a parameter's default, or the
        layer got no such argument beside the **kwargs that the function passes on.
        """
        way = route(value)
        default = self.defaults.get(way[-1].point) if way else None
        if default is not None:
            called = _out_of(calls, 0, default.lines)
            return (called, default.parameter) if called else None
        called = 0
        while not way and called is not None and called < len(calls) and calls[called] in self.passing:
            called = _out_of(calls, called, self.passing[calls[called]])
        return (called, name) if called else None

    def at(self, point: int, value: Any) -> Any:
        """The value, as a `Number` where it is an int (and no bool) and the network is being built."""
        kind = type(value)
        if (kind is not int and kind is not Number) or self.over or self.count > MAX_EVALUATIONS:
            return value
        self.count += 1
        number = Number(value)
        before = value.at if kind is Number else None
        number.at = Evaluation(point, int(value), self.scope(sys._getframe(1)), before)
        self.evaluations[point].append(number.at)
        return number

    def added(self, point: int, base: Any, value: Any) -> Any:
        """The sum, as a `Number` that the second summand could change."""
        total = operator.iadd(base, value)  # type: ignore[no-untyped-call] # lists grow in place
        if self.over or not all(type(v) in (int, Number) for v in (base, value)):
            return total
        number = Number(total)
        number.at = Evaluation(point, int(value), self.scope(sys._getframe(1)), None, base=base)
        self.evaluations[point].append(number.at)
        return number

    def is_constant(self, value: Any) -> bool:
        """Whether a number stands as such where it is given."""
        return type(value) is Number and value.at.point in self.constants

    def scope(self, frame: types.FrameType) -> Scope | None:
        """The names in a frame; those of a constructor are kept as the latest for the object that it makes."""
        scope = scope_of(frame)
        if scope is not None and frame.f_code.co_name == "__init__" and "self" in scope[0]:
            self.constructors[id(scope[0]["self"])] = scope[0]
        return scope


def _out_of(calls: Sequence[Site], number: int, lines: Lines) -> int | None:
    """The first call after `number` that stands outside the function of these lines, if the one before stands within."""
    first, last = lines
    inside = [first <= line <= last for line, *_ in calls]
    for outer in range(number + 1, len(calls)):
        if inside[outer - 1] and not inside[outer]:
            return outer
    return None


def route(value: Any) -> list[Evaluation]:
    """The evaluations that a number passed through, latest first."""
    found, at = [], value.at if type(value) is Number else None
    while at is not None:
        found.append(at)
        at = at.before
    return found


def mended(value: int) -> int:
    """The number after the text is mended: what the layers that got it need, if they agree."""
    wanted = value.at.wanted if type(value) is Number else set[Any]()
    agreed = next(iter(wanted)) if len(wanted) == 1 else None
    return agreed if type(agreed) is int else int(value)


class _Points(ast.NodeTransformer):
    """Marks what may hold a width: arguments, assigned and returned values, elements, defaults."""

    def __init__(self, routes: Routes) -> None:
        self.routes = routes

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
            self.routes.defaults[len(self.routes.sites) - 1] = Default(parameter, lines)
        return marked

    def _note_passing(self, function: ast.FunctionDef, kwargs: str, lines: Lines) -> None:
        for node in ast.walk(function):
            passed = [k.value for k in node.keywords if k.arg is None] if isinstance(node, ast.Call) else []
            if any(isinstance(v, ast.Name) and v.id == kwargs for v in passed):
                self.routes.passing[_site(node)] = lines

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
        total = self.routes.point(value, ADDED, ast.copy_location(base, node))
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
        return self.routes.point(inner) if holds else inner


def _site(node: ast.expr) -> Site:
    return (node.lineno, node.col_offset, node.end_lineno or 0, node.end_col_offset or 0)


def _loaded(target: ast.expr) -> ast.expr | None:
    """The value of what is assigned to, where reading it twice does no harm."""
    match target:
        case ast.Name(id=name):
            return ast.Name(name, ast.Load())
        case ast.Attribute(value=ast.Name() as owner, attr=name):
            return ast.Attribute(owner, name, ast.Load())
    return None


def _may_hold_a_width(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value=value):
            return type(value) is int
        case ast.Name(id=name) | ast.Call(func=ast.Name(id=name)):
            return not name[:1].isupper()
        case ast.Attribute(attr=name) | ast.Call(func=ast.Attribute(attr=name)):
            return not name[:1].isupper()
        case ast.BinOp() | ast.Subscript() | ast.IfExp():
            return True
    return False


def constructor_values(module: Any) -> dict[str, Any]:
    """The values that a layer of torch's own is being built with, by parameter name; {} outside its constructor."""
    own = getattr(type(module).__init__, "__code__", None)
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code is not own:
        frame = frame.f_back
    if frame is None or own is None:
        return {}
    values = frame.f_locals
    return {n: values[n] for n in own.co_varnames[1 : own.co_argcount + own.co_kwonlyargcount] if n in values}
