"""Weights that reach their operator through others: dequantised, transposed, reshaped, normalised by a constant."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gi.kernels.onnx.evaluator import NotEvaluatedError, fold
from gi.kernels.onnx.graphs import OnnxGraph, Operator
from gi.kernels.onnx.tensors import LARGEST_ELEMENTS, Array, TensorError

_DEEPEST = 12
_MOST_COMPUTED = 1 << 30  # elements, for one graph
_LARGEST_FOLDED = 1 << 25
#: What weights go through in files of trained networks besides `_RULES`: weight normalisation, pruning, quantisation.
_FOLDED = {
    "Abs", "Clip", "Concat", "Exp", "Expand", "Flatten", "Gather", "Max", "Min", "Neg", "Pow", "Reciprocal", "ReduceL2",
    "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum", "ReduceSumSquare", "Round", "Sign", "Slice", "Sqrt", "Tanh",
    "Where",
}  # fmt: skip


class Constants:
    """What the values of a graph are, where the file alone tells."""

    def __init__(self, graph: OnnxGraph) -> None:
        self._stored = graph.stored
        self._opset = graph.opset
        self._left = _MOST_COMPUTED
        self._makers = {name: op for op in graph.operators for name in op.outputs}

    def maker(self, name: str) -> Operator | None:
        """The operator that makes a value, None for inputs and stored tensors."""
        return self._makers.get(name)

    def array(self, name: str) -> Array | None:
        """The value called `name`, None where it depends on the input. Raises `TensorError`."""
        return self._value(name, 0, {})

    def _value(self, name: str, depth: int, known: dict[str, Array]) -> Array | None:
        if name in self._stored:
            return self._stored[name].array()
        maker = self._makers.get(name)
        if name in known or maker is None or depth >= _DEEPEST or maker.type not in _KNOWN:
            return known.get(name)
        operands = [self._value(given, depth + 1, known) if given else None for given in maker.inputs]
        if any(value is None for value, given in zip(operands, maker.inputs, strict=True) if given):
            return None
        known[name] = self._made(maker, operands)
        self._left -= known[name].size
        if self._left < 0:
            raise TensorError(f"more than {_MOST_COMPUTED} numbers computed from its constants: refused")
        return known[name]

    def _made(self, maker: Operator, operands: list[Array | None]) -> Array:
        try:
            if maker.type in _RULES:
                return np.asarray(_RULES[maker.type](maker, *operands))
            (made,) = fold(maker, self._opset, operands, types=_FOLDED, most=_LARGEST_FOLDED)
            return made
        except NotEvaluatedError as error:
            raise TensorError(f"{maker.type} of constants that cannot be computed ({str(error)[:80]})") from error
        except (ValueError, TypeError, IndexError) as error:
            raise TensorError(f"{maker.type} of constants that do not fit ({str(error)[:80]})") from error


def dequantized(values: Array, scale: Array, zero: Array | None, axis: int, block: int = 0) -> Array:
    """What quantised values stand for; `scale` is one number, one for each index of `axis`, or in blocks along it."""
    real = values.astype(np.float32)
    if zero is not None:
        real = real - _spread(zero, values.shape, axis, block)
    return np.asarray(real * _spread(scale, values.shape, axis, block), np.float32)


def _spread(given: Array, shape: tuple[int, ...], axis: int, block: int) -> Array:
    """One number for all, for each index of `axis` or for blocks along it, as float32 that broadcasts to `shape`."""
    given = given.astype(np.float32)
    if given.size <= 1:
        return given
    if given.ndim > 1 and block:
        return np.repeat(given, block, axis)[tuple(map(slice, shape))]
    return given.reshape([given.size if at == axis % len(shape) else 1 for at in range(len(shape))])


def _dequantize(op: Operator, values: Array, scale: Array, zero: Array | None = None) -> Array:
    return dequantized(values, scale, zero, op.int("axis", 1), op.int("block_size"))


def _quantize(op: Operator, values: Array, scale: Array, zero: Array | None = None) -> Array:
    kind = np.dtype(np.uint8) if zero is None else zero.dtype
    if kind.kind not in "iu":
        raise TensorError(f"QuantizeLinear to {kind}: not followed")
    axis, block = op.int("axis", 1), op.int("block_size")
    steps = np.rint(values / _spread(scale, values.shape, axis, block))
    if zero is not None:
        steps = steps + _spread(zero, values.shape, axis, block)
    limits = np.iinfo(kind)
    return np.clip(steps, limits.min, limits.max).astype(kind)


def _transpose(op: Operator, values: Array) -> Array:
    return values.transpose(op.ints("perm") or None)


def _reshape(op: Operator, values: Array, shape: Array | None = None) -> Array:
    wanted = op.ints("shape") if shape is None else tuple(map(int, shape.reshape(-1)))
    return values.reshape([values.shape[at] if size == 0 else size for at, size in enumerate(wanted)])


def _squeeze(op: Operator, values: Array, axes: Array | None = None) -> Array:
    wanted = op.ints("axes") if axes is None else tuple(map(int, axes.reshape(-1)))
    return values.squeeze(wanted or None)


def _unsqueeze(op: Operator, values: Array, axes: Array | None = None) -> Array:
    return np.expand_dims(values, op.ints("axes") if axes is None else tuple(map(int, axes.reshape(-1))))


def _arithmetic(function: Callable[..., Any]) -> Callable[..., Array]:
    def rule(_: Operator, first: Array, second: Array) -> Array:
        if np.prod(np.broadcast_shapes(first.shape, second.shape), dtype=float) > min(
            LARGEST_ELEMENTS, 4 * max(first.size, second.size)
        ):
            raise TensorError("constants that grow when they meet: refused")
        with np.errstate(all="ignore"):
            return np.asarray(function(first, second))

    return rule


def _same(_: Operator, values: Array, *__: Any) -> Array:
    return values


_RULES: dict[str, Callable[..., Array]] = {
    "DequantizeLinear": _dequantize,
    "QuantizeLinear": _quantize,
    "Identity": _same,
    "Cast": _same,
    "Transpose": _transpose,
    "Reshape": _reshape,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Mul": _arithmetic(np.multiply),
    "Add": _arithmetic(np.add),
    "Sub": _arithmetic(np.subtract),
    "Div": _arithmetic(np.divide),
}
_KNOWN = _FOLDED | _RULES.keys()
