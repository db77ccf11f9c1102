"""Abstract values: what an expression of a program may be, and the slots that hold sets of them.

A container, a closure or a list of layers is one value for each place of the text that makes it and for each moment at
which that place runs: while the network is built, so that what is made outlives the calls that follow, or for an image.
"""

import ast
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gi.source.gate.flow.activation import Activation


class AbstractValue:
    """Anything that an expression may be. Values are compared by identity, or by what they are made of."""


@dataclass(frozen=True, eq=False)
class Simple(AbstractValue):
    """A kind of values of which no two need to be told apart."""

    name: str


#: Numbers, texts, None, types of numbers, shapes: nothing that can be called or changed.
PLAIN = Simple("plain")
#: Tensors that are made for an image, those that are made while building, and parameters and buffers.
TENSOR, BUILT, PARAMETER = Simple("tensor"), Simple("built tensor"), Simple("parameter")
#: Layers, optimizers and transforms of torch's that hold no layers of the program's.
LAYER = Simple("layer")
#: What a function with a derivative of its own saves tensors in.
CONTEXT = Simple("context")
#: Whatever torch keeps and gives out, of which nothing is known but that it is no value that the program made.
OUTSIDE = Simple("outside")

NUMERIC = frozenset({PLAIN, TENSOR, BUILT, PARAMETER})

Task = tuple[Callable[[AbstractValue], None], AbstractValue]


class ValueSet:
    """A set of values that grows; what reads it hears of each value once."""

    __slots__ = ("queue", "readers", "values")

    def __init__(self, queue: deque[Task], *values: AbstractValue) -> None:
        self.queue = queue
        self.values: dict[AbstractValue, None] = dict.fromkeys(values)  # in the order of arrival: every run is the same
        self.readers: list[Callable[[AbstractValue], None]] = []

    def add(self, value: AbstractValue) -> None:
        """Puts a value in; the readers hear of it when the queue is worked off, so that chains do not recurse."""
        if value not in self.values:
            self.values[value] = None
            for reader in self.readers:
                self.queue.append((reader, value))

    def each(self, reader: Callable[[AbstractValue], None]) -> None:
        """Calls `reader` with every value that is or comes to be in it."""
        self.readers.append(reader)
        for value in self.values:
            self.queue.append((reader, value))

    def flow_to(self, target: "ValueSet") -> None:
        """Everything that is in this slot is in the other one, too."""
        if target is not self:
            self.readers.append(target.add)
            for value in tuple(self.values):
                target.add(value)


@dataclass(frozen=True, eq=False)
class Container(AbstractValue):
    """A list, dictionary, tuple or iterator that one place makes; keys of dictionaries are among its contents.

    It `outlives` a call when it is made while building. Nothing can change one that is `fixed`, but what is read `once`
    remembers how far it was read. `places` are the elements of a tuple that is written out.
    """

    contents: ValueSet
    outlives: bool
    fixed: bool = False
    places: tuple[ValueSet, ...] = ()
    once: bool = False


@dataclass(frozen=True, eq=False)
class Holder(AbstractValue):
    """A `Sequential`, `ModuleList` or the like that one place makes."""

    contents: ValueSet
    outlives: bool


@dataclass(frozen=True)
class Function(AbstractValue):
    """A function or lambda with the activation whose names it sees."""

    node: ast.FunctionDef | ast.Lambda
    home: "Activation"


@dataclass(frozen=True)
class OwnClass(AbstractValue):
    """A class of the text."""

    node: ast.ClassDef
    home: "Activation"


@dataclass(frozen=True)
class Object(AbstractValue):
    """Every object of a class."""

    of: OwnClass


@dataclass(frozen=True)
class Method(AbstractValue):
    """A function of a class with the object that it is called on."""

    function: Function
    receiver: AbstractValue


@dataclass(frozen=True)
class Member(AbstractValue):
    """A method that torch or Python gives: of a value, or of a class's objects, the first argument being one then."""

    receiver: AbstractValue
    name: str


@dataclass(frozen=True)
class Super(AbstractValue):
    """What a class derives from, as `super()` gives it."""

    of: OwnClass
    receiver: AbstractValue


@dataclass(frozen=True)
class Named(AbstractValue):
    """A function, class or constant that an import leads to, by its qualified name, or a builtin by its bare one."""

    name: str


@dataclass(frozen=True)
class Arguments:
    """What a call passes: by position, from some position on (`*rest`), by name, and under any name (`**more`)."""

    positional: tuple[ValueSet, ...] = ()
    rest: ValueSet | None = None
    keywords: tuple[tuple[str, ValueSet], ...] = ()
    more: ValueSet | None = None

    @property
    def named(self) -> dict[str, ValueSet]:
        """The slots by keyword."""
        return dict(self.keywords)

    def all(self) -> tuple[ValueSet, ...]:
        """Every slot; those of `rest` and `more` hold what is unpacked."""
        unpacked = (slot for slot in (self.rest, self.more) if slot is not None)
        return (*self.positional, *self.named.values(), *unpacked)

    def first(self, name: str = "input") -> tuple[ValueSet, ...]:
        """What may be the first argument, whose name it is."""
        found = [*self.positional[:1], *(slot for key, slot in self.named.items() if key == name)]
        if not self.positional and self.rest is not None:
            found.append(self.rest)
        return (*found, *([self.more] if self.more is not None else []))

    def without_first(self) -> "Arguments":
        """The arguments behind the first."""
        return Arguments(self.positional[1:], self.rest, self.keywords, self.more)


@dataclass(frozen=True, eq=False)
class Partial(AbstractValue):
    """A function with the first of its arguments, as `functools.partial` makes one."""

    function: ValueSet
    arguments: Arguments
