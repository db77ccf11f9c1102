"""A model as plain records: operators with their attributes, stored tensors by name, inputs with their shapes."""

import math
from collections import ChainMap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import onnx
from onnx import AttributeProto, NodeProto

from gi.kernels.onnx.tensors import Array, Reader
from gi.kernels.records import plain


@dataclass(eq=False)
class Operator:
    """One node: `inputs` and `outputs` are value names, "" for omitted ones.

    `opset` is the version of the standard operator set that applies: a function has its own. `bodies` are its subgraphs
    by attribute name.
    """

    node: NodeProto
    opset: int = 1
    bodies: Mapping[str, "OnnxGraph"] = field(default_factory=dict)

    @cached_property
    def type(self) -> str:
        """Its operator type."""
        return plain(self.node.op_type)  # protobuf returns bytes for invalid UTF-8

    @property
    def name(self) -> str:
        """Its name, or that of its first output; "" where it has neither."""
        return plain(self.node.name or (self.node.output or [""])[0])

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """The names of its inputs."""
        return tuple(self.node.input)

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """The names of its outputs."""
        return tuple(self.node.output)

    @cached_property
    def reads(self) -> frozenset[str]:
        """The names of its inputs and of values that its subgraphs capture."""
        captured = (name for body in self.bodies.values() for name in body.captured)
        return frozenset(filter(None, (*self.inputs, *captured)))

    @cached_property
    def attributes(self) -> Mapping[str, AttributeProto]:
        """Its attributes by name."""
        return {attribute.name: attribute for attribute in self.node.attribute}

    def ints(self, name: str) -> tuple[int, ...]:
        """The attribute as a list of integers; empty without one."""
        attribute = self.attributes.get(name)
        return tuple(attribute.ints) if attribute is not None else ()

    def int(self, name: str, default: int = 0) -> "int":
        """The attribute as an integer."""
        attribute = self.attributes.get(name)
        return default if attribute is None else int(attribute.i)

    def float(self, name: str, default: float) -> "float":
        """The attribute as a float."""
        attribute = self.attributes.get(name)
        return default if attribute is None else float(attribute.f)

    def text(self, name: str, default: str = "") -> str:
        """The attribute as a string."""
        attribute = self.attributes.get(name)
        return default if attribute is None else bytes(attribute.s).decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class GraphInput:
    """An input of a graph: its shape, None for unknown sizes or an unknown rank, and ONNX's number of its type."""

    shape: tuple[int | None, ...] | None
    element_type: int


@dataclass(eq=False)
class OnnxGraph:
    """A graph or subgraph, its operators in a valid order of execution.

    `stored` includes the stored tensors of enclosing graphs; `outer` is the graph whose values it may capture.
    """

    operators: list[Operator]
    stored: ChainMap[str, "Stored"]
    inputs: Mapping[str, GraphInput]
    outputs: tuple[str, ...] = ()
    prefix: str = ""
    outer: "OnnxGraph | None" = None

    @property
    def subgraphs(self) -> Iterator["OnnxGraph"]:
        """The bodies of its operators."""
        return (body for operator in self.operators for body in operator.bodies.values())

    @cached_property
    def makers(self) -> ChainMap[str, Operator]:
        """The operator that makes each value, including those of enclosing graphs."""
        outside = self.outer.makers.maps if self.outer is not None else []
        return ChainMap({name: operator for operator in self.operators for name in operator.outputs}, *outside)

    @cached_property
    def captured(self) -> frozenset[str]:
        """The names that it reads and does not make: values of enclosing graphs, or stored ones."""
        own = {name for operator in self.operators for name in operator.outputs} | self.inputs.keys()
        read = {name for operator in self.operators for name in operator.reads} | set(self.outputs)
        return frozenset(read - own)


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor in the file, read on demand."""

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
        """Whether its data is in another file."""
        return isinstance(self.tensor, onnx.TensorProto) and self.tensor.data_location == onnx.TensorProto.EXTERNAL

    @property
    def element_type(self) -> int:
        """ONNX's number of its element type."""
        if isinstance(self.tensor, onnx.SparseTensorProto):
            return int(self.tensor.values.data_type)
        if isinstance(self.tensor, onnx.TensorProto):
            return int(self.tensor.data_type)
        return int(onnx.helper.np_dtype_to_tensor_dtype(self.tensor.dtype))

    @property
    def dims(self) -> tuple[int, ...]:
        """Its dimensions as declared in the file."""
        dims = self.tensor.shape if isinstance(self.tensor, np.ndarray | np.generic) else self.tensor.dims
        return tuple(int(size) for size in dims)

    @property
    def num_elements(self) -> int:
        """The number of elements by its dimensions."""
        return math.prod(self.dims)
