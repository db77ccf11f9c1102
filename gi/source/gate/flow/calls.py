"""What calls do: arguments go to parameters, and what the function returns comes back."""

import ast
from typing import TYPE_CHECKING

from gi.source.gate.flow.activation import Activation
from gi.source.gate.flow.call import CallSite
from gi.source.gate.flow.known import KNOWN_BASES, may_call
from gi.source.gate.flow.library import put_library
from gi.source.gate.flow.methods import put_method
from gi.source.gate.flow.values import (
    BUILT,
    LAYER,
    NUMERIC,
    OUTSIDE,
    PARAMETER,
    PLAIN,
    TENSOR,
    AbstractValue,
    Arguments,
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


class Calls:
    """The calls of a program."""

    def __init__(self, flow: "Flow") -> None:
        self.flow = flow
        self._results: dict[tuple[ast.AST, ValueSet, Activation, Arguments], ValueSet] = {}
        self._runs: dict[tuple[AbstractValue, bool], tuple[ValueSet, ValueSet]] = {}

    def result(self, node: ast.AST, function: ValueSet, arguments: Arguments, activation: Activation) -> ValueSet:
        """What a call gives, whatever its function may be."""
        key = (node, function, activation, arguments)
        known = self._results.get(key)
        if known is None:
            result = known = self._results[key] = ValueSet(self.flow.queue)
            function.each(lambda value: self.apply(value, node, arguments, activation, result))
        return known

    def apply(
        self, value: AbstractValue, node: ast.AST, arguments: Arguments, activation: Activation, result: ValueSet
    ) -> None:
        """Calls one value from an activation, and puts what that gives into `result`."""
        if isinstance(value, Function):
            self._enter(value, None, arguments, activation, result)
        elif isinstance(value, Method):
            self._enter(value.function, value.receiver, arguments, activation, result)
        elif isinstance(value, OwnClass):
            self._construct(value, arguments, activation, result)
        elif isinstance(value, Object):
            self._forward(value, node, arguments, activation, result)
        elif isinstance(value, Holder):
            self.run_through(value, node, arguments, activation, result)
        elif isinstance(value, Partial):
            together = _together(self.flow, value.arguments, arguments)
            value.function.each(lambda inner: self.apply(inner, node, together, activation, result))
        elif isinstance(value, Member):
            put_method(value, CallSite(self.flow, node, arguments, activation, result))
        elif isinstance(value, Named):
            put_library(value.name, CallSite(self.flow, node, arguments, activation, result))
        elif value is LAYER:
            self.layer(arguments, activation, result)
        elif value is OUTSIDE:
            for slot in arguments.all():
                self.flow.beyond.escape(slot)
                slot.flow_to(result)
            self.flow.beyond.anything.flow_to(result)
        elif value in NUMERIC:  # a setting that nobody gives: it cannot be called
            result.add(TENSOR if activation.runs else PLAIN)

    def tensor(self, activation: Activation) -> AbstractValue:
        """A tensor that is made in an activation."""
        return TENSOR if activation.runs else BUILT

    # The text's own ---------------------------------------------------------------------------------------------------

    def _enter(
        self,
        function: Function,
        receiver: AbstractValue | None,
        arguments: Arguments,
        activation: Activation,
        result: ValueSet,
    ) -> None:
        entered = self.flow.activation(function, runs=activation.runs)
        spec = function.node.args
        every = [*spec.posonlyargs, *spec.args]
        if receiver is not None and every:
            entered.parameters[every[0].arg].add(receiver)
            every = every[1:]
        gathered = entered.gathered.get(spec.vararg.arg) if spec.vararg else None
        for index, slot in enumerate(arguments.positional):
            if index < len(every):
                slot.flow_to(entered.parameters[every[index].arg])
            elif gathered:
                slot.flow_to(gathered.contents)
        names = [argument.arg for argument in (*every, *spec.kwonlyargs)]
        left = names[len(arguments.positional) :]
        for unpacked in filter(None, (arguments.rest, arguments.more)):
            for name in left:
                unpacked.flow_to(entered.parameters[name])
        if arguments.rest is not None and gathered:
            arguments.rest.flow_to(gathered.contents)
        keywords = entered.gathered.get(spec.kwarg.arg) if spec.kwarg else None
        for name, slot in arguments.named.items():
            if name in names:
                slot.flow_to(entered.parameters[name])
            elif keywords:
                slot.flow_to(keywords.contents)
        if arguments.more is not None and keywords:
            arguments.more.flow_to(keywords.contents)
        entered.returned.flow_to(result)

    def _construct(self, own: OwnClass, arguments: Arguments, activation: Activation, result: ValueSet) -> None:
        made = Object(own)
        result.add(made)
        self.flow.constructed(made, activation)
        constructors = self.flow.classes.methods(own, "__init__")
        nothing = ValueSet(self.flow.queue)
        for constructor in constructors:
            self._enter(constructor, made, arguments, activation, nothing)
        if not constructors:
            self.initialise(made, arguments)

    def initialise(self, made: Object, arguments: Arguments) -> None:
        """Calls the constructor that nobody of the text wrote: of a record's fields, or of torch's."""
        contents = self.flow.contents(made)
        fields = [statement.target.id for one in self.flow.classes.line(made.of) for statement in one.node.body
                  if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)]  # fmt: skip
        for name in fields:
            self.flow.members.constant(made.of, name).flow_to(contents)  # what it is where nothing is given
        for slot in arguments.all():
            if self.flow.classes.is_module(made.of):
                self.flow.put_in(contents, slot)
            else:
                slot.flow_to(contents)
            for name in fields:
                slot.flow_to(self.flow.members.field(made.of, name))
        bases = self.flow.classes.torch_bases(made.of) - KNOWN_BASES
        for slot in arguments.all() if bases else ():
            self.flow.beyond.keep(slot)
        if any(map(may_call, bases)):
            self.flow.beyond.escape_all(arguments)

    # Layers -----------------------------------------------------------------------------------------------------------

    def _forward(
        self, value: Object, node: ast.AST, arguments: Arguments, activation: Activation, result: ValueSet
    ) -> None:
        layer = self.flow.classes.is_module(value.of)
        functions = self.flow.classes.methods(value.of, "forward" if layer else "__call__")
        for function in functions:
            self._enter(function, value, arguments, activation, result)
        if layer and not functions:
            self.torch_forward(value, node, arguments, activation, result)

    def torch_forward(
        self, value: AbstractValue, node: ast.AST, arguments: Arguments, activation: Activation, result: ValueSet
    ) -> None:
        """Calls the `forward` that a layer has from torch."""
        if isinstance(value, (Holder, Object)):
            self.run_through(value, node, arguments, activation, result)
        if not isinstance(value, Holder):
            self.layer(arguments, activation, result)

    def run_through(
        self, value: Holder | Object, node: ast.AST, arguments: Arguments, activation: Activation, result: ValueSet
    ) -> None:
        """Calls the layers that a `Sequential` holds, each with what one of the others gives."""
        known = self._runs.get((value, activation.runs))
        if known is None:
            known = self._runs[value, activation.runs] = (ValueSet(self.flow.queue), ValueSet(self.flow.queue))
            given, gave = known
            given.flow_to(gave)  # where it holds nothing
            gave.flow_to(given)
            inner = Arguments((given,))
            self.flow.holds(value).each(lambda layer: self.apply(layer, node, inner, activation, gave))
        for slot in arguments.all():
            slot.flow_to(known[0])
        known[1].flow_to(result)

    def layer(self, arguments: Arguments, activation: Activation, result: ValueSet) -> None:
        """Calls a layer of torch's: it gives a tensor, or as `Identity` what it is given."""
        result.add(self.tensor(activation))
        for slot in arguments.first():
            slot.each(lambda value: result.add(self.tensor(activation) if value is PARAMETER else value))
        self.flow.beyond.give(arguments)
        self.flow.beyond.show(arguments, result)
        self.flow.beyond.returned.flow_to(result)


def _together(flow: "Flow", first: Arguments, then: Arguments) -> Arguments:
    """The arguments of a partial with those of its call."""
    named = {name: flow.union([slot, then.named[name]]) if name in then.named else slot
             for name, slot in first.named.items()}  # fmt: skip
    rests = [slot for slot in (first.rest, then.rest) if slot is not None]
    positional = first.positional
    if first.rest is None:
        positional += then.positional
    else:
        rests += then.positional
    mores = [slot for slot in (first.more, then.more) if slot is not None]
    return Arguments(positional, flow.union(rests) if rests else None, tuple({**then.named, **named}.items()),
                     flow.union(mores) if mores else None)  # fmt: skip
