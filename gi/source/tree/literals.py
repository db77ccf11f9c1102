"""Which whole numbers of the text an expression takes its value from: through names, parameters, loops and lists.

Found by names alone, as a reader would: what runs is not followed. That is enough where many numbers change together
and shape repair mends what was missed; where one number must be right each time, it is traced (`gi.trace.numbers`).
"""

import ast
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias

from gi.source.tree.tree import Function, Source, dotted

Path: TypeAlias = tuple[int | str, ...]
"""Which element of a value is meant: its indices and keys, the outermost first."""

_MOST_STEPS = 400
_ANY = -1
"""An index that may be any."""


def whole_numbers(
    source: Source, expression: ast.expr, avoided: Collection[ast.Constant] = frozenset()
) -> list[ast.Constant]:
    """The literals that give an expression its value, each once, in the order of the text; none of those `avoided`.

    Of a product the factor with the largest literal gives it: `self.expansion * planes` is as wide as `planes`.
    """
    search = _LiteralSearch(source, frozenset(avoided))
    search.follow(expression, ())
    return sorted(search.literals, key=lambda n: (n.lineno, n.col_offset))


@lru_cache(maxsize=256)
def repetitions(source: Source) -> tuple[ast.Constant, ...]:
    """The literals that say how often something is built: in `range(blocks)` and in `[1] * (blocks - 1)`."""
    nodes = source.under(source.tree)
    ranges = [n.args[-1] for n in nodes if isinstance(n, ast.Call) and dotted(n.func) == "range" and len(n.args) < 3]
    lists = [
        n.right
        for n in nodes
        if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Mult) and isinstance(n.left, ast.List)
    ]
    numbers = {n: None for counted in (*ranges, *lists) for n in whole_numbers(source, counted)}
    return tuple(sorted(numbers, key=lambda n: (n.lineno, n.col_offset)))


