"""What a program's values are made of, each once: for each place what it makes, for each function its activations."""

import ast
from collections import deque
from collections.abc import Callable
from functools import cached_property
from typing import TypeVar

from gi.source.gate.attributes import own_names
from gi.source.gate.flow.activation import Activation
from gi.source.gate.flow.beyond import Beyond
from gi.source.gate.flow.calls import Calls
from gi.source.gate.flow.changes import Changes
from gi.source.gate.flow.classes import Classes
from gi.source.gate.flow.hidden import Hidden
from gi.source.gate.flow.known import CHANGING, FILLED, HOLDING, PLAIN_LAYERS
from gi.source.gate.flow.members import Members
from gi.source.gate.flow.statements import Statements
from gi.source.gate.flow.taking import put_element, put_result
from gi.source.gate.flow.values import (
    NUMERIC,
    PARAMETER,
    PLAIN,
    TENSOR,
    AbstractValue,
    Arguments,
    Container,
    Function,
    Holder,
    Named,
    Object,
    Partial,
    Task,
    ValueSet,
)
from gi.source.gate.program import GatedProgram

_Made = TypeVar("_Made", bound=AbstractValue)
_OF_CONTAINERS = frozenset({"get", "pop", "popitem", "setdefault", "items", "values", "keys", "copy"})


