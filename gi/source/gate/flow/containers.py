"""The functions that make containers and iterators of what they are given, or take one value out."""

from collections.abc import Callable

from gi.source.gate.flow.call import CallSite
from gi.source.gate.flow.values import PLAIN, AbstractValue, Container, Named, ValueSet

#: What `collections.namedtuple` gives.
_NAMED_TUPLE = "collections.namedtuple()"


def _list(call: CallSite) -> None:
    call.make(*call.elements())
    _call_key(call)


def _call_key(call: CallSite) -> None:
    """Calls `key` with each element, or argument, of which one is chosen or which are sorted."""
    items = call.flow.union([*call.arguments.positional, *call.elements()])
    for key in (call.arguments.named.get("key"), call.arguments.more):
        if key is not None:
            call.call(key, items)


def _tuple(call: CallSite) -> None:
    call.make(*call.elements(), fixed=True)


def _reversed(call: CallSite) -> None:
    call.make(*call.elements(), fixed=True, once=True)


def _dictionary(call: CallSite) -> None:
    made = call.make(*call.arguments.named.values(), *call.unpacked(), *call.elements())
    for items in call.elements():  # of pairs
        call.flow.elements(items).flow_to(made.contents)


def _zipped(call: CallSite) -> None:
    _pairs(call, *map(call.flow.elements, call.arguments.positional))


def _enumerated(call: CallSite) -> None:
    items = [call.flow.elements(slot) for slot in call.arguments.first("iterable")]
    _pairs(call, call.flow.plain, call.flow.union(items))


def _pairs(call: CallSite, *places: ValueSet) -> None:
    """An iterator of tuples; what a call unpacks may stand anywhere in them."""
    unpacked = [call.flow.elements(slot) for slot in call.unpacked()]
    inner = [call.flow.elements(slot) for slot in unpacked]
    pair = call.make(*places, *unpacked, *inner, fixed=True, part="pair", places=() if unpacked else places)
    call.make(call.flow.holding(pair), fixed=True, once=True)


def _mapped(call: CallSite) -> None:
    call.make(*_called_with_elements(call), fixed=True, once=True)


def _filtered(call: CallSite) -> None:
    _called_with_elements(call)
    call.make(*call.elements(), fixed=True, once=True)


def _called_with_elements(call: CallSite) -> list[ValueSet]:
    behind = call.arguments.without_first()
    items = [call.flow.elements(slot) for slot in behind.positional]
    rest = call.flow.elements(behind.rest) if behind.rest is not None else None
    return [call.call(function, *items, rest=rest) for function in call.arguments.first("function")]


def _chosen(call: CallSite) -> None:
    """`max` and `min`: an argument, or an element of one."""
    call.gives(*call.arguments.all(), *call.elements())
    _call_key(call)


def _sum(call: CallSite) -> None:
    sides = [*call.elements(), *call.arguments.positional[1:], *call.arguments.named.values()]
    call.gives(call.flow.operation(call.node, sides, call.activation))


def _operate(call: CallSite) -> None:
    call.gives(call.flow.operation(call.node, list(call.arguments.all()), call.activation))


def _repeated(call: CallSite) -> None:
    """`_pair(x)`: a tuple of it, or of what it holds."""
    call.make(*call.arguments.all(), *call.elements(), fixed=True)


def _repeating(call: CallSite) -> None:
    call.make(*call.arguments.all(), fixed=True, once=True)


def _chained(call: CallSite) -> None:
    call.make(*call.elements(), *map(call.flow.elements, call.elements()), fixed=True, once=True)


def _copied(call: CallSite) -> None:
    def copy(value: AbstractValue) -> None:
        # A module's copy shares the table of its layers.
        if isinstance(value, Container):
            call.make(value.contents)
        else:
            call.result.add(value)

    for slot in call.arguments.all():
        slot.each(copy)


def _define(call: CallSite) -> None:
    call.result.add(Named(_NAMED_TUPLE))


def _record(call: CallSite) -> None:
    call.make(*call.arguments.all(), fixed=True)


def put_mistake(call: CallSite) -> None:
    """An exception, which gives out what it was given: `e.args[0]`."""
    made = call.make(*call.arguments.all(), fixed=True)
    made.contents.add(made)
    made.contents.add(PLAIN)


CONTAINERS: dict[str, Callable[[CallSite], None]] = {
    **dict.fromkeys(("list", "sorted", "set", "frozenset"), _list),
    **dict.fromkeys(("dict", "collections.OrderedDict"), _dictionary),
    **dict.fromkeys(("max", "min"), _chosen),
    **dict.fromkeys(("abs", "round", "divmod"), _operate),
    **{f"operator.{name}": _operate for name in ("add", "mul", "sub", "truediv", "floordiv")},
    **dict.fromkeys(("copy.copy", "copy.deepcopy"), _copied),
    **{f"torch.nn.modules.utils.{name}": _repeated
       for name in ("_single", "_pair", "_triple", "_quadruple", "_reverse_repeat_tuple")},
    "tuple": _tuple, "reversed": _reversed, "zip": _zipped, "enumerate": _enumerated, "map": _mapped,
    "filter": _filtered, "sum": _sum, "itertools.product": _zipped, "itertools.repeat": _repeating,
    "itertools.chain": _chained, "collections.namedtuple": _define, _NAMED_TUPLE: _record,
}  # fmt: skip
