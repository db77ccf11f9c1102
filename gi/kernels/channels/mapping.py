"""Which channels feed which: channel numbers sent through a graph, read off at each convolution as segments."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gi.kernels.channels import keeping, mixing
from gi.kernels.channels.producers import (
    OPAQUE,
    THROUGH,
    ChannelFlow,
    Shape,
    TooLargeError,
    Value,
    channel_numbers,
    expanded,
    flow_of,
    pairs,
    planes_of,
)
from gi.kernels.channels.segments import segments
from gi.kernels.channels.sizes import transposed_sizes, window_sizes
from gi.kernels.onnx.convolutions import is_convolution
from gi.kernels.onnx.evaluator import FOLDED, LARGEST_CONSTANT, NotEvaluatedError, evaluate, fold
from gi.kernels.onnx.graphs import OnnxGraph, Operator
from gi.kernels.onnx.tensors import TensorError
from gi.kernels.records import Ints, Layer, Segment

#: What an input's unknown spatial sizes are taken for: any network's strides divide it.
_ANY_SIZE = 256
_LARGEST_RESHAPED = 1 << 23

_SAME = {
    "Relu", "LeakyRelu", "PRelu", "Sigmoid", "Tanh", "Elu", "Selu", "Celu", "Clip", "HardSigmoid", "HardSwish",
    "Softplus", "Softsign", "Mish", "Gelu", "Swish", "ThresholdedRelu", "Shrink", "Erf", "Exp", "Log", "Sqrt", "Abs",
    "Neg", "Sign", "Floor", "Ceil", "Round", "Reciprocal", "Not", "Sin", "Cos", "Tan", "Atan", "Identity", "Dropout",
    "Cast", "CastLike", "BatchNormalization", "InstanceNormalization", "LayerNormalization", "GroupNormalization",
    "LRN", "MeanVarianceNormalization", "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "Scale",
    "Affine", "ImageScaler", "ParametricSoftplus", "ScaledTanh", "FastGelu", "QuickGelu", "QLinearLeakyRelu",
    "QLinearSigmoid",
}  # fmt: skip
_JOINED = {
    "Add", "Sub", "Mul", "Div", "Pow", "Sum", "Mean", "Max", "Min", "Mod", "Where", "And", "Or", "Xor", "Equal",
    "Greater", "Less", "GreaterOrEqual", "LessOrEqual",
}  # fmt: skip
_REDUCED = ("Mean", "Sum", "Max", "Min", "L1", "L2", "LogSum", "LogSumExp", "SumSquare", "Prod")

_RULES: Mapping[str, keeping.Rule] = (
    dict.fromkeys(_SAME, keeping.same)
    | dict.fromkeys(_JOINED, keeping.joined)
    | dict.fromkeys((f"Reduce{name}" for name in _REDUCED), mixing.reduced)
    | dict.fromkeys(("MaxPool", "AveragePool", "LpPool", "QLinearAveragePool"), keeping.pooled)
    | dict.fromkeys(
        ("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool", "QLinearGlobalAveragePool"), keeping.pooled_to_one
    )
    | dict.fromkeys(("Resize", "Upsample"), keeping.resized)
    | dict.fromkeys(("Softmax", "LogSoftmax", "Hardmax", "LpNormalization"), mixing.normalized_along)
    | dict.fromkeys(("MatMul", "MatMulInteger"), mixing.multiplied)
    | {
        "Concat": keeping.concatenated,
        "Pad": keeping.padded,
        "Expand": keeping.broadcast,
        "Tile": keeping.tiled,
        "GridSample": keeping.sampled,
        "AdaptivePool": keeping.pooled_to_size,
        "Gemm": mixing.affine,
    }
)
#: Operators that move values and change none, evaluated on channel numbers in place of values.
_SHAPE_ONLY = {
    "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Slice", "Split", "Gather", "DepthToSpace",
    "SpaceToDepth",
}  # fmt: skip
_DOMAINS = {"", "ai.onnx", "com.microsoft", "gi"}  # gi: what `gi.jobs.index.tracing` writes


@dataclass(frozen=True, slots=True)
class Mapped:
    """A convolution of the graph and the layer that it became."""

    operator: Operator
    layer: Layer


def map_channels(graph: OnnxGraph, mapped: Sequence[Mapped]) -> tuple[list[Segment], "Counter[str]"]:
    """The segments of these layers, and how often each type of operator ended the graph.

    Sizes that the file leaves open are taken for 1 (batch) and 256 (height, width).
    """
    tracer = _Tracer(graph, mapped)
    for operator in graph.operators:
        tracer.run(operator)
    return tracer.segments, tracer.opaque


class _Tracer:
    def __init__(self, graph: OnnxGraph, mapped: Sequence[Mapped]) -> None:
        self.segments: list[Segment] = []
        self.opaque: Counter[str] = Counter()
        self._opset = graph.opset
        self._stored = graph.stored
        self._layers = {id(found.operator): at for at, found in enumerate(mapped)}
        self._mapped = [found.layer for found in mapped]
        counts = [layer.out_channels for layer in self._mapped]
        self._firsts: Ints = np.cumsum([0, *counts])[:-1]
        self._ids: Ints = np.array([layer.id for layer in self._mapped], np.int64)
        self._values: dict[str, Value] = {name: _input(shape) for name, shape in graph.inputs.items()}

    def run(self, operator: Operator) -> None:
        """Finds what an operator makes."""
        given = [self._value(name) for name in operator.inputs]
        try:
            made = self._made(operator, given)
        except (NotEvaluatedError, TooLargeError, ValueError, IndexError, OverflowError, MemoryError):
            made = [OPAQUE]
        names = operator.outputs
        for name, value in zip(names, [*made, *[OPAQUE] * (len(names) - len(made))], strict=False):
            self._values[name] = value
        if not is_convolution(operator) and _has_producers(given) and not _has_producers(made):
            self._note_end(operator, made)

    def _note_end(self, operator: Operator, made: Sequence[Value]) -> None:
        if not made or not isinstance(made[0], np.ndarray):  # the shape of a value is no end of its channels
            self.opaque[operator.type[:40]] += 1

    def _value(self, name: str) -> Value:
        if not name:
            return None
        if name not in self._values:
            stored = self._stored.get(name)
            self._values[name] = OPAQUE
            if stored is not None:
                self._values[name] = self._constant(name)
        return self._values[name]

    def _constant(self, name: str) -> Value:
        stored = self._stored[name]
        try:
            if stored.num_elements <= LARGEST_CONSTANT:
                return stored.array()
        except TensorError:
            return OPAQUE
        return ChannelFlow(stored.dims)

    def _made(self, operator: Operator, given: Sequence[Value]) -> list[Value]:
        if operator.node.domain not in _DOMAINS:
            return [OPAQUE]
        if is_convolution(operator):
            return [self._convolved(operator, given)]
        if operator.type == "Shape":
            return [_shape(operator, given[0])]
        if operator.type in FOLDED and all(value is None or isinstance(value, np.ndarray) for value in given):
            return list(fold(operator, self._opset, given))  # type: ignore[arg-type]
        if operator.type in _RULES:
            return [_RULES[operator.type](operator, given, self._opset)]
        if operator.type.startswith("QLinear"):
            return [self._quantized(operator, given)]
        if operator.type in _SHAPE_ONLY:
            return self._moved(operator, given)
        return [OPAQUE]

    def _convolved(self, operator: Operator, given: Sequence[Value]) -> Value:
        at = self._layers.get(id(operator))
        if at is None:
            return OPAQUE
        layer = self._mapped[at]
        flow = given[0]
        spatial: Shape = (None,) * len(layer.shape)
        rows = numbers = np.zeros(0, np.int64)
        batch: int | None = 1
        if (
            isinstance(flow, ChannelFlow)
            and len(flow.shape) == len(layer.shape) + 2
            and flow.shape[1] == layer.in_channels
        ):
            rows, numbers = pairs(flow)
            self.segments += segments(layer.id, rows, numbers, self._firsts, self._ids)
            sizes = transposed_sizes if layer.kind == "transposed" else window_sizes
            spatial, batch = sizes(operator, flow.shape[2:], layer.shape), flow.shape[0]
        shape = (batch, layer.out_channels, *spatial)
        own = channel_numbers(shape, int(self._firsts[at]), layer.out_channels)
        return flow_of(shape, [own, *_let_through(layer, rows, numbers, shape)])

    def _quantized(self, operator: Operator, given: Sequence[Value]) -> Value:
        """Operators of quantised values: each operand is followed by its scale and its zero point."""
        if operator.type in ("QLinearAdd", "QLinearMul"):
            return keeping.joined(operator, [given[0], given[3]], self._opset)
        if operator.type == "QLinearConcat":
            return keeping.concatenated(operator, given[2::3], self._opset)
        return mixing.multiplied(operator, [given[0], given[3]], self._opset)

    def _moved(self, operator: Operator, given: Sequence[Value]) -> list[Value]:
        flow = keeping.as_flow(given[0])
        others = given[1:]
        if flow is None or any(isinstance(other, ChannelFlow | type(OPAQUE)) for other in others):
            return [OPAQUE]
        if None in flow.shape and operator.type not in ("Transpose", "Slice", "Split", "Squeeze", "Unsqueeze"):
            return [OPAQUE]
        results = [self._of_plane(operator, plane, flow.shape, others) for plane in (*flow.planes, _nobody(flow))]
        shapes = [_reopened(made.shape, operator, flow.shape) for made in results[-1]]
        return [flow_of(shape, [planes[at] for planes in results[:-1]]) for at, shape in enumerate(shapes)]

    def _of_plane(self, operator: Operator, plane: Ints, shape: Shape, others: Sequence[Value]) -> list[Ints]:
        full = expanded(plane, shape)
        if full.size > _LARGEST_RESHAPED and plane.size > 1 and operator.type not in ("Transpose", "Slice", "Split"):
            raise TooLargeError("a value too large to move about")
        return evaluate(operator, self._opset, [full, *others])  # type: ignore[list-item]


def _nobody(flow: ChannelFlow) -> Ints:
    """A plane without producers, sent along to learn the new shape."""
    return np.full((1,) * len(flow.shape), -1, np.int64)


def _input(shape: Sequence[int | None] | None) -> Value:
    if shape is None:
        return OPAQUE
    return ChannelFlow(tuple(size or (1 if axis == 0 else _ANY_SIZE) for axis, size in enumerate(shape)))


def _shape(operator: Operator, value: Value) -> Value:
    flow = keeping.as_flow(value)
    if flow is None:
        return OPAQUE
    end = operator.int("end", len(flow.shape))
    wanted = flow.shape[operator.int("start") : end]
    return OPAQUE if None in wanted else np.array(wanted, np.int64)


def _has_producers(values: Iterable[Value]) -> bool:
    return any(isinstance(value, ChannelFlow) and value.planes for value in values)


def _let_through(layer: Layer, rows: Ints, numbers: Ints, shape: Shape) -> tuple[Ints, ...]:
    """What a depthwise convolution lets pass: channel c feeds its `out / in` output channels."""
    if layer.kind != "depthwise" or not len(rows):
        return ()
    times = layer.out_channels // layer.in_channels
    spread = (rows[:, None] * times + np.arange(times)).reshape(-1)
    marked = np.repeat(numbers | THROUGH, times)
    order = np.lexsort((marked, spread))
    return planes_of(spread[order], marked[order], shape)


def _reopened(made: tuple[int, ...], operator: Operator, before: Shape) -> Shape:
    """The new shape with sizes that were unknown before, and stood in as 1, unknown again."""
    if None not in before:
        return made
    if operator.type == "Transpose":
        order = operator.ints("perm") or tuple(range(len(before)))[::-1]
        return tuple(before[axis] for axis in order)
    if operator.type in ("Slice", "Split"):
        return tuple(None if before[axis] is None else size for axis, size in enumerate(made))
    raise NotEvaluatedError(operator.type)
