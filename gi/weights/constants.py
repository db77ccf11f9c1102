"""Weights that reach their operator through others: dequantised, transposed, reshaped, scaled by a constant."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gi.weights.graphs import Graph, Operator
from gi.weights.tensors import LARGEST_ELEMENTS, Array, TensorError

_DEEPEST = 12


class Constants:
    """What the values of a graph are, where the file alone tells."""

    def __init__(self, graph: Graph) -> None:
        self._stored = graph.stored
        self._makers = {name: op for op in graph.operators for name in op.outputs}

    def maker(self, name: str) -> Operator | None:
        """The operator that makes a value, None for inputs and stored tensors."""
        return self._makers.get(name)

    def array(self, name: str, depth: int = 0) -> Array | None:
        """The value called `name`, None where it depends on the input. Raises `TensorError`."""
        if name in self._stored:
            return self._stored[name].array()
        maker = self._makers.get(name)
        rule = _RULES.get(maker.type) if maker else None
        if maker is None or rule is None or depth >= _DEEPEST:
            return None
        operands = [self.array(given, depth + 1) if given else None for given in maker.inputs]
        if any(value is None for value, given in zip(operands, maker.inputs, strict=True) if given):
            return None
        try:
            return np.asarray(rule(maker, *operands))
        except (ValueError, TypeError, IndexError) as error:
            raise TensorError(f"{maker.type} of constants that do not fit ({str(error)[:80]})") from error


def dequantized(values: Array, scale: Array, zero: Array | None, axis: int, block: int = 0) -> Array:
    """What quantised values stand for; `scale` is one number, one for each index of `axis`, or in blocks along it."""
    real = values.astype(np.float32)

    def spread(given: Array) -> Array:
        if given.ndim > 1 and block:
            return np.repeat(given, block, axis)[tuple(map(slice, values.shape))]
        return given.reshape([given.size if at == axis % values.ndim else 1 for at in range(values.ndim)])

    if zero is not None:
        real = real - (spread(zero) if zero.size > 1 else zero).astype(np.float32)
    return np.asarray(real * (spread(scale) if scale.size > 1 else scale).astype(np.float32), np.float32)


def _dequantize(op: Operator, values: Array, scale: Array, zero: Array | None = None) -> Array:
    return dequantized(values, scale, zero, op.int("axis", 1), op.int("block_size"))


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
