"""What the methods of Python's and torch's own values do: of containers, texts, tensors and layers."""

import ast

from gi.source.gate.flow.call import CallSite
from gi.source.gate.flow.known import ADDING, GIVING_ITSELF, LISTS_OF_TEXTS, NUMBERS, OF_CONTAINERS
from gi.source.gate.flow.members import REGISTERED
from gi.source.gate.flow.values import (
    CONTEXT,
    LAYER,
    NUMERIC,
    PARAMETER,
    PLAIN,
    AbstractValue,
    Arguments,
    Container,
    Holder,
    Member,
    Named,
    Object,
    OwnClass,
    ValueSet,
)


def put_method(member: Member, call: CallSite) -> None:
    """Calls a method of a value; of a class, the first argument is the value."""
    value, name = member.receiver, member.name
    if isinstance(value, (Named, OwnClass)):
        _of_class(value, name, call)
        return
    call.flow.changes.method(call.node, value, name, call.activation)
    if isinstance(value, Container):
        _of_container(value, name, call)
    elif value is PLAIN:
        call.flow.beyond.show(call.arguments, call.result)
        _of_text(name, call)
    elif value is CONTEXT:
        call.result.add(PLAIN)
    elif value in NUMERIC:
        call.flow.beyond.show(call.arguments, call.result)
        _of_tensor(value, name, call)
    elif isinstance(value, (Holder, Object)):
        _of_own_layer(value, name, call)
    elif value is LAYER:
        _of_layer(value, name, call)
    else:
        call.gives(*call.arguments.all())
        _unknown(name, call)


def _unknown(name: str, call: CallSite) -> None:
    """A method of what is not known: by its name one of tensors, or anything."""
    call.flow.beyond.escape_all(call.arguments)
    if name in call.flow.tensor_methods:
        call.result.add(call.flow.calls.tensor(call.activation))
    else:
        call.gives(call.flow.beyond.anything)


def _of_class(value: Named | OwnClass, name: str, call: CallSite) -> None:
    if isinstance(value, OwnClass) and name == "apply" and value.node.name in call.flow.program.derivatives:
        _differentiate(value, call)
        return
    _unknown(name, call)
    behind = call.arguments.without_first()
    for first in call.arguments.first("self"):
        function = call.flow.attribute_of(call.node, name, first, call.activation)
        call.gives(call.flow.calls.result(call.node, function, behind, call.activation))


def _differentiate(value: OwnClass, call: CallSite) -> None:
    """`apply` of a function with a derivative of its own, which calls both with a context."""
    flow, arguments = call.flow, call.arguments
    context, nothing = ValueSet(flow.queue, CONTEXT), ValueSet(flow.queue)
    given = Arguments((context, *arguments.positional), arguments.rest, arguments.keywords, arguments.more)
    for function in flow.classes.methods(value, "forward"):
        flow.calls.apply(function, call.node, given, call.activation, call.result)
    # Whatever else it has, torch may call with the context, gradients, and what was given; `symbolic` is of an exporter
    # that gi does not use.
    gradients = ValueSet(flow.queue, flow.calls.tensor(call.activation))
    together = call.make(*arguments.all(), fixed=True, part="given")
    anything = flow.union([gradients, context, *arguments.all(), flow.holding(together)])
    for function in flow.classes.every_method(value, but="symbolic"):
        flow.calls.apply(function, call.node, Arguments((context,), anything), call.activation, nothing)


# Containers and texts -------------------------------------------------------------------------------------------------


def _of_container(value: Container, name: str, call: CallSite) -> None:
    call.result.add(PLAIN)
    if not value.fixed:
        _put_in_container(value, name, call)
    if name in {"items", "popitem"}:
        pair = call.make(value.contents, fixed=True, part="pair")
        call.result.add(pair)
        if name == "items":
            call.make(call.flow.holding(pair), fixed=True)
    elif name in {"values", "keys"}:
        call.make(value.contents, fixed=True)
    elif name in {"copy", "union", "intersection", "difference"}:
        call.make(value.contents, *call.elements())
    elif name in {"get", "pop", "setdefault"}:
        call.gives(value.contents, *call.arguments.all())


