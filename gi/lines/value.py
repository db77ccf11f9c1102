"""Values of names, scopes, and the join of two paths through a program."""

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import reduce

import libcst as cst

from gi.source.tree import arithmetic


@dataclass(frozen=True, slots=True)
class Value:
    """The possible values of an expression: qualified symbols of classes, functions and modules, or a literal's code.

    Several symbols mean that it depends on the path through the program. A `functools.partial` has the symbols of what
    it wraps.
    """

    symbols: tuple[str, ...] = ()
    literal: str | None = None

    def join(self, other: "Value") -> "Value":
        """Either of two values."""
        if self is other:
            return self
        literal = self.literal if self.literal == other.literal else None
        return Value(tuple(dict.fromkeys(self.symbols + other.symbols)), literal)


UNKNOWN = Value()
# The types of possible literals, checked first: `code_for_node` on every expression of a file would be slow.
_LITERALS = (cst.Integer, cst.Float, cst.SimpleString, cst.Name, cst.UnaryOperation, cst.Tuple, cst.List)
_NO_MODULE = cst.Module([])


@dataclass(slots=True)
class ClassScope:
    """A class of the file: its symbol, the symbols of its bases, and the values of its attributes."""

    symbol: str
    bases: tuple[str, ...] = ()
    attributes: dict[str, Value] = field(default_factory=dict)

    def hold(self, name: str, value: Value) -> None:
        """Adds a value to those that an attribute may have; which method ran last is not known."""
        known = self.attributes.get(name)
        self.attributes[name] = value if known is None else known.join(value)


@dataclass(slots=True)
class Scope:
    """The names of a module, class, function or comprehension; `receiver` is what a method calls its own object.

    `layers` holds the values of names; each branch that the walk is in adds a layer, so that entering one copies
    nothing.
    """

    parent: "Scope | None" = None
    layers: list[dict[str, Value]] = field(default_factory=lambda: [{}])
    owner: ClassScope | None = None
    receiver: str = ""
    is_class: bool = False
    stars: list[str] = field(default_factory=list)

    def own(self, name: str) -> Value | None:
        """The value that this scope itself binds a name to."""
        for layer in reversed(self.layers):  # the innermost branch last entered
            value = layer.get(name)
            if value is not None:
                return value
        return None

    def bind(self, name: str, value: Value) -> None:
        """Binds a name to a value from here on."""
        self.layers[-1][name] = value

    def find(self, name: str) -> Value | None:
        """The value of a name here; None where no scope binds it."""
        scope: Scope | None = self
        while scope is not None:
            value = scope.own(name)
            # As in Python, the names of a class's body are not seen from within its methods.
            if value is not None and (scope is self or not scope.is_class):
                return value
            scope = scope.parent
        return None

    def met(self, ways: Iterable[dict[str, Value]]) -> dict[str, Value]:
        """The values of names where paths join; each path is given by its bindings.

        A path that does not bind a name leaves it at its value before; of a name that had none, only the other paths
        count, since the program would fail on this one.
        """
        ways = list(ways)
        out: dict[str, Value] = {}
        for name in dict.fromkeys(name for way in ways for name in way):
            values = [value for way in ways if (value := way.get(name) or self.own(name)) is not None]
            out[name] = reduce(Value.join, values)
        return out

    def receiver_class(self, name: str) -> ClassScope | None:
        """The class of the object that a name (`self`) refers to, None where it is no method's receiver."""
        scope: Scope | None = self
        while scope is not None:
            # Asked first: the parameter `self` is bound in this scope like any other.
            if scope.receiver == name:
                return scope.owner
            if scope.own(name) is not None:
                return None
            scope = scope.parent
        return None


def literal(node: cst.BaseExpression) -> str | None:
    """A literal (number, string, constant, tuple or list of such) in Python's own spelling, None for any other."""
    if not isinstance(node, _LITERALS):
        return None
    try:
        return arithmetic.literal(ast.parse(_NO_MODULE.code_for_node(node), mode="eval").body)
    except SyntaxError:  # a tuple that its brackets alone let run over several lines
        return None


def dotted(node: cst.CSTNode) -> str:
    """A chain of names such as "nn.Conv2d"; "" for any other expression."""
    parts: list[str] = []
    while isinstance(node, cst.Attribute):
        parts.append(node.attr.value)
        node = node.value
    return ".".join([node.value, *reversed(parts)]) if isinstance(node, cst.Name) else ""
