"""A model's own functions put in place of the operators that call them."""

from collections.abc import Iterable, Iterator, Mapping

from onnx import AttributeProto, FunctionProto, NodeProto

from gi.kernels.records import plain

_DEEPEST = 24

Functions = Mapping[tuple[str, str], FunctionProto]


def functions_of(protos: Iterable[FunctionProto]) -> Functions:
    """A model's functions by domain and name."""
    return {(proto.domain, proto.name): proto for proto in protos}


def inlined(nodes: Iterable[NodeProto], functions: Functions, prefix: str = "", depth: int = 0) -> Iterator[NodeProto]:
    """The nodes with calls replaced by what they call, lazily: a function may stand for any number of nodes.

    Calls more than 24 deep stay as they are; they end the graph like any unknown operator.
    """
    for number, node in enumerate(nodes):
        called = functions.get((node.domain, node.op_type)) if functions else None
        if called is None or depth >= _DEEPEST:
            yield node
        else:
            place = f"{prefix}{plain(node.name or node.op_type)}_{number}/"
            yield from inlined(_body(node, called, place), functions, place, depth + 1)


def _body(call: NodeProto, called: FunctionProto, prefix: str) -> Iterator[NodeProto]:
    """The nodes of a function with the names and attributes that this call gives them."""
    names = dict(zip(called.output, call.output, strict=False))
    names |= {name: call.input[at] if at < len(call.input) else "" for at, name in enumerate(called.input)}
    given = {a.name: a for a in called.attribute_proto} | {a.name: a for a in call.attribute}
    for node in called.node:
        inner = NodeProto(op_type=node.op_type, domain=node.domain, name=prefix + plain(node.name) if node.name else "")
        inner.input.extend(_renamed(name, names, prefix) for name in node.input)
        inner.output.extend(_renamed(name, names, prefix) for name in node.output)
        inner.attribute.extend(filter(None, (_attribute(attribute, given) for attribute in node.attribute)))
        yield inner


def _renamed(name: str, names: Mapping[str, str], prefix: str) -> str:
    return names.get(name, prefix + plain(name)) if name else ""


def _attribute(attribute: AttributeProto, given: Mapping[str, AttributeProto]) -> AttributeProto | None:
    """The attribute, or what the call gives in its place; None where a call leaves it out."""
    if not attribute.ref_attr_name:
        return attribute
    if attribute.ref_attr_name not in given:
        return None
    found = AttributeProto()
    found.CopyFrom(given[attribute.ref_attr_name])
    found.name = attribute.name
    return found
