"""Attributes: what classes define, what a text sets on objects, and what torch's layers and tensors have themselves.

What is set is kept by class and name: every object of a class counts as one. What a text sets on torch's values, or on
what it is not known to be, is kept by name alone.
"""

import ast
from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING

from gi.source.gate.flow.activation import Activation
from gi.source.gate.flow.known import (
    FILLED,
    HOLDING,
    NUMBERS_OF_LAYERS,
    NUMBERS_OF_TENSORS,
    OF_CONTAINERS,
    OF_LAYERS,
    OF_TENSORS,
    OF_TEXTS,
    PLAIN_LAYERS,
)
from gi.source.gate.flow.registering import surely_set
from gi.source.gate.flow.values import (
    CONTEXT,
    LAYER,
    NUMERIC,
    OUTSIDE,
    PARAMETER,
    PLAIN,
    TENSOR,
    AbstractValue,
    Container,
    Function,
    Holder,
    Member,
    Method,
    Named,
    Object,
    OwnClass,
    Partial,
    Super,
    ValueSet,
)

if TYPE_CHECKING:
    from gi.source.gate.flow.flow import Flow

#: The attributes that are registered under names that a text makes, and those that it sets so.
REGISTERED, SET = "*", "**"
_Owner = OwnClass | str
_LAYERS = (Holder, Object)
_TORCH, _ANYTHING = "torch", "anything"
_OF_CLASS = " of the class"


