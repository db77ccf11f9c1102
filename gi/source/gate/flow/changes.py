"""What is changed where an image runs through: nothing but what was made for that image.

A program that could remember would answer from what it saw: labels of an earlier call, or an answer kept between calls.
"""

import ast
from typing import TYPE_CHECKING

from gi.source.gate.flow.activation import Activation
from gi.source.gate.flow.known import CHANGING, CONVERTING, FILLED, HOLDING, READING, RESHAPING
from gi.source.gate.flow.values import (
    BUILT,
    LAYER,
    NUMERIC,
    OUTSIDE,
    PARAMETER,
    AbstractValue,
    Container,
    Holder,
    Object,
    ValueSet,
)

if TYPE_CHECKING:
    from gi.source.gate.flow.flow import Flow

_ONLY_KNOWN = "what is changed is not known to be made in this call"


class Changes:
    """The refusals of a program's changes, as they are found."""

    def __init__(self, flow: "Flow") -> None:
        self.flow = flow
        self.found: dict[tuple[ast.AST, str], None] = {}
        self._asked: list[tuple[ast.AST, ValueSet, str]] = []

    def refuse(self, node: ast.AST, detail: str) -> None:
        """Notes a refusal."""
        self.found[node, detail] = None

    def element(self, node: ast.Subscript, whole: ValueSet, activation: Activation) -> None:
        """An element of `whole` is set or deleted."""
        self._ask(node, whole, activation, "an element set in what may outlive the call")

    def in_place(self, node: ast.AugAssign, changed: ValueSet, activation: Activation) -> None:
        """A list gets more by `+=`; of numbers and of tensors that are made in the call there are new ones."""
        number = isinstance(node.value, ast.Constant) and isinstance(node.value.value, (int, float))
        detail = f"{ast.unparse(node.target)} may be kept, and is changed in place"
        if not number:
            self._ask(node, changed, activation, detail)
        elif isinstance(node.op, ast.Mult) and activation.runs:  # which of numbers a list takes
            changed.each(
                lambda value: self.refuse(node, detail) if value not in NUMERIC and self._outlives(value) else None
            )

    def method(self, node: ast.AST, value: AbstractValue, name: str, activation: Activation) -> None:
        """A method of Python's or torch's is called on a value."""
        if not activation.runs:
            return
        outlives = value.outlives if isinstance(value, (Container, Holder)) else True
        if isinstance(value, Container):
            changes = name not in READING and not value.fixed
        else:
            module = isinstance(value, (Holder, Object)) or value is LAYER
            kept = module or value in {OUTSIDE, PARAMETER, BUILT}
            changes = (kept and name in CHANGING | RESHAPING) or (module and name in CONVERTING)
        if changes and outlives:
            self.refuse(node, f".{name}() of what may outlive the call")

    def attribute(self, node: ast.Attribute, activation: Activation) -> None:
        """An attribute is set where an image may run through: only a constructor may, of what it constructs."""
        function, program = activation.node, self.flow.program
        constructs = isinstance(function, ast.FunctionDef) and function.name == "__init__"
        own = program.first_argument(function) if isinstance(function, ast.FunctionDef) else ""
        once = len(program.bound[function].get(own, ())) == 1
        if not (constructs and once and isinstance(node.value, ast.Name) and node.value.id == own):
            self.refuse(node, f".{node.attr} is set where an image runs through")

    def needs_a_value(self, node: ast.expr, slot: ValueSet, detail: str = _ONLY_KNOWN) -> None:
        """Something is done with what is in a slot, which has to be known."""
        self._asked.append((node, slot, detail))

    def _ask(self, node: ast.AST, changed: ValueSet, activation: Activation, detail: str) -> None:
        if activation.runs:
            self._asked.append((node, changed, _ONLY_KNOWN))
            changed.each(lambda value: self.refuse(node, detail) if self._outlives(value) else None)

    def _outlives(self, value: AbstractValue) -> bool:
        if isinstance(value, Container):
            return value.outlives and not value.fixed
        if isinstance(value, Holder):
            return value.outlives
        if isinstance(value, Object):
            return bool(self.flow.classes.torch_bases(value.of) & (HOLDING | FILLED))
        return value in {PARAMETER, BUILT, OUTSIDE}  # other layers take neither elements nor `+=`

    def unknown(self) -> None:
        """Refuses changes of what no value was found for, once all is followed."""
        for node, slot, detail in self._asked:
            if not slot.values:
                self.refuse(node, detail)
