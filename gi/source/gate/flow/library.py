"""What the functions of Python and torch give that a program may call by name."""

import ast
from collections.abc import Callable

from gi.source.gate.flow.activation import Activation
from gi.source.gate.flow.call import CallSite
from gi.source.gate.flow.containers import CONTAINERS, put_mistake
from gi.source.gate.flow.known import (
    FILLED,
    HOLDING,
    MARKING,
    OF_CLASSES,
    PARAMETERS,
    PASS,
    PASSING,
    PASSING_FIRST,
    PLAIN_FUNCTIONS,
    WRITING,
    may_call,
)
from gi.source.gate.flow.members import SET
from gi.source.gate.flow.values import (
    LAYER,
    OUTSIDE,
    PARAMETER,
    PLAIN,
    AbstractValue,
    Named,
    OwnClass,
    Partial,
    Super,
    ValueSet,
)
from gi.source.gate.program import EVERY_BUILTIN


def put_library(name: str, call: CallSite) -> None:
    """Calls a builtin or something that an import leads to, by its qualified name."""
    form = _FORMS.get(name)
    if form is not None:
        form(call)
    elif name in HOLDING | FILLED:
        _put_holder(name, call)
    elif name in EVERY_BUILTIN and name.endswith(("Error", "Exception", "Warning")):
        put_mistake(call)
    elif name in PLAIN_FUNCTIONS or name.startswith("math."):
        call.result.add(PLAIN)
    elif name in MARKING:
        if name != "torch.no_grad":
            _mark(call)
        _pass(call)
        call.result.add(Named(PASS))
    elif name.startswith(("torch.", "torchvision.")) and name not in PASSING:
        _put_torch(name, call)
    else:
        _pass(call)
        if name not in PASSING | WRITING:
            call.gives(call.flow.beyond.anything)
        call.flow.beyond.escape_all(call.arguments)


def _mark(call: CallSite) -> None:
    """A function that changes the function, class or layer that it is given."""
    if call.activation.runs:
        call.flow.changes.refuse(call.node, "what is given may be kept, and is marked")


def _pass(call: CallSite) -> None:
    call.result.add(PLAIN)
    call.gives(*call.arguments.all())


def _put_holder(name: str, call: CallSite) -> None:
    holder = call.flow.holder(call.node, call.activation)
    if name in FILLED:
        holder.contents.add(LAYER)
        call.flow.beyond.escape_all(call.arguments)
    for slot in call.arguments.all():
        call.flow.put_in(holder.contents, slot)
    if "Parameter" in name:
        holder.contents.add(PARAMETER)
    call.result.add(holder)


def _put_torch(name: str, call: CallSite) -> None:
    module, _, last = name.rpartition(".")
    if last in PARAMETERS:
        call.result.add(PARAMETER)
        return
    if name.startswith("torch.nn.utils."):
        _mark(call)
    if may_call(name):
        call.flow.beyond.escape_all(call.arguments)
    call.flow.beyond.show(call.arguments, call.result)
    if module in OF_CLASSES and last.strip("_")[0].isupper():
        for slot in call.arguments.all() if not name.startswith("torch.optim.") else ():
            call.flow.beyond.keep(slot)
        call.result.add(LAYER)
        call.flow.modules.add(LAYER)
        return
    call.result.add(call.flow.calls.tensor(call.activation))  # or a number, which is nothing else to the rules
    if name.startswith(PASSING_FIRST):
        call.gives(*call.arguments.first())


# Functions of functions -----------------------------------------------------------------------------------------------


def _partial(call: CallSite) -> None:
    function, behind = call.flow.union(list(call.arguments.first("func"))), call.arguments.without_first()
    key = (call.node, call.activation, "partial")
    call.result.add(call.flow.once(key, lambda: Partial(function, behind)))


def _reduced(call: CallSite) -> None:
    behind = call.arguments.without_first()
    items = call.flow.union([call.flow.elements(slot) for slot in behind.all()])
    gathered = ValueSet(call.flow.queue)
    for slot in (items, *behind.all()):
        slot.flow_to(gathered)
    for function in call.arguments.first("function"):
        call.call(function, gathered, items).flow_to(gathered)
    call.gives(gathered)


def _checkpoint(call: CallSite) -> None:
    """`checkpoint(function, *arguments)`; by keyword it is given what makes its contexts."""
    for slot in (*call.arguments.named.values(), *call.unpacked()):
        call.flow.beyond.escape(slot)
    for function in call.arguments.first("function"):
        behind = call.arguments.without_first()
        call.gives(call.flow.calls.result(call.node, function, behind, call.activation))


# Objects --------------------------------------------------------------------------------------------------------------


def _super(call: CallSite) -> None:
    program = call.flow.program
    function = program.function_of(call.node)
    around: Activation | None = call.activation
    while around is not None and around.node is not function:
        around = around.home
    own = next((above for above in program.around(call.node) if isinstance(above, ast.ClassDef)), None)
    first = program.first_argument(function)
    if around is None or own is None or first not in around.parameters:
        call.gives(call.flow.beyond.anything)
        return
    classes = [one for one in call.flow.classes.known if one.node is own]
    for one in classes:
        _put_above(one, around.parameters[first], call.result)
    if call.arguments.positional:  # `super(Net, self)`, where these may be others
        receivers = call.arguments.positional[-1]
        call.arguments.positional[0].each(
            lambda value: _put_above(value, receivers, call.result) if value not in classes else None
        )


def _put_above(own: AbstractValue, receivers: ValueSet, result: ValueSet) -> None:
    if isinstance(own, OwnClass):
        receivers.each(lambda receiver: result.add(Super(own, receiver)))
    else:
        result.add(OUTSIDE)


def _set(call: CallSite) -> None:
    """`setattr` by a name that is made: any attribute may be set."""
    call.result.add(PLAIN)
    if len(call.arguments.positional) == 3:
        owner, _, slot = call.arguments.positional
        owner.each(lambda value: call.flow.members.set(value, SET, slot))
    else:
        call.flow.beyond.escape_all(call.arguments)


_FORMS: dict[str, Callable[[CallSite], None]] = {
    **CONTAINERS,
    "functools.partial": _partial, "functools.reduce": _reduced, "torch.utils.checkpoint.checkpoint": _checkpoint,
    "super": _super, "setattr": _set,
}  # fmt: skip
