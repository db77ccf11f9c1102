"""The convolutions of a graph: weights as (out, in / groups, *kernel), biases and normalisations."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gi.kernels.onnx.folding import Constants
from gi.kernels.onnx.graphs import OnnxGraph, Operator
from gi.kernels.onnx.tensors import Array, TensorError
from gi.kernels.onnx.weight_rules import dequantized
from gi.kernels.records import Floats

CONVOLUTIONS = {"Conv", "ConvTranspose", "ConvInteger", "QLinearConv", "FusedConv"}
ACTIVATIONS = {
    "Relu", "LeakyRelu", "PRelu", "Sigmoid", "Tanh", "Elu", "Selu", "Celu", "Clip", "HardSigmoid", "HardSwish",
    "Softplus", "Softsign", "Mish", "Gelu", "ThresholdedRelu", "Swish",
}  # fmt: skip
# Real files are far below; a hostile one would cause sizes that overflow.
_LARGEST_STEP = 1 << 16
_DOMAINS = {"", "ai.onnx", "com.microsoft"}


@dataclass(frozen=True, slots=True)
class BatchNormConstants:
    """A BatchNormalization: scale, shift, mean and variance, (4, out), and its epsilon."""

    values: Floats
    epsilon: float


@dataclass(frozen=True, slots=True)
class Convolution:
    """One convolution of a file; `kind` as in `gi.kernels.records.Layer`."""

    name: str
    operator: Operator
    kind: str
    weight: Floats
    groups: int
    bias: Floats | None
    norm: BatchNormConstants | None
    activation: str
    scaled: bool

    @property
    def in_channels(self) -> int:
        """The number of input channels over all groups."""
        return int(self.weight.shape[1]) * self.groups

    def sizes(self, name: str) -> tuple[int, ...]:
        """Strides or dilations, one for each axis of the kernel; ones where the file has none."""
        sizes = self.operator.ints(name)
        axes = self.weight.ndim - 2
        return sizes if len(sizes) == axes else (1,) * axes


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A convolution without usable weights, with the reason."""

    name: str
    operator: Operator
    reason: str


def is_convolution(operator: Operator) -> bool:
    """Whether an operator is a convolution."""
    return operator.type in CONVOLUTIONS and operator.node.domain in _DOMAINS


def convolutions(graph: OnnxGraph) -> Iterator[Convolution | Unreadable]:
    """Every convolution of a graph without its subgraphs, in the order of the file."""
    # Lazily, one at a time: all weights of a network may not fit into memory.
    finder = _Finder(graph)
    for number, operator in enumerate(graph.operators):
        if is_convolution(operator):
            name = graph.prefix + (operator.name or f"{operator.type}_{number}")
            yield finder.convolution(operator, name)


