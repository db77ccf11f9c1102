"""Inlines a model's functions at the operators that call them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from onnx import AttributeProto, FunctionProto, GraphProto, NodeProto

from gi.kernels.records import plain

# A file may nest calls to any depth.
_DEEPEST = 24
STANDARD = ("", "ai.onnx")

#: Functions by domain, name and overload: overloads of one name have different bodies and weights.
Functions = Mapping[tuple[str, str, str], FunctionProto]


def functions_of(protos: Iterable[FunctionProto]) -> Functions:
    """A model's functions by domain, name and overload."""
    return {(proto.domain, proto.name, proto.overload): proto for proto in protos}


def standard_opset(imports: Iterable["object"], default: int) -> int:
    """The version of the standard operator set among these imports, `default` without one."""
    return max((int(o.version) for o in imports if o.domain in STANDARD), default=default)  # type: ignore[attr-defined]


def inlined(
    nodes: Iterable[NodeProto], functions: Functions, opset: int, prefix: str = "", depth: int = 0
) -> Iterator[tuple[NodeProto, int]]:
    """The nodes with calls replaced by function bodies, each with the operator set that applies to it.

    Lazy, since a function may expand to any number of nodes. Calls more than 24 deep stay; they end tracing like any
    unknown operator.
    """
    # The depth is limited before expansion: two functions that call each other would expand endlessly.
    for number, node in enumerate(nodes):
        called = functions.get((node.domain, node.op_type, node.overload)) if functions else None
        if called is None or depth >= _DEEPEST:
            yield node, opset
        else:
            place = f"{prefix}{plain(node.name or node.op_type)}_{number}/"
            inner = standard_opset(called.opset_import, opset)
            yield from inlined(_Call(node, called, place).nodes(), functions, inner, place, depth + 1)


@dataclass(frozen=True, slots=True)
class _Names:
    """The outer names of the names inside a function."""

    given: Mapping[str, str]
    prefix: str

    def __call__(self, name: str) -> str:
        return self.given.get(name, self.prefix + plain(name)) if name else ""


class _Call:
    """One call of a function: its body with the names and attributes of the call."""

    def __init__(self, call: NodeProto, called: FunctionProto, prefix: str) -> None:
        names = dict(zip(called.output, call.output, strict=False))
        # Inputs that the call omits are "" inside, too, which every rule handles.
        names |= {name: call.input[at] if at < len(call.input) else "" for at, name in enumerate(called.input)}
        self._names = _Names(names, prefix)
        # The call's attributes override the function's defaults.
        self._given = {a.name: a for a in called.attribute_proto} | {a.name: a for a in call.attribute}
        self._called = called

    def nodes(self) -> Iterator[NodeProto]:
        return map(self._node, self._called.node)

    def _node(self, node: NodeProto) -> NodeProto:
        names = self._names
        inner = NodeProto(op_type=node.op_type, domain=node.domain, overload=node.overload)
        # Names are prefixed by the call's place: two calls of one function have different values.
        inner.name = names.prefix + plain(node.name) if node.name else ""
        inner.input.extend(map(names, node.input))
        inner.output.extend(map(names, node.output))
        inner.attribute.extend(filter(None, map(self._attribute, node.attribute)))
        return inner

    def _attribute(self, attribute: AttributeProto) -> AttributeProto | None:
        """The attribute, or the call's value for a reference; None where the call omits it."""
        if attribute.ref_attr_name:
            if attribute.ref_attr_name not in self._given:
                return None
            value = AttributeProto()
            value.CopyFrom(self._given[attribute.ref_attr_name])
            value.name = attribute.name
            return value
        if not attribute.HasField("g") and not attribute.graphs:
            return attribute
        inner = AttributeProto(name=attribute.name, type=attribute.type)
        if attribute.HasField("g"):
            inner.g.CopyFrom(self._graph(attribute.g))
        inner.graphs.extend(map(self._graph, attribute.graphs))
        return inner

    def _graph(self, graph: GraphProto) -> GraphProto:
        """A subgraph with the call's names, since it may capture values of the enclosing function."""
        inner = GraphProto(name=graph.name)
        inner.node.extend(map(self._node, graph.node))
        for field in ("input", "output", "initializer"):
            for value in getattr(graph, field):
                getattr(inner, field).add().CopyFrom(value)
                getattr(inner, field)[-1].name = self._names(value.name)
        for sparse in graph.sparse_initializer:
            inner.sparse_initializer.add().CopyFrom(sparse)
            inner.sparse_initializer[-1].values.name = self._names(sparse.values.name)
        return inner
