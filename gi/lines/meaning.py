"""Evaluates expressions to the qualified symbols or the literal that they denote."""

from collections import deque
from collections.abc import Iterator

import libcst as cst

from gi.core.types import LineType
from gi.lines.index import ClassIndex
from gi.lines.taxonomy import canonical, is_namespace, line_type
from gi.lines.value import UNKNOWN, ClassScope, Scope, Value, literal


class Meanings:
    """Evaluates the expressions of one module; `classes` holds its classes by symbol and grows with the walk.

    `prefix` begins the symbols of this file.
    """

    def __init__(self, prefix: str, index: ClassIndex) -> None:
        self.prefix = prefix
        self.index = index
        self.classes: dict[str, ClassScope] = {}

    def type_of(self, symbol: str) -> LineType | None:
        """The type of a symbol: torch's own, else that of the first typed base."""
        known = self.classes.get(symbol)
        if known is None:
            return self.index.type_of(symbol)
        return line_type(symbol) or next(
            (t for base in known.bases if base != symbol and (t := self.type_of(base))), None
        )

    def shown(self, symbol: str) -> str:
        """A symbol as users write it: public where it is torch's, bare where it is of this file."""
        if symbol in self.classes and line_type(symbol) is None:
            return symbol.removeprefix(f"{self.prefix}.")
        return canonical(self.index.resolve(symbol))

    def value(self, node: cst.BaseExpression, scope: Scope, target: str = "") -> Value:
        """The value of an expression; `target` is the name that it is about to be bound to."""
        kind = node.__class__
        if kind is cst.Name:
            return self._name(node.value, scope)  # type: ignore[attr-defined]
        if kind is cst.Attribute:
            return self._attribute(node, scope)  # type: ignore[arg-type]
        if kind is cst.Call:
            return self._called(node, scope, target)  # type: ignore[arg-type]
        if isinstance(node, cst.IfExp):
            return self.value(node.body, scope, target).join(self.value(node.orelse, scope, target))
        if isinstance(node, cst.BooleanOperation):
            return self.value(node.left, scope, target).join(self.value(node.right, scope, target))
        if isinstance(node, cst.NamedExpr):
            return self.value(node.value, scope, target)
        code = literal(node)
        return UNKNOWN if code is None else Value((), code)

    def _name(self, name: str, scope: Scope) -> Value:
        value = scope.find(name)
        if value is not None:
            return value
        # A star import from elsewhere may bind anything; only a name that torch is known to export is taken from it.
        for star in _stars(scope):
            symbol = f"{star}.{name}"
            # `from torch import *` binds the module `nn` as well, which has no type of its own.
            if line_type(symbol) or is_namespace(symbol):
                return Value((symbol,))
        # LibCST has no node for constants: they are names.
        return Value((), name) if name in ("True", "False", "None") else UNKNOWN

    def _attribute(self, node: cst.Attribute, scope: Scope) -> Value:
        name = node.attr.value
        if isinstance(node.value, cst.Name):
            owner = scope.receiver_class(node.value.value)
            if owner is not None:
                return self._held(owner, name)  # `self.conv` is what this class assigned to it
        symbols = self.value(node.value, scope).symbols
        if len(symbols) == 1 and symbols[0] in self.classes:
            return self._held(self.classes[symbols[0]], name)
        return Value(tuple(f"{symbol}.{name}" for symbol in symbols)) if symbols else UNKNOWN

    def _held(self, owner: ClassScope, name: str) -> Value:
        """The value of an attribute of a class's instance, its bases in this file included, breadth first."""
        seen = {owner.symbol}  # a file may define classes that derive from each other in a circle
        queue = deque([owner])
        while queue:
            current = queue.popleft()
            if name in current.attributes:
                return current.attributes[name]
            queue += [self.classes[b] for b in current.bases if b in self.classes and b not in seen]
            seen.update(current.bases)
        return UNKNOWN

    def _called(self, node: cst.Call, scope: Scope, target: str) -> Value:
        """The class that a call returns, as far as the text shows: `partial(C, ...)`, and `name = choose(name)`.

        `norm_layer = get_norm(norm_layer)` is the idiom of libraries that take a class or its name; the result is taken
        for the class itself, unless the called function is a typed symbol, which makes it an instance.
        """
        if not node.args or node.args[0].star:
            return UNKNOWN
        first = node.args[0].value
        function = self.value(node.func, scope).symbols
        if "functools.partial" in function:
            return Value(self.value(first, scope).symbols)
        if target and isinstance(first, cst.Name) and first.value == target:
            kept = self.value(first, scope)
            if not any(self.type_of(symbol) for symbol in function) and not set(function) & set(kept.symbols):
                return Value(kept.symbols)
        return UNKNOWN


def _stars(scope: Scope | None) -> Iterator[str]:
    while scope is not None:
        yield from scope.stars
        scope = scope.parent
