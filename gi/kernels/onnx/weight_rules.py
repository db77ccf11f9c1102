"""The operators most common on the path of weights, as numpy views and arithmetic, limited only by memory.

Weights that are quantised, moved, cast or scaled are as large as a network's largest layer, and ONNX's reference would
copy them several times.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from onnx import TensorProto
from onnx.helper import tensor_dtype_to_np_dtype

from gi.kernels.onnx.graphs import Operator
from gi.kernels.onnx.tensors import LARGEST_ELEMENTS, Array, TensorError

# Up to this size a constant may grow by broadcasting, as small tables do.
_GROWN_ANYWAY = 1 << 22
_SHORT_INTEGERS = {"int4": (-8, 7), "uint4": (0, 15), "int2": (-2, 1), "uint2": (0, 3)}


def dequantized(values: Array, scale: Array, zero: Array | None, axis: int, block: int = 0) -> Array:
    """The real values of quantised ones; `scale` is one number, one for each index of `axis`, or in blocks along it."""
    real = values.astype(np.float32)
    if zero is not None:
        real = real - _spread(zero, values.shape, axis, block)
    return np.asarray(real * _spread(scale, values.shape, axis, block), np.float32)


def _spread(given: Array, shape: tuple[int, ...], axis: int, block: int) -> Array:
    """Numbers for the whole, for each index of `axis` or for blocks along it, as float32 that broadcasts to `shape`."""
    given = given.astype(np.float32)
    if given.size <= 1:
        return given.reshape(())
    # The last block may be shorter than the others.
    if given.ndim > 1 and block:
        return np.repeat(given, block, axis)[tuple(map(slice, shape))]
    return given.reshape([given.size if at == axis % len(shape) else 1 for at in range(len(shape))])


def _dequantize(op: Operator, values: Array, scale: Array, zero: Array | None = None) -> Array:
    return dequantized(values, scale, zero, op.int("axis", 1), op.int("block_size"))


def _quantize(op: Operator, values: Array, scale: Array, zero: Array | None = None) -> Array:
    """Quantised values, in the zero point's type, else in `output_dtype` (opset 21), else as unsigned bytes."""
    dtype = op.int("output_dtype")
    kind = zero.dtype if zero is not None else np.dtype(tensor_dtype_to_np_dtype(dtype) if dtype else np.uint8)
    lowest, highest = _limits(kind)
    axis, block = op.int("axis", 1), op.int("block_size")
    steps = np.rint(values.astype(np.float32) / _spread(scale, values.shape, axis, block))
    if zero is not None:
        steps = steps + _spread(zero, values.shape, axis, block)
    return np.clip(steps, lowest, highest).astype(kind)


def _limits(kind: "np.dtype[Any]") -> tuple[int, int]:
    """The least and the greatest integer of a type. Raises `TensorError` for other than integers."""
    if kind.name in _SHORT_INTEGERS:  # numpy has no info on types below a byte
        return _SHORT_INTEGERS[kind.name]
    if kind.kind not in "iu":
        raise TensorError(f"QuantizeLinear to {kind} is not followed: only to integers")
    limits = np.iinfo(kind)
    return int(limits.min), int(limits.max)


def _transpose(op: Operator, values: Array) -> Array:
    return values.transpose(op.ints("perm") or None)


def _reshape(op: Operator, values: Array, shape: Array | None = None) -> Array:
    wanted = op.ints("shape") if shape is None else tuple(map(int, shape.reshape(-1)))
    # A 0 copies the size from the input, unless `allowzero` is set.
    if not op.int("allowzero"):
        wanted = tuple(values.shape[at] if size == 0 else size for at, size in enumerate(wanted))
    return values.reshape(wanted)


def _squeeze(op: Operator, values: Array, axes: Array | None = None) -> Array:
    wanted = op.ints("axes") if axes is None else tuple(map(int, axes.reshape(-1)))
    return values.squeeze(wanted or None)


def _unsqueeze(op: Operator, values: Array, axes: Array | None = None) -> Array:
    return np.expand_dims(values, op.ints("axes") if axes is None else tuple(map(int, axes.reshape(-1))))


