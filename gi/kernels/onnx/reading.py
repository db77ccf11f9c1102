"""Reads a model file into records, without checker or runtime: weights stay on disk until they are used."""

import mmap
from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError
from onnx import GraphProto, ModelProto, NodeProto
from onnx.helper import VERSION_TABLE

from gi.kernels.onnx.graphs import GraphInput, OnnxGraph, Operator, Stored
from gi.kernels.onnx.inlining import Functions, functions_of, inlined, standard_opset
from gi.kernels.onnx.ordering import in_order
from gi.kernels.onnx.tensors import Reader
from gi.kernels.onnx.wire import WireError, description
from gi.kernels.records import plain

# A bound on time and memory: each becomes a record.
MOST_OPERATORS = 50_000
_FORMATS = (
    (0, b"version https://git-lfs", "a git-LFS pointer, not the model: fetch it with `git lfs pull`"),
    # Other files that users pass, recognised by their first bytes, with advice.
    (0, b"PK\x03\x04", "a zip archive (a PyTorch checkpoint?), not an ONNX model: pass it with --model"),
    (0, b"\x89HDF", "an HDF5 file, not an ONNX model"),
    (0, b"\x80\x02", "a Python pickle (an old PyTorch checkpoint?), not an ONNX model: pass it with --model"),
    (0, b"\x80\x04", "a Python pickle, not an ONNX model"),
    (0, b"<", "a page of HTML or XML, not an ONNX model: was its download refused?"),
    (8, b'{"', "a safetensors file, not an ONNX model: save it by torch.save, and pass it with --model"),
    (0, b"\x1f\x8b", "a gzip file, not an ONNX model: unpack it first"),
    (4, b"ORTM", "an ONNX Runtime flatbuffer, not an ONNX model: pass the .onnx that it was made from"),
    (4, b"TFL3", "a TensorFlow Lite file, not an ONNX model"),
)


class ModelError(ValueError):
    """A file that is not a usable ONNX model, with the reason."""


@dataclass(frozen=True, slots=True)
class Model:
    """The contents of one file; `opset` is 0 where the file does not declare it."""

    graph: OnnxGraph
    producer: str
    opset: int
    reader: Reader


def read_model(path: Path) -> Model:
    """The model in a file, its weights still on disk. Raises `ModelError`, `OSError`."""
    data = _bytes_of(path)
    try:
        proto_bytes, bulk = description(data)
        proto = ModelProto.FromString(proto_bytes)
    except (WireError, DecodeError) as error:
        raise ModelError(f"not an ONNX model: {error}") from error
    if not proto.HasField("graph") or not (proto.graph.node or proto.graph.initializer):
        raise ModelError("not an ONNX model: it has no graph")
    opset = standard_opset(proto.opset_import, 0)
    reader = Reader(path.parent, bulk)
    # A file without an operator set uses that of its format's release.
    reading = _Reading(reader, functions_of(proto.functions), opset or _opset_of_format(proto.ir_version))
    graph = reading.graph(proto.graph, None, "")
    producer = f"{plain(proto.producer_name)[:60]} {plain(proto.producer_version)[:30]}".strip()
    return Model(graph, producer, opset, reader)


def _opset_of_format(ir_version: int) -> int:
    """The operator set of the release that introduced this file format; 1 for formats before operator sets."""
    releases = [row for row in VERSION_TABLE if row[1] == ir_version]
    return int(releases[0][2]) if releases and ir_version >= 3 else 1


def _bytes_of(path: Path) -> memoryview:
    size = path.stat().st_size
    if not size:
        raise ModelError("an empty file")
    with path.open("rb") as file:
        data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    for at, magic, reason in _FORMATS:
        if data[at : at + len(magic)] == magic:
            raise ModelError(reason)
    return data


class _Reading:
    """The shared state of all graphs of one file, with their common bound on operators."""

    def __init__(self, reader: Reader, functions: Functions, opset: int) -> None:
        self._reader = reader
        self._functions = functions
        self._opset = opset
        self._left = MOST_OPERATORS

    # Subgraphs share the bound on operators with the enclosing graph.
    def graph(self, proto: GraphProto, outer: OnnxGraph | None, prefix: str, opset: int = 0) -> OnnxGraph:
        """A graph with its subgraphs; values of `outer` may be captured."""
        stored: ChainMap[str, Stored] = outer.stored.new_child() if outer is not None else ChainMap()
        stored.update({tensor.name: Stored(self._reader, tensor) for tensor in proto.initializer})
        stored.update({tensor.values.name: Stored(self._reader, tensor) for tensor in proto.sparse_initializer})
        outputs = tuple(value.name for value in proto.output)
        graph = OnnxGraph([], stored, _inputs(proto), outputs, prefix, outer)
        operators = list(self._operators(proto.node, stored, opset or self._opset))
        # Bodies come last: a Constant that a subgraph captures may come after the operator of the subgraph.
        for operator in operators:
            operator.bodies = dict(self._bodies(operator, graph, prefix))
        graph.operators += in_order(operators)
        return graph

    def _operators(
        self, nodes: Iterable[NodeProto], stored: MutableMapping[str, Stored], opset: int
    ) -> Iterator[Operator]:
        for node, version in inlined(nodes, self._functions, opset):
            if node.domain == "ai.onnx":  # the long name of the standard domain
                node.domain = ""
            operator = Operator(node, version)
            constant = _constant(operator, self._reader) if operator.type == "Constant" else None
            if constant is not None and node.output:
                stored[node.output[0]] = constant
                continue
            # Counted after inlining, since a small file may expand to any number.
            self._left -= 1
            if self._left < 0:
                raise ModelError(f"more than {MOST_OPERATORS} operators: refused")
            yield operator

    def _bodies(self, operator: Operator, graph: OnnxGraph, prefix: str) -> Iterator[tuple[str, OnnxGraph]]:
        node = operator.node
        for attribute in node.attribute:
            graphs = ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs)
            for number, inner in enumerate(graphs):
                place = f"{prefix}{plain(node.name or node.op_type)}/{plain(attribute.name)}/"
                name = f"{attribute.name}.{number}" if number else attribute.name
                yield name, self.graph(inner, graph, place, operator.opset)


def _inputs(proto: GraphProto) -> Mapping[str, GraphInput]:
    own = {tensor.name for tensor in proto.initializer} | {tensor.values.name for tensor in proto.sparse_initializer}
    inputs = {}
    for value in proto.input:
        if value.name in own:  # up to IR version 3 initialisers are also listed as inputs
            continue
        kind = value.type.tensor_type
        shape = tuple(map(_dim, kind.shape.dim)) if kind.HasField("shape") else None
        inputs[value.name] = GraphInput(shape, kind.elem_type)
    return inputs


def _dim(dim: Any) -> int | None:
    # A size beyond a million is implausible for an image, and counts as unknown.
    return int(dim.dim_value) if dim.HasField("dim_value") and 0 < dim.dim_value < 1 << 20 else None


def _constant(operator: Operator, reader: Reader) -> Stored | None:
    """The value of a Constant node; None where it is not numeric."""
    for name, attribute in operator.attributes.items():
        if name == "value":
            return Stored(reader, attribute.t)
        if name == "sparse_value":
            return Stored(reader, attribute.sparse_tensor)
        if name in ("value_int", "value_ints"):
            ints = np.array(attribute.ints, np.int64)
            return Stored(reader, np.int64(attribute.i).reshape(()) if name == "value_int" else ints)
        if name in ("value_float", "value_floats"):
            floats = np.array(attribute.floats, np.float32)
            return Stored(reader, np.float32(attribute.f).reshape(()) if name == "value_float" else floats)
    return None