class Flow:
    """The values of one program."""

    def __init__(self, program: GatedProgram) -> None:
        self.program = program
        self.queue: deque[Task] = deque()
        self.plain, self.parameters = ValueSet(self.queue, PLAIN), ValueSet(self.queue, PARAMETER)
        self.no_arguments = Arguments()
        #: Every layer that the program makes.
        self.modules = ValueSet(self.queue)
        self.classes = Classes(program)
        self.made_functions: dict[Function, dict[ast.expr, ValueSet]] = {}
        self.bases: dict[ast.Attribute, list[ValueSet]] = {}
        """What attributes are read of, by node."""
        self.given_up = False
        self._once: dict[object, AbstractValue] = {}
        self._slots: dict[object, ValueSet] = {}
        self._activations: dict[tuple[Function, bool], Activation] = {}
        self.members, self.calls, self.changes = Members(self), Calls(self), Changes(self)
        self.hidden = Hidden()
        self.beyond = Beyond(self)
        self.top = Activation(program.tree, None, False, self.queue)
        #: What gi gives a network: images.
        self.tensors = ValueSet(self.queue, TENSOR)

    # Sets of values ---------------------------------------------------------------------------------------------------

    def holding(self, value: AbstractValue) -> ValueSet:
        """A slot with one value."""
        if value not in self._slots:
            self._slots[value] = ValueSet(self.queue, value)
        return self._slots[value]

    def named(self, name: str) -> ValueSet:
        """What an import or a builtin is."""
        return self.holding(Named(name))

    def union(self, slots: list[ValueSet]) -> ValueSet:
        """A slot with everything that is in others."""
        if slots and all(slot is slots[0] for slot in slots):
            return slots[0]
        known = self._slots.get(tuple(slots))
        if known is None:
            known = self._slots[tuple(slots)] = ValueSet(self.queue)
            for slot in slots:
                slot.flow_to(known)
        return known

    def elements(self, slot: ValueSet) -> ValueSet:
        """What going through values gives."""
        if slot is self.plain:
            return slot
        known = self._slots.get((slot, "elements"))
        if known is None:
            result = known = self._slots[slot, "elements"] = ValueSet(self.queue)
            slot.each(lambda value: put_element(self, value, None, result))
        return known

    def operation(
        self, node: ast.AST, sides: list[ValueSet], activation: Activation, operator: ast.AST | None = None
    ) -> ValueSet:
        """What an operator gives, None standing for any."""
        if all(side is self.plain for side in sides):
            return self.plain
        result = ValueSet(self.queue)
        put_result(self, node, sides, activation, operator, result)
        return result

    def put(self, value: AbstractValue, *slots: ValueSet) -> None:
        """Has a container hold what is in slots, too."""
        for slot in slots:
            if isinstance(value, Holder) or (isinstance(value, Container) and not value.fixed):
                slot.flow_to(value.contents)
            elif isinstance(value, Object) and self.classes.torch_bases(value.of) & (HOLDING | FILLED):
                slot.flow_to(self.contents(value))

    def put_in(self, contents: ValueSet, slot: ValueSet) -> None:
        """Has a layer hold the layers of a slot, and those of lists and dictionaries that are in it."""

        def put(value: AbstractValue) -> None:
            if isinstance(value, Container):
                self.layers_of(value.contents).flow_to(contents)
            elif value is PLAIN or value not in NUMERIC:  # a setting that nobody gives may be a layer
                contents.add(value)
                if isinstance(value, Holder):  # `extend` goes through it
                    value.contents.flow_to(contents)

        slot.each(put)

    def layers_of(self, slot: ValueSet) -> ValueSet:
        """The layers of a slot, and those of lists and dictionaries that are in it."""
        if (slot, "layers") not in self._slots:
            layers = self._slots[slot, "layers"] = ValueSet(self.queue)
            self.put_in(layers, slot)
        return self._slots[slot, "layers"]

    # What there is once -----------------------------------------------------------------------------------------------

    def once(self, key: object, make: Callable[[], _Made]) -> _Made:
        """The value of a key, made when it is asked for first."""
        if key not in self._once:
            self._once[key] = make()
        return self._once[key]  # type: ignore[return-value]

    def container(
        self, node: ast.AST, activation: Activation, *, fixed: bool = False, places: tuple[ValueSet, ...] = (),
        part: str = "", contents: ValueSet | None = None, once: bool = False,
    ) -> Container:  # fmt: skip
        """The container that a place makes; `part` tells several apart that one place makes."""
        key = (node, activation, part, fixed, contents, once)
        made = contents or self._slots.setdefault(key, ValueSet(self.queue))
        return self.once(key, lambda: Container(made, not activation.runs, fixed, places, once))

    def holder(self, node: ast.AST, activation: Activation) -> Holder:
        """The `Sequential` or the like that a place makes."""
        made = self.once((node, activation), lambda: Holder(ValueSet(self.queue), not activation.runs))
        self.modules.add(made)
        return made

    def holds(self, value: Holder | Object) -> ValueSet:
        """The layers in a layer; of one that holds any number, those that it goes through."""
        return value.contents if isinstance(value, Holder) else self.contents(value)

    def contents(self, value: Object) -> ValueSet:
        """What objects of a class hold beside their attributes: layers, or the fields of a tuple."""
        return self._slots.setdefault((value, "contents"), ValueSet(self.queue))

    def activation(self, function: Function, *, runs: bool) -> Activation:
        """The activation of a function; its body is followed when the queue gets to it."""
        known = self._activations.get((function, runs))
        if known is None:
            known = self._activations[function, runs] = Activation(function.node, function.home, runs, self.queue)
            arguments, defaults = function.node.args, self.made_functions[function]
            positional = [*arguments.posonlyargs, *arguments.args]
            with_defaults = [
                *zip(positional[len(positional) - len(arguments.defaults) :], arguments.defaults, strict=True),
                *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
            ]
            for argument, default in with_defaults:
                if default is not None:
                    defaults[default].flow_to(known.parameters[argument.arg])
            entered = known
            self.queue.append((lambda _: Statements(self, entered).body(), PLAIN))
        return known

    def constructed(self, made: Object, activation: Activation) -> None:
        """Notes that there are objects of a class; where they are layers, an image may run through any."""
        if (made, activation.runs) in self._slots:
            return
        self._slots[made, activation.runs] = ValueSet(self.queue)
        if self.classes.is_module(made.of):
            self.modules.add(made)
            given, node = ValueSet(self.queue), made.of.node
            self.calls.apply(made, node, Arguments((), self.tensors), self.beyond.activation, given)
            given.each(self.beyond.give_out)
            self.beyond.override(made, activation)

    def are_own_layers(self, node: ast.Attribute) -> bool:
        """Whether an attribute is one of layers of the text's own, which have no more of torch's than every layer."""
        values = [value for slot in self.bases.get(node, ()) for value in slot.values]
        return bool(values) and not self.given_up and all(
            isinstance(value, Object) and self.classes.torch_bases(value.of) <= PLAIN_LAYERS for value in values
        )  # fmt: skip

    def are_partials(self, node: ast.Attribute) -> bool:
        """Whether an attribute is one of partials that the text makes."""
        # There may be none: what asks whether it is a partial is often given no other thing than a class.
        followed = node in self.bases and not self.given_up
        return followed and all(isinstance(value, Partial) for slot in self.bases[node] for value in slot.values)

    # Attributes -------------------------------------------------------------------------------------------------------

    def attribute(self, node: ast.Attribute, base: ValueSet, activation: Activation) -> ValueSet:
        """What an attribute is of whatever a slot holds."""
        self.bases.setdefault(node, []).append(base)
        if activation.runs and node.attr in CHANGING:
            self.changes.needs_a_value(node, base)
        result = self.attribute_of(node, node.attr, base, activation)
        if activation.runs:
            self.hidden.read(node, result)
        return result

    def attribute_of(self, node: ast.AST, name: str, base: ValueSet, activation: Activation) -> ValueSet:
        """What an attribute of a name is."""
        key = (node, name, base, activation)
        known = self._slots.get(key)
        if known is None:
            result = known = self._slots[key] = ValueSet(self.queue)
            base.each(lambda value: self.members.read(node, value, name, activation, result))
        return known

    def set_attribute(self, node: ast.Attribute, base: ValueSet, slot: ValueSet, activation: Activation) -> None:
        """Has an attribute be what is in a slot."""
        self.bases.setdefault(node, []).append(base)
        if activation.runs:
            self.changes.attribute(node, activation)
        base.each(lambda value: self.members.set(value, node.attr, slot))

    # What the rules ask -----------------------------------------------------------------------------------------------

    @cached_property
    def tensor_methods(self) -> frozenset[str]:
        """Methods that give no container: what the program calls its own may be a layer."""
        own = own_names(self.program) | self.program.functions.keys() | {"forward", "index", "count"}
        return self.program.allowed.attributes - _OF_CONTAINERS - CHANGING - own

    @cached_property
    def module_methods(self) -> frozenset[str]:
        """The methods that every layer has."""
        return self.program.allowed.module_members | {"forward", "reset_parameters"}
