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
    """One node: `inputs` and `outputs` are value names, "" for what is left out.

    `opset` is the version of the standard operator set whose rules it follows: a function has its own. `bodies` are
    its subgraphs by the attributes that hold them.
    """

    node: NodeProto
    opset: int = 1
    bodies: Mapping[str, "OnnxGraph"] = field(default_factory=dict)

    @cached_property
    def type(self) -> str:
        """Its operator type."""
        return plain(self.node.op_type)  # protobuf gives bytes for what is no UTF-8

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
    def reads(self) -> frozenset[str]:
        """The names of what it reads, what its subgraphs capture included."""
        captured = (name for body in self.bodies.values() for name in body.captured)
        return frozenset(filter(None, (*self.inputs, *captured)))

    @cached_property
    def attributes(self) -> Mapping[str, AttributeProto]:
        """Its attributes by name."""
        return {attribute.name: attribute for attribute in self.node.attribute}

    def ints(self, name: str) -> tuple[int, ...]:
        """A list of integers among its attributes, empty where there is none."""
        attribute = self.attributes.get(name)
        return tuple(attribute.ints) if attribute is not None else ()

    def int(self, name: str, default: int = 0) -> "int":
        """An integer among its attributes."""
        attribute = self.attributes.get(name)
        return default if attribute is None else int(attribute.i)

    def float(self, name: str, default: float) -> "float":
        """A real number among its attributes."""
        attribute = self.attributes.get(name)
        return default if attribute is None else float(attribute.f)

    def text(self, name: str, default: str = "") -> str:
        """A string among its attributes."""
        attribute = self.attributes.get(name)
        return default if attribute is None else bytes(attribute.s).decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class GraphInput:
    """What a graph is given: its shape, None for unknown sizes or an unknown rank, and ONNX's number of its type."""

    shape: tuple[int | None, ...] | None
    element_type: int


@dataclass(eq=False)
class OnnxGraph:
    """A graph or subgraph, its operators in an order in which they can run.

    `stored` also has what the graphs around it store; `outer` is the graph whose values it may capture.
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
        """The operator that makes each value, those of the graphs around it included."""
        outside = self.outer.makers.maps if self.outer is not None else []
        return ChainMap({name: operator for operator in self.operators for name in operator.outputs}, *outside)

    @cached_property
    def captured(self) -> frozenset[str]:
        """The names that it reads and does not make: values of the graphs around it, or stored ones."""
        own = {name for operator in self.operators for name in operator.outputs} | self.inputs.keys()
        read = {name for operator in self.operators for name in operator.reads} | set(self.outputs)
        return frozenset(read - own)


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
    def element_type(self) -> int:
        """ONNX's number of its element type."""
        if isinstance(self.tensor, onnx.SparseTensorProto):
            return int(self.tensor.values.data_type)
        if isinstance(self.tensor, onnx.TensorProto):
            return int(self.tensor.data_type)
        return int(onnx.helper.np_dtype_to_tensor_dtype(self.tensor.dtype))

    @property
    def dims(self) -> tuple[int, ...]:
        """Its dimensions, as the file tells them."""
        dims = self.tensor.shape if isinstance(self.tensor, np.ndarray | np.generic) else self.tensor.dims
        return tuple(int(size) for size in dims)

    @property
    def num_elements(self) -> int:
        """How many elements its dimensions stand for."""
        return math.prod(self.dims)