def _put_in_container(value: Container, name: str, call: CallSite) -> None:
    arguments, slots = call.arguments, list[ValueSet]()
    if name in {"append", "insert", "setdefault", "add"}:
        slots = list(arguments.all())
    elif name == "extend":
        slots = call.elements()
    elif name == "update":  # of a dictionary, of pairs, by keywords
        pairs = map(call.flow.elements, call.elements())
        slots = [*call.elements(), *pairs, *arguments.named.values(), *call.unpacked()]
    elif name == "sort":
        for key in filter(None, (arguments.named.get("key"), arguments.more)):
            call.call(key, value.contents)
    for slot in slots:
        slot.flow_to(value.contents)


def _of_text(name: str, call: CallSite) -> None:
    call.result.add(PLAIN)
    if name in LISTS_OF_TEXTS:
        call.make(call.flow.plain)


# Tensors and layers ---------------------------------------------------------------------------------------------------


def _of_tensor(value: AbstractValue, name: str, call: CallSite) -> None:
    if name in NUMBERS:
        call.result.add(PLAIN)
    elif name == "tolist":
        made = call.make(call.flow.plain)
        made.contents.add(made)
    else:
        call.result.add(call.flow.calls.tensor(call.activation) if value is PARAMETER else value)


def _of_layer(value: AbstractValue, name: str, call: CallSite) -> None:
    flow = call.flow
    if name in GIVING_ITSELF:
        call.result.add(value)
        for slot in call.arguments.all() if name == "apply" else ():
            call.call(slot, flow.modules)
    elif name == "forward":
        flow.calls.torch_forward(value, call.node, call.arguments, call.activation, call.result)
    elif name in {"children", "modules"}:
        call.make(flow.modules, fixed=True, once=True)
    elif name in {"named_children", "named_modules"}:
        _put_named(flow.modules, call)
    elif name in {"parameters", "buffers"}:
        call.make(flow.parameters, fixed=True, once=True)
    elif name in {"named_parameters", "named_buffers"}:
        _put_named(flow.parameters, call)
    elif name in {"register_buffer", "register_parameter"}:
        flow.members.set(value, _literal_name(call), flow.parameters)
    elif name == "add_module":
        flow.members.set(value, _literal_name(call), flow.layers_of(flow.union(list(call.arguments.all()))))
    elif name != "reset_parameters":
        if name not in flow.tensor_methods:  # which are arithmetic of a layer that does it
            call.gives(*call.arguments.all())
        _unknown(name, call)
    call.result.add(PLAIN)


def _literal_name(call: CallSite) -> str:
    """The name under which a call registers something, `REGISTERED` where it is not written there."""
    name = call.node.args[0] if isinstance(call.node, ast.Call) and call.node.args else None
    return name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) else REGISTERED


def _put_named(contents: ValueSet, call: CallSite) -> None:
    """An iterator of names and what bears them."""
    plain = call.flow.plain
    pair = call.make(plain, contents, fixed=True, part="pair", places=(plain, contents))
    call.make(call.flow.holding(pair), fixed=True, once=True)


def _of_own_layer(value: Holder | Object, name: str, call: CallSite) -> None:
    """Of a layer whose own layers are known."""
    contents = call.flow.holds(value)
    if name == "__init__" and isinstance(value, Object):
        call.flow.calls.initialise(value, call.arguments)
    elif name == "children":
        call.make(contents, fixed=True, once=True)
    elif name == "named_children":
        _put_named(contents, call)
    elif name in ADDING:
        call.result.add(value)
        for slot in call.arguments.all():
            call.flow.put_in(contents, slot)
        if name == "add_module":
            _of_layer(value, name, call)
    elif name == "items":
        _put_named(contents, call)
    elif name in OF_CONTAINERS:
        call.make(contents, call.flow.plain, fixed=True)
        call.gives(contents)
    else:
        _of_layer(value, name, call)