def _arithmetic(function: Callable[..., Any]) -> Callable[..., Array]:
    def rule(op: Operator, first: Array, second: Array) -> Array:
        # Before opset 7 the second operand was aligned at an axis, not at the end.
        if op.opset < 7 and "axis" in op.attributes:
            second = second.reshape(*second.shape, *(1,) * (first.ndim - op.int("axis") - second.ndim))
        if math.prod(map(float, np.broadcast_shapes(first.shape, second.shape))) > min(
            LARGEST_ELEMENTS, max(_GROWN_ANYWAY, 4 * max(first.size, second.size))
        ):
            raise TensorError("constants that broadcasting enlarges more than four times: refused")
        with np.errstate(all="ignore"):
            return np.asarray(function(first, second))

    return rule


def _divided(first: Array, second: Array) -> Array:
    """ONNX's division, which rounds integers towards zero."""
    if first.dtype.kind not in "iu":
        return np.asarray(np.divide(first, second))
    # numpy rounds down; -7 / 2 is -3 in ONNX.
    return np.trunc(first.astype(np.float64) / second).astype(first.dtype)


def _cast(op: Operator, values: Array) -> Array:
    if "to" not in op.attributes or op.attributes["to"].s:  # up to opset 5 the type was a text
        return values.astype(tensor_dtype_to_np_dtype(TensorProto.DataType.Value(op.text("to", "FLOAT"))))
    return _as_type(values, np.dtype(tensor_dtype_to_np_dtype(op.int("to"))))


def _as_type(values: Array, kind: "np.dtype[Any]") -> Array:
    with np.errstate(all="ignore"):
        return values if values.dtype == kind else values.astype(kind)


def _padded(op: Operator, values: Array, *given: Array | None) -> Array:
    """Pad with negative pads as cropping, which ONNX's reference does not support."""
    pads, value, axes = (*given, None, None, None)[:3]
    sizes = op.ints("pads") if pads is None else tuple(map(int, pads.reshape(-1)))
    over = range(values.ndim) if axes is None else [int(axis) % values.ndim for axis in axes.reshape(-1)]
    mode: Any = op.text("mode", "constant")
    if mode not in ("constant", "reflect", "edge", "wrap") or len(sizes) != 2 * len(over):
        raise ValueError(f"{len(sizes)} pads of mode {mode[:20]!r}")
    around = {axis: (sizes[at], sizes[at + len(over)]) for at, axis in enumerate(over)}
    pairs = [around.get(axis, (0, 0)) for axis in range(values.ndim)]
    if math.prod(float(side + max(0, a) + max(0, b)) for side, (a, b) in zip(values.shape, pairs, strict=True)) > max(
        _GROWN_ANYWAY, 4 * values.size
    ):
        raise TensorError("constants that padding enlarges more than four times: refused")
    kept = tuple(slice(max(0, -a), size - max(0, -b)) for size, (a, b) in zip(values.shape, pairs, strict=True))
    outside = [(max(0, a), max(0, b)) for a, b in pairs]
    if mode != "constant":
        return np.pad(values[kept], outside, mode=mode)
    fill = op.float("value", 0.0) if value is None else value.reshape(-1)[0]
    return np.pad(values[kept], outside, constant_values=fill)


def _summed_up(op: Operator, values: Array, axis: Array) -> Array:
    """CumSum; its axis may be a list of one, which ONNX's reference does not support."""
    along = int(axis.reshape(()))
    turned = np.flip(values, along) if op.int("reverse") else values
    sums = np.cumsum(turned, along, dtype=values.dtype)
    if op.int("exclusive"):
        sums = sums - turned
    return np.flip(sums, along) if op.int("reverse") else sums


def _same(_: Operator, values: Array, *__: Any) -> Array:
    return values


WEIGHT_RULES: Mapping[str, Callable[..., Array]] = {
    "DequantizeLinear": _dequantize,
    "QuantizeLinear": _quantize,
    "Identity": _same,
    "Dropout": _same,
    "Cast": _cast,
    "CastLike": lambda _, values, like: _as_type(values, like.dtype),
    "CumSum": _summed_up,
    "Pad": _padded,
    "Transpose": _transpose,
    "Reshape": _reshape,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Mul": _arithmetic(np.multiply),
    "Add": _arithmetic(np.add),
    "Sub": _arithmetic(np.subtract),
    "Div": _arithmetic(_divided),
}
