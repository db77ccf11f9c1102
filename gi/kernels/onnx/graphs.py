"""A model file as plain records: operators with their attributes, stored tensors by name, inputs with their shapes."""

import math
import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto

from gi.kernels.onnx.inlining import Functions, functions_of, inlined
from gi.kernels.onnx.tensors import Array, Reader
from gi.kernels.onnx.wire import WireError, description
from gi.kernels.records import plain

MOST_OPERATORS = 50_000
_FORMATS = (
    (0, b"version https://git-lfs", "a git-LFS pointer, not the model: fetch it with `git lfs pull`"),
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
    """A file that is no ONNX model, with the reason."""


@dataclass(eq=False)
class Operator:
    """One node: `inputs` and `outputs` are value names, "" for what is left out."""

    node: NodeProto

    @cached_property
    def type(self) -> str:
        """Its operator type."""
        return plain(self.node.op_type)

    @property
    def name(self) -> str:
        """Its name, or that of the first value that it makes; "" where it has neither."""
        return plain(self.node.name or (self.node.output or [""])[0])

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """The names of what it reads."""
        return tuple(self.node.input)

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """The names of what it makes."""
        return tuple(self.node.output)

    @cached_property
    def attributes(self) -> Mapping[str, AttributeProto]:
        """Its attributes by name."""
        return {attribute.name: attribute for attribute in self.node.attribute}

    def ints(self, name: str) -> tuple[int, ...]:
        """A list of integers among its attributes, empty where there is none."""
        found = self.attributes.get(name)
        return tuple(found.ints) if found is not None else ()

    def int(self, name: str, default: int = 0) -> "int":
        """An integer among its attributes."""
        found = self.attributes.get(name)
        return default if found is None else int(found.i)

    def float(self, name: str, default: float) -> "float":
        """A real number among its attributes."""
        found = self.attributes.get(name)
        return default if found is None else float(found.f)

    def text(self, name: str, default: str = "") -> str:
        """A string among its attributes."""
        found = self.attributes.get(name)
        return default if found is None else bytes(found.s).decode("utf-8", "replace")


@dataclass(eq=False)
class OnnxGraph:
    """A graph or subgraph; `stored` also has what the graphs around it store."""

    operators: list[Operator]
    stored: Mapping[str, "Stored"]
    inputs: Mapping[str, tuple[int | None, ...] | None]
    opset: int
    prefix: str = ""
    subgraphs: list["OnnxGraph"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor that the file holds, read when asked for."""

    reader: Reader
    tensor: Any

    def array(self) -> Array:
        """Its values. Raises `TensorError`."""
        if isinstance(self.tensor, onnx.SparseTensorProto):
            return self.reader.sparse(self.tensor)
        if isinstance(self.tensor, onnx.TensorProto):
            return self.reader.array(self.tensor)
        return self.tensor  # type: ignore[no-any-return]

    @property
    def is_external(self) -> bool:
        """Whether its data lies in another file."""
        return isinstance(self.tensor, onnx.TensorProto) and self.tensor.data_location == onnx.TensorProto.EXTERNAL

    @property
    def dims(self) -> tuple[int, ...]:
        """Its dimensions, as the file tells them."""
        dims = self.tensor.shape if isinstance(self.tensor, np.ndarray | np.generic) else self.tensor.dims
        return tuple(int(size) for size in dims)

    @property
    def num_elements(self) -> int:
        """How many elements its dimensions stand for."""
        return math.prod(self.dims)


@dataclass(frozen=True, slots=True)
class Model:
    """One file, read."""

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
    opset = max((o.version for o in proto.opset_import if o.domain in ("", "ai.onnx")), default=0)
    reader = Reader(path.parent, bulk)
    reading = _Reading(reader, functions_of(proto.functions), opset or 1)
    graph = reading.graph(proto.graph, {}, "")
    producer = f"{plain(proto.producer_name)[:60]} {plain(proto.producer_version)[:30]}".strip()
    return Model(graph, producer, int(opset), reader)


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


@dataclass(frozen=True, slots=True)
class _Reading:
    """What all graphs of one file share."""

    reader: Reader
    functions: Functions
    opset: int

    def graph(self, proto: GraphProto, outer: Mapping[str, Stored], prefix: str) -> OnnxGraph:
        """A graph with its subgraphs; `outer` is what the graphs around it store."""
        stored = dict(outer)
        stored |= {tensor.name: Stored(self.reader, tensor) for tensor in proto.initializer}
        stored |= {tensor.values.name: Stored(self.reader, tensor) for tensor in proto.sparse_initializer}
        graph = OnnxGraph([], stored, _inputs(proto, stored), self.opset, prefix)
        for node in inlined(proto.node, self.functions):
            operator = Operator(node)
            constant = _constant(operator, self.reader) if operator.type == "Constant" else None
            if constant is not None and node.output:
                stored[node.output[0]] = constant
                continue
            graph.operators.append(operator)
            if len(graph.operators) > MOST_OPERATORS:
                raise ModelError(f"more than {MOST_OPERATORS} operators: refused")
            graph.subgraphs += self._subgraphs(node, stored, prefix)
        return graph

    def _subgraphs(self, node: NodeProto, stored: Mapping[str, Stored], prefix: str) -> Iterator[OnnxGraph]:
        for attribute in node.attribute:
            for inner in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
                yield self.graph(inner, stored, f"{prefix}{plain(node.name or node.op_type)}/{plain(attribute.name)}/")


def _inputs(proto: GraphProto, stored: Mapping[str, Stored]) -> dict[str, tuple[int | None, ...] | None]:
    found: dict[str, tuple[int | None, ...] | None] = {}
    for value in proto.input:
        if value.name in stored:  # up to IR version 3 initialisers are listed as inputs too
            continue
        kind = value.type.tensor_type
        known = kind.HasField("shape")
        found[value.name] = tuple(_dim(dim) for dim in kind.shape.dim) if known else None
    return found


def _dim(dim: Any) -> int | None:
    return int(dim.dim_value) if dim.HasField("dim_value") and 0 < dim.dim_value < 1 << 20 else None


def _constant(operator: Operator, reader: Reader) -> Stored | None:
    """What a Constant node holds, None where that is no number."""
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
