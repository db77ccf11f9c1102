"""The classes of a text: what they derive from, and which functions their names mean."""

import ast
from collections import defaultdict

from gi.source.gate.flow.values import Function, OwnClass
from gi.source.gate.program import GatedProgram


class Classes:
    """The classes that a program defines, as its statements get to them."""

    def __init__(self, program: GatedProgram) -> None:
        self.program = program
        self.known: list[OwnClass] = []
        self._methods: dict[tuple[OwnClass, str], list[Function]] = defaultdict(list)
        self._bases: dict[OwnClass, frozenset[str]] = {}
        self._lines: dict[OwnClass, tuple[OwnClass, ...]] = {}

    def define(self, own: OwnClass, name: str, function: Function) -> None:
        """Gives a class a method."""
        self._methods[own, name].append(function)

    def line(self, own: OwnClass) -> tuple[OwnClass, ...]:
        """A class and those of the text that it derives from, nearest first."""
        if own not in self._lines:
            line = [own]
            for one in line:
                names = {base.id for base in one.node.bases if isinstance(base, ast.Name)}
                line += [c for c in self.known if c.node.name in names and c not in line]
            self._lines[own] = tuple(line)
        return self._lines[own]

    def torch_bases(self, own: OwnClass) -> frozenset[str]:
        """The qualified names of what a class derives from that the text does not define."""
        if own not in self._bases:
            found = (self.program.qualified(base) for one in self.line(own) for base in one.node.bases)
            self._bases[own] = frozenset(name for name in found if name)
        return self._bases[own]

    def is_module(self, own: OwnClass) -> bool:
        """Whether objects of a class are layers."""
        return any(name.startswith(("torch.nn.", "torchvision.")) for name in self.torch_bases(own))

    def methods(self, own: OwnClass, name: str, *, above: bool = False) -> list[Function]:
        """The functions that a name of a class means; those `above` it, for `super()`."""
        line = self.line(own)[1:] if above else self.line(own)
        found = [self._methods[one, name] for one in line if (one, name) in self._methods]
        if len({one.node.name for one in line}) < len(line):  # classes of one name: it may be any of them
            return [function for each in found for function in each]
        return found[0] if found else []

    def every_method(self, own: OwnClass, but: str = "") -> list[Function]:
        """All functions of a class, those of what it derives from among them, constructors and one name aside."""
        line = self.line(own)
        found = [each for (one, name), each in self._methods.items() if one in line and name not in {"__init__", but}]
        return [function for each in found for function in each]
