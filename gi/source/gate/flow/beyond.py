"""What torch and Python may do with what a program gives them: keep it, call it, give it out again."""

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING

from gi.source.gate.flow.activation import Activation
from gi.source.gate.flow.known import KNOWN_BASES
from gi.source.gate.flow.values import (
    LAYER,
    NUMERIC,
    OUTSIDE,
    PLAIN,
    TENSOR,
    AbstractValue,
    Arguments,
    Container,
    Function,
    Holder,
    Member,
    Method,
    Named,
    Object,
    OwnClass,
    Partial,
    ValueSet,
)

if TYPE_CHECKING:
    from gi.source.gate.flow.flow import Flow


class Beyond:
    """What has left the program, and what may come back."""

    def __init__(self, flow: "Flow") -> None:
        self.flow = flow
        #: What torch is given, and what the functions of the program give that torch may call.
        self.escaped, self.returned = ValueSet(flow.queue), ValueSet(flow.queue)
        #: What layers of torch were built with, which their attributes give out as it came.
        self.settings = ValueSet(flow.queue)
        #: What torch may give out: what nobody knows, and what the program gave it.
        self.anything = ValueSet(flow.queue, OUTSIDE)
        for slot in (self.settings, self.escaped, self.returned):
            slot.flow_to(self.anything)
        self._given = ValueSet(flow.queue, TENSOR, PLAIN, LAYER)
        self.anything.flow_to(self._given)
        #: From where torch calls what it was given.
        self.activation = Activation(flow.program.tree, None, True, flow.queue)
        self._gone_into: set[AbstractValue] = set()
        self._shown: set[tuple[AbstractValue, ValueSet]] = set()

    def escape_all(self, arguments: Arguments) -> None:
        """Gives torch every argument."""
        for slot in arguments.all():
            self.escape(slot)

    def keep(self, slot: ValueSet) -> None:
        """Has a layer of torch keep what is in a slot."""
        if slot is not self.flow.plain:
            slot.each(lambda value: self.settings.add(value) if value not in NUMERIC else None)

    def give(self, arguments: Arguments) -> None:
        """Gives what torch may call the arguments of a call of a layer."""
        for slot in arguments.all():
            slot.flow_to(self._given)

    def give_out(self, value: AbstractValue) -> None:
        """Has gi ask a record that a network or a loss gives for anything, as it asks a tensor."""
        if isinstance(value, Object) and not self.flow.classes.is_module(value.of):
            self._escape(value)

    def escape(self, slot: ValueSet) -> None:
        """Gives torch what is in a slot: it may call it, and give it out again."""
        if slot is not self.flow.plain:
            slot.each(self._escape)

    def _escape(self, value: AbstractValue) -> None:
        if value in NUMERIC or value in self.escaped.values or value is LAYER or isinstance(value, Named):
            return
        if isinstance(value, Container) and (value.fixed or not value.outlives):
            # Nothing is left behind in it, so that it does not matter where it comes out again.
            if value not in self._gone_into:
                self._gone_into.add(value)
                value.contents.each(self._escape)
            return
        self.escaped.add(value)
        if isinstance(value, (Container, Holder)):
            value.contents.each(self._escape)
        elif isinstance(value, (Function, Method, OwnClass, Object, Member, Partial)):
            self.called_by_torch(value)
            if isinstance(value, Object):
                self._use(value, lambda _: True)

    def called_by_torch(self, value: AbstractValue) -> None:
        """Has torch call a value with whatever it may have, where an image runs through."""
        given = Arguments((), self._given, (), self._given)
        self.flow.calls.apply(value, self.flow.program.tree, given, self.activation, self.returned)

    def show(self, arguments: Arguments, result: ValueSet) -> None:
        """Gives arguments to what takes tensors: of objects of the text it may call what is named as in a tensor."""

        def look(value: AbstractValue) -> None:
            if isinstance(value, Object) and (value, result) not in self._shown:
                self._shown.add((value, result))
                self.give(arguments)
                self.returned.flow_to(result)
                self._use(value, self._is_of_tensors)
            elif isinstance(value, Container) and (value, result) not in self._shown:
                self._shown.add((value, result))
                value.contents.each(look)

        for slot in arguments.all():
            if slot is not self.flow.plain:
                slot.each(look)

    def _is_of_tensors(self, name: str) -> bool:
        allowed = self.flow.program.allowed
        return name in (allowed.attributes | allowed.denied) - self.flow.module_methods

    def _use(self, value: Object, wanted: Callable[[str], bool]) -> None:
        """Has torch call the methods and attributes of an object whose names are wanted."""
        for function in self.flow.classes.every_method(value.of):
            if isinstance(function.node, ast.FunctionDef) and wanted(function.node.name):
                self.called_by_torch(Method(function, value))
                self.called_by_torch(function)  # a static one

        def call(name: str, slot: ValueSet) -> None:
            if wanted(name.partition(" ")[0]):
                slot.each(lambda one: self._call_attribute(one, value))

        self.flow.members.each_field(value.of, call)

    def _call_attribute(self, one: AbstractValue, value: Object) -> None:
        if isinstance(one, (Function, Method, Member, Partial)):
            self.called_by_torch(one)
        if isinstance(one, Function):
            self.called_by_torch(Method(one, value))

    def gone_through(self, made: Object) -> None:
        """Going through an object, as `dict(x)` and `f(**x)` do, calls its `keys`."""
        if made not in self._gone_into:
            self._gone_into.add(made)
            self._use(made, lambda name: name == "keys")

    def override(self, made: Object, activation: Activation) -> None:
        """Calls the methods that torch may call where a class derives from one of torch's layers."""
        if not self.flow.classes.torch_bases(made.of) - KNOWN_BASES:
            return
        called = self.flow.program.allowed.attributes | self.flow.program.allowed.layer_members
        for name in sorted(self.flow.program.functions.keys() & called - {"forward"}):
            for function in self.flow.classes.methods(made.of, name):
                if name == "reset_parameters":  # which constructors call
                    self.flow.calls.apply(Method(function, made), made.of.node, Arguments(), activation, self.returned)
                else:
                    self.called_by_torch(Method(function, made))