class Members:
    """The attributes of a program's values."""

    def __init__(self, flow: "Flow") -> None:
        self.flow = flow
        self._fields: dict[tuple[_Owner, str], ValueSet] = {}
        self._constants: dict[OwnClass, dict[ValueSet, None]] = defaultdict(dict)
        self._certain: dict[OwnClass, frozenset[str]] = {}
        self._waiting: dict[_Owner, list[Callable[[str, ValueSet], None]]] = defaultdict(list)

    def field(self, owner: _Owner, name: str) -> ValueSet:
        """What an attribute of all objects of a class is set to."""
        if (owner, name) not in self._fields:
            self._fields[owner, name] = ValueSet(self.flow.queue)
            for reader in tuple(self._waiting[owner]):
                reader(name, self._fields[owner, name])
        return self._fields[owner, name]

    def each_field(self, own: OwnClass, reader: Callable[[str, ValueSet], None]) -> None:
        """Calls `reader` with each attribute that is or comes to be set on objects of a class, or is its constant."""
        for owner in self.flow.classes.line(own):
            self._waiting[owner].append(reader)
            for (one, name), slot in tuple(self._fields.items()):
                if one == owner:
                    reader(name, slot)

    def constant(self, own: OwnClass, name: str) -> ValueSet:
        """What a name in the body of a class is."""
        slot = self.field(own, f"{name}{_OF_CLASS}")
        self._constants[own][slot] = None
        return slot

    # Reading ----------------------------------------------------------------------------------------------------------

    def read(self, node: ast.AST, value: AbstractValue, name: str, activation: Activation, result: ValueSet) -> None:
        """Puts into `result` what an attribute of a value may be."""
        if isinstance(value, Object):
            self._read_object(node, value, name, activation, result)
        elif isinstance(value, Super):
            self._read_super(node, value, name, activation, result)
        elif isinstance(value, OwnClass):
            self._read_class(value, name, result)
        elif isinstance(value, Container):
            if name in OF_CONTAINERS:
                result.add(Member(value, name))
            else:  # a field of a named tuple
                value.contents.flow_to(result)
        elif isinstance(value, Named) or value is PLAIN:
            self._set_on(_ANYTHING, name, result)
            if name not in OF_TEXTS:
                result.add(PLAIN)  # of an enumeration, of a type of numbers
            if not name.isupper():
                result.add(Member(value, name))
        elif value in NUMERIC:
            self._set_on(_TORCH, name, result)
            known = PLAIN if name in NUMBERS_OF_TENSORS else value if name in OF_TENSORS else None
            result.add(known or Member(value, name))
        elif value is LAYER or isinstance(value, Holder):
            self._set_on(_TORCH, name, result)
            if name == "_modules":
                layers = value.contents if isinstance(value, Holder) else self.flow.modules
                result.add(self.flow.container(node, activation, fixed=True, contents=layers))
            else:
                self._read_layer(value, name, result)
        elif value is CONTEXT:
            result.add({"saved_tensors": TENSOR, "needs_input_grad": PLAIN}.get(name, Member(CONTEXT, name)))
        elif isinstance(value, Partial):
            self._read_partial(node, value, name, activation, result)
        elif value is OUTSIDE:
            self._set_on(_TORCH, name, result)
            self.flow.beyond.anything.flow_to(result)
            result.add(Member(OUTSIDE, name))
        else:  # a function, which has what a text sets on it
            self._set_on(_ANYTHING, name, result)

    def _read_partial(self, node: ast.AST, value: Partial, name: str, activation: Activation, result: ValueSet) -> None:
        self._set_on(_ANYTHING, name, result)
        given = value.arguments
        if name == "func":
            value.function.flow_to(result)
        elif name in {"args", "keywords"}:
            # The dictionary is the partial's own, which changes with it; it may have been made at any moment.
            made = self.flow.container(node, activation.top, fixed=name == "args", part=name)
            for slot in given.all():
                slot.flow_to(made.contents)
            result.add(made)

    def _set_on(self, owner: _Owner, name: str, result: ValueSet) -> None:
        for one in (owner, _ANYTHING):
            self.field(one, name).flow_to(result)
            # Layers under other names stand beside what the class has, which is found first.
            if name not in self.flow.module_methods and not (
                isinstance(owner, OwnClass) and self.flow.classes.methods(owner, name)
            ):
                self.field(one, SET).flow_to(result)
                self._registered(owner, name, self.field(one, REGISTERED), result)

    def _registered(self, owner: _Owner, name: str, registered: ValueSet, result: ValueSet) -> None:
        """Registering gives a new name, or replaces what was registered: of anything else it raises a `KeyError`."""
        if isinstance(owner, OwnClass) and name in self._always_set(owner):
            self.field(owner, name).each(
                lambda value: registered.flow_to(result) if value is LAYER or isinstance(value, _LAYERS) else None
            )
        else:
            registered.flow_to(result)

    def _always_set(self, own: OwnClass) -> frozenset[str]:
        """The attributes that the constructor of a class sets on every way through it."""
        if own not in self._certain:
            # What the constructor of another class of the text registers is not looked at.
            constructors = self.flow.classes.methods(own, "__init__") if len(self.flow.classes.line(own)) == 1 else []
            methods = self.flow.module_methods | self.flow.program.functions.keys()
            found = [surely_set(f.node, methods) for f in constructors if isinstance(f.node, ast.FunctionDef)]
            self._certain[own] = frozenset.intersection(*found) if found else frozenset()
        return self._certain[own]

    def _read_object(self, node: ast.AST, value: Object, name: str, activation: Activation, result: ValueSet) -> None:
        if name == "_modules":
            result.add(self.flow.container(node, activation, fixed=True, contents=self.flow.contents(value)))
            return
        functions = self.flow.classes.methods(value.of, name)
        self._bound(node, functions, value, activation, result)
        for one in self.flow.classes.line(value.of):
            self._set_on(one, name, result)
            # A function that is a class's constant is a method like the others.
            self.constant(one, name).each(
                lambda found: result.add(Method(found, value) if isinstance(found, Function) else found)
            )
        if "enum.Enum" in self.flow.classes.torch_bases(value.of):
            for constant in tuple(self._constants[value.of]):  # its value
                constant.flow_to(result)
            result.add(PLAIN)  # its name
            result.add(Member(PLAIN, name))  # a method of texts
        if self.flow.classes.is_module(value.of) and not functions:
            self._read_layer(value, name, result)

    def _bound(
        self,
        node: ast.AST,
        functions: list[Function],
        receiver: AbstractValue,
        activation: Activation,
        result: ValueSet,
    ) -> None:
        for function in functions:
            kinds = {d.id for d in getattr(function.node, "decorator_list", ()) if isinstance(d, ast.Name)}
            if "staticmethod" in kinds:
                result.add(function)
            elif "property" in kinds:
                self.flow.calls.apply(Method(function, receiver), node, self.flow.no_arguments, activation, result)
            else:
                result.add(Method(function, receiver))

    def _read_super(self, node: ast.AST, value: Super, name: str, activation: Activation, result: ValueSet) -> None:
        functions = self.flow.classes.methods(value.of, name, above=True)
        self._bound(node, functions, value.receiver, activation, result)
        if not functions:
            result.add(Member(value.receiver, name))

    def _read_class(self, value: OwnClass, name: str, result: ValueSet) -> None:
        for function in self.flow.classes.methods(value, name):
            result.add(function)
        for one in self.flow.classes.line(value):
            self._set_on(one, name, result)
            self.constant(one, name).flow_to(result)
        bases = self.flow.classes.torch_bases(value)
        if "enum.Enum" in bases:
            result.add(Object(value))
        if bases:
            result.add(Member(value, name))

    def _read_layer(self, value: AbstractValue, name: str, result: ValueSet) -> None:
        """What torch's own attribute of a layer is."""
        bases = self.flow.classes.torch_bases(value.of) if isinstance(value, Object) else frozenset[str]()
        holds = isinstance(value, Holder) or bool(bases & (HOLDING | FILLED))
        if name in self.flow.program.tensors:
            result.add(PARAMETER)
        if name in {"weight", "bias", "data"}:
            return
        if name in NUMBERS_OF_LAYERS:
            result.add(PLAIN)
        elif name in OF_LAYERS:
            result.add(PLAIN)
            self.flow.beyond.settings.flow_to(result)
        elif name in self.flow.module_methods or (holds and name in OF_CONTAINERS):
            result.add(Member(value, name))
        else:
            if holds and isinstance(value, (Holder, Object)):  # a layer that it was given under a name
                self.flow.holds(value).flow_to(result)
            if value is LAYER or bases - PLAIN_LAYERS:  # it may have more than these
                self._read_other(value, name, result)

    def _read_other(self, value: AbstractValue, name: str, result: ValueSet) -> None:
        """What a layer of torch's has that not every one has: a method, or what it keeps."""
        if name in self.flow.program.allowed.layer_members:
            result.add(Member(value, name))
            if name not in self.flow.tensor_methods:
                self.flow.beyond.anything.flow_to(result)
        elif name.startswith(("weight_", "bias_")):  # as recurrent layers number them
            result.add(PARAMETER)

    # Setting ----------------------------------------------------------------------------------------------------------

    def set(self, value: AbstractValue, name: str, slot: ValueSet) -> None:
        """Has an attribute of a value be what is in a slot; any where the name is `REGISTERED` or `SET`."""
        if isinstance(value, Object):
            slot.flow_to(self.field(value.of, name))
            slot.each(
                lambda one: self.flow.contents(value).add(one) if one is LAYER or isinstance(one, _LAYERS) else None
            )
        elif isinstance(value, OwnClass):
            slot.flow_to(self.field(value, name))
        elif value in NUMERIC or value is LAYER or isinstance(value, Holder):
            slot.flow_to(self.field(_TORCH, name))
        else:
            slot.flow_to(self.field(_ANYTHING, name))