class _Finder:
    def __init__(self, graph: OnnxGraph) -> None:
        self._constants = Constants(graph)
        self._readers: dict[str, list[Operator]] = {}
        for operator in graph.operators:
            for name in operator.reads:
                self._readers.setdefault(name, []).append(operator)

    def convolution(self, operator: Operator, name: str) -> Convolution | Unreadable:
        try:
            weight, scaled = self._weight(operator)
            _refuse_senseless(operator)
            groups = operator.int("group", 1)
            weight = _oriented(weight, groups, transposed=operator.type == "ConvTranspose")
            bias, after = self._bias(operator, len(weight), weight.ndim - 2, scaled=scaled)
            norm, after = self._norm(after, len(weight))
        # An unreadable convolution is refused alone: the rest of the file goes into the index.
        except TensorError as error:
            return Unreadable(name, operator, str(error))
        activation = self._sole_reader(after)
        acts = activation.type if activation is not None and activation.type in ACTIVATIONS else ""
        kind = "transposed" if operator.type == "ConvTranspose" else "conv"
        # Depthwise is decided by the weight, not by an attribute: one input channel for each group.
        if groups > 1 and weight.shape[1] == 1 and kind == "conv":
            kind = "depthwise"
        return Convolution(
            name, operator, kind, weight, groups, bias, norm, operator.text("activation") or acts, scaled
        )

    def _weight(self, operator: Operator) -> tuple[Array, bool]:
        """The weight as real numbers, and whether its scale is known. Raises `TensorError` without a weight."""
        quantized = operator.type == "QLinearConv"
        values = self._needed(operator, 3 if quantized else 1)
        if quantized:
            return dequantized(values, self._needed(operator, 4), self._input(operator, 5), 0), True
        if operator.type == "ConvInteger":
            scale = self._scale_after(operator)
            one = np.ones((), np.float32)
            return dequantized(values, one if scale is None else scale, self._input(operator, 3), 0), scale is not None
        # Integers without a scale still have directions; they are marked, since their magnitude is unknown.
        is_integer = values.dtype.kind in "iub" or self._constants.is_bare_integer(operator.inputs[1])
        return values, not is_integer

    def _needed(self, operator: Operator, place: int) -> Array:
        if len(operator.inputs) <= place or not operator.inputs[place]:
            raise TensorError(f"a {operator.type} without its input {place}: no weights")
        return self._constants.known(operator.inputs[place])

    def _scale_after(self, operator: Operator) -> Array | None:
        """The scale of an integer convolution's result, from the Mul after it; None without one."""
        # The pattern of dynamic quantisation: ConvInteger, Cast, then Mul by the product of both scales.
        after = self._sole_reader(operator.outputs[0])
        while after is not None and after.type in ("Cast", "Identity"):
            after = self._sole_reader(after.outputs[0])
        if after is None or after.type != "Mul":
            return None
        for name in after.inputs:
            maker = self._constants.maker(name)
            known = [
                self._constants.array(given) for given in (maker.inputs if maker and maker.type == "Mul" else (name,))
            ]
            scales = [value for value in known if value is not None and value.dtype.kind == "f"]
            if scales and scales[0].size == 1:
                return scales[0].reshape(())
        return None

    def _bias(self, operator: Operator, out: int, axes: int, *, scaled: bool) -> tuple[Floats | None, str]:
        """The bias, which may be a later Add, and the name of the value after it."""
        output = operator.outputs[0] if operator.outputs else ""
        place = 8 if operator.type == "QLinearConv" else 2
        if operator.type != "ConvInteger" and len(operator.inputs) > place and operator.inputs[place]:
            values = self._input(operator, place)
            if values is not None and operator.type == "QLinearConv":
                values = self._rescaled(operator, values)
            return (None if values is None else _vector(values, out, "bias")), output
        # A bias added after the convolution counts as its bias.
        adder = self._sole_reader(output)
        if scaled and adder is not None and adder.type == "Add" and len(adder.inputs) == 2:
            added = self._small(adder.inputs[0] if adder.inputs[1] == output else adder.inputs[1], out)
            if added is not None and _along_channels(adder, added, out, axes):
                return _vector(added, out, "bias"), adder.outputs[0]
        return None, output

    def _rescaled(self, operator: Operator, bias: Array) -> Array | None:
        ours, weights = self._input(operator, 1), self._input(operator, 4)
        return None if ours is None or weights is None else np.asarray(bias.astype(np.float32) * ours * weights)

    def _small(self, name: str, out: int) -> Array | None:
        """A constant with `out` values; None for anything else."""
        try:
            values = self._constants.array(name)
        except TensorError:
            return None
        return values if values is not None and values.size == out else None

    # Separate from the weight: it is folded in only where the target has no normalisation.
    def _norm(self, value: str, out: int) -> tuple[BatchNormConstants | None, str]:
        after = self._sole_reader(value)
        if after is None or after.type != "BatchNormalization" or len(after.inputs) < 5:
            return None, value
        parts = [self._input(after, place) for place in range(1, 5)]
        if any(part is None for part in parts):
            return None, value
        values = np.stack([_vector(part, out, "BatchNormalization") for part in parts if part is not None])
        return BatchNormConstants(values, after.float("epsilon", 1e-5)), after.outputs[0]

    def _input(self, operator: Operator, place: int) -> Array | None:
        if len(operator.inputs) <= place or not operator.inputs[place]:
            return None
        return self._constants.array(operator.inputs[place])

    def _sole_reader(self, value: str) -> Operator | None:
        # With two readers the value is also used elsewhere, so the next operator does not belong to the convolution.
        readers = self._readers.get(value, [])
        return readers[0] if len(readers) == 1 and readers[0].outputs else None


def _refuse_senseless(operator: Operator) -> None:
    for name in ("strides", "dilations", "pads"):
        sizes = operator.ints(name)
        if len(sizes) > 6 or any(not -_LARGEST_STEP <= size <= _LARGEST_STEP for size in sizes):
            raise TensorError(f"{name} of {list(sizes)[:6]}: out of range for a convolution")


def _along_channels(adder: Operator, added: Array, out: int, axes: int) -> bool:
    """Whether the added value has one number for each channel; before opset 7 an attribute set its axis."""
    if "axis" in adder.attributes:
        return adder.int("axis") == 1 and added.ndim == 1
    return added.ndim > axes and added.shape[-axes - 1] == out


def _oriented(weight: Array, groups: int, *, transposed: bool) -> Floats:
    """The weight as float32 (out, in / groups, *kernel). Raises `TensorError` for an invalid one."""
    if not 3 <= weight.ndim <= 5 or not weight.size:
        raise TensorError(f"a weight of shape {list(weight.shape)}: it must have 3 to 5 axes, none of them empty")
    if weight.dtype.kind not in "fiubV":
        raise TensorError(f"a weight of {weight.dtype}: no real numbers")
    if groups < 1 or len(weight) % groups:
        raise TensorError(f"{groups} groups do not divide {len(weight)} channels")
    # ONNX stores a transposed convolution's weight as (in, out / groups, ...): transposed within each group.
    if transposed:
        parts = weight.reshape(groups, -1, *weight.shape[1:]).swapaxes(1, 2)
        weight = parts.reshape(groups * weight.shape[1], -1, *weight.shape[2:])
    with np.errstate(all="ignore"):
        real: Floats = np.ascontiguousarray(weight, np.float32)
        total = real.sum(dtype=np.float64)  # finite if all numbers are: a sum of float32 cannot overflow a double
    if not np.isfinite(total):
        raise TensorError(_why_not_finite(weight))
    return real


def _why_not_finite(weight: Array) -> str:
    largest = np.abs(weight.astype(np.float64)).max()
    if np.isfinite(largest):  # a network in double precision
        return f"weights up to {largest:.3g}: beyond float32, in which an index holds them"
    return "non-finite values among its weights"


def _vector(values: Array, out: int, what: str) -> Floats:
    if values.size != out:
        raise TensorError(f"{what} of {values.size} values for {out} channels")
    with np.errstate(all="ignore"):
        real: Floats = values.reshape(-1).astype(np.float32)
    if not np.isfinite(real).all():
        raise TensorError(f"non-finite values in its {what}")
    return real