@dataclass
class _LiteralSearch:
    source: Source
    avoided: frozenset[ast.Constant]
    seen: set[tuple[ast.expr, Path]] = field(default_factory=set)
    literals: dict[ast.Constant, None] = field(default_factory=dict)

    def follow(self, node: ast.expr, path: Path) -> bool:
        """Whether the element of `node` that `path` chooses comes from literals."""
        if (node, path) in self.seen or len(self.seen) > _MOST_STEPS:
            return False
        self.seen.add((node, path))
        match node:
            case ast.Constant(value=value):
                return self._number(node) if type(value) is int and not path else False
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                return self._elements(elements, path)
            case ast.Dict(keys=keys, values=values):
                pairs = list(zip(keys, values, strict=True))
                chosen = [v for k, v in pairs if path and isinstance(k, ast.Constant) and k.value == path[0]]
                return self._each(chosen or values, path[1:]) if path else False
            case ast.BinOp():
                return self._operation(node, path)
            case ast.IfExp(body=body, orelse=orelse):
                return self._each([body, orelse], path)
            case ast.Subscript(value=value, slice=index):
                return self.follow(value, (_position(index), *path))
            case ast.ListComp(elt=element):
                return self.follow(element, path[1:]) if path else False
            case ast.Call():
                return self._call(node, path)
            case ast.Name() | ast.Attribute():
                return self._name(node, path)
        return False

    def _number(self, node: ast.Constant) -> bool:
        if node not in self.avoided:
            self.literals[node] = None
        return node in self.literals

    def _each(self, nodes: list[ast.expr], path: Path) -> bool:
        return sum(self.follow(node, path) for node in nodes) > 0  # all of them, not up to the first

    def _elements(self, elements: list[ast.expr], path: Path) -> bool:
        if not path:
            return False
        at, rest = path[0], path[1:]
        chosen = [elements[at]] if isinstance(at, int) and 0 <= at < len(elements) else elements
        return self._each([e.value if isinstance(e, ast.Starred) else e for e in chosen], rest)

    def _operation(self, node: ast.BinOp, path: Path) -> bool:
        if isinstance(node.op, (ast.Add, ast.Sub)):
            return self._each([node.left, node.right], path)
        sides = [node.left, node.right] if isinstance(node.op, ast.Mult) else [node.left]
        searches = [_LiteralSearch(self.source, self.avoided, self.seen) for _ in sides]
        given = [s for s, side in zip(searches, sides, strict=True) if s.follow(side, path)]
        if given:
            self.literals |= max(given, key=_LiteralSearch.largest).literals
        return bool(given)

    def largest(self) -> int:
        """The largest number found."""
        return max(int(str(n.value)) for n in self.literals)

    def _call(self, call: ast.Call, path: Path) -> bool:
        name = dotted(call.func)
        if name == "zip" and len(path) > 1:
            given, at = call.args, path[1]
            chosen = [given[at]] if isinstance(at, int) and 0 <= at < len(given) else given
            return self._each(chosen, (path[0], *path[2:]))
        if name == "enumerate" and len(path) > 1 and call.args:
            return path[1] == 1 and self.follow(call.args[0], (path[0], *path[2:]))
        # `int(width * factor)`, `make_divisible(width, 8)`: the first argument that comes from literals.
        if name in self.source.classes or name == "range" or name.startswith(("torch.", "nn.")):
            return False
        return any(self.follow(a, path) for a in sorted(call.args, key=lambda a: isinstance(a, ast.Constant)))

    def _name(self, node: ast.Name | ast.Attribute, path: Path) -> bool:
        bindings = list(self._bindings(node))
        return sum(self.follow(value, (*more, *path)) for value, more in bindings) > 0

    def _bindings(self, node: ast.Name | ast.Attribute) -> Iterator[tuple[ast.expr, Path]]:
        """The values that a name or an attribute of `self` may have had, each with the element of it that it was."""
        text, scope = dotted(node), self.source.function(node)
        if isinstance(node, ast.Attribute):
            yield from self._attribute(node)
            return
        inside = list(_stores(self.source, scope, text)) if scope is not None else []
        yield from inside
        if scope is not None:
            yield from self._given(scope, text)
        if not inside:
            yield from _stores(self.source, None, text)

    def _attribute(self, node: ast.Attribute) -> Iterator[tuple[ast.expr, Path]]:
        owner = self.source.enclosing(node, ast.ClassDef)
        is_own = isinstance(node.value, ast.Name) and node.value.id == "self" and owner is not None
        for holder in self.source.classes.values() if not is_own else [owner]:
            yield from _stores(self.source, holder, f"self.{node.attr}")
            yield from _stores(self.source, holder, node.attr, body=True)

    def _given(self, scope: Function, name: str) -> Iterator[tuple[ast.expr, Path]]:
        """What a parameter gets: its default, and the arguments of all calls of its function or class."""
        if name not in _parameters(scope):
            return
        names = [a.arg for a in (*scope.args.posonlyargs, *scope.args.args)]
        defaults = dict(zip(names[len(names) - len(scope.args.defaults) :], scope.args.defaults, strict=True))
        keyword_defaults = zip(scope.args.kwonlyargs, scope.args.kw_defaults, strict=True)
        defaults |= {a.arg: d for a, d in keyword_defaults if d is not None}
        if name in defaults:
            yield defaults[name], ()
        owner = self.source.enclosing(scope, ast.ClassDef)
        called = owner.name if owner is not None and scope.name == "__init__" else scope.name
        plain = names[1:] if owner is not None else names
        for call in self._calls(called):
            keyword = next((k.value for k in call.keywords if k.arg == name), None)
            at = plain.index(name) if name in plain else len(call.args)
            starred = any(isinstance(a, ast.Starred) for a in call.args[: at + 1])
            if keyword is not None:
                yield keyword, ()
            elif at < len(call.args) and not starred:
                yield call.args[at], ()
            elif starred and isinstance(call.args[0], ast.Starred):
                yield call.args[0].value, (at,)

    def _calls(self, name: str) -> Iterator[ast.Call]:
        """The calls of a function or class; of a class that is handed on, those of parameters too: `block(planes)`."""
        calls = _all_calls(self.source)
        is_handed_on = name in self.source.classes and any(dotted(a) == name for c in calls for a in c.args)
        for call in calls:
            if dotted(call.func).rpartition(".")[2] == name or (is_handed_on and self._calls_a_parameter(call)):
                yield call

    def _calls_a_parameter(self, call: ast.Call) -> bool:
        scope = self.source.function(call)
        return isinstance(call.func, ast.Name) and scope is not None and call.func.id in _parameters(scope)


@lru_cache(maxsize=256)
def _all_calls(source: Source) -> Sequence[ast.Call]:
    return [n for n in source.under(source.tree) if isinstance(n, ast.Call)]


def _parameters(scope: Function) -> list[str]:
    return [a.arg for a in (*scope.args.posonlyargs, *scope.args.args, *scope.args.kwonlyargs)]


def _position(index: ast.expr) -> int | str:
    is_plain = isinstance(index, ast.Constant) and isinstance(index.value, (int, str))
    return index.value if is_plain else _ANY  # type: ignore[attr-defined]


def _stores(source: Source, scope: ast.AST | None, name: str, *, body: bool = False) -> Iterator[tuple[ast.expr, Path]]:
    """The values that statements of a scope (with `body` only those at its top), or of the module, bind to a name."""
    inside = scope.body if isinstance(scope, ast.ClassDef) and body else source.under(scope) if scope else []
    for node in inside if scope is not None else source.tree.body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                yield from _bound(target, node.value, name, ())
        elif isinstance(node, (ast.AnnAssign, ast.AugAssign)):
            # What adds to a name is part of its width; what multiplies it is a factor.
            if node.value is not None and isinstance(getattr(node, "op", ast.Add()), (ast.Add, ast.Sub)):
                yield from _bound(node.target, node.value, name, ())
        elif isinstance(node, (ast.For, ast.comprehension)):
            yield from _bound(node.target, node.iter, name, (_ANY,))


def _bound(target: ast.expr, value: ast.expr, name: str, path: Path) -> Iterator[tuple[ast.expr, Path]]:
    if dotted(target) == name:
        yield value, path
    elif isinstance(target, (ast.Tuple, ast.List)):
        for at, element in enumerate(target.elts):
            yield from _bound(element, value, name, (*path, at))
