"""Operators evaluated on small arrays by onnx's own reference, within limits that hostile files cannot pass."""

import math
from collections.abc import Callable, Container, Iterable, Sequence

import numpy as np
import onnx

from gi.kernels.onnx.graphs import Operator
from gi.kernels.onnx.tensors import Array

LARGEST_CONSTANT = 1 << 16
_BROADCASTING = {
    "Add", "Sub", "Mul", "Div", "Mod", "Min", "Max", "Equal", "Greater", "Less", "And", "Or", "Where", "Pow",
    "GreaterOrEqual", "LessOrEqual",
}  # fmt: skip
_SAME_SIZE = {
    "Cast", "Identity", "Floor", "Ceil", "Sqrt", "Neg", "Abs", "Not", "Reshape", "Transpose", "Squeeze", "Unsqueeze",
    "Flatten", "Slice", "Split", "ReduceProd", "ReduceSum", "ReduceMax", "ReduceMin", "Shape", "Size", "NonZero",
    "Round", "Concat", "Gather", "Range", "ConstantOfShape", "Reciprocal", "Sign", "Expand", "Tile",
}  # fmt: skip
FOLDED = _BROADCASTING | _SAME_SIZE


class NotEvaluatedError(ValueError):
    """An operator that cannot be evaluated here: unfit operands, or a result past the limit."""


def fold(
    operator: Operator,
    opset: int,
    operands: Sequence[Array | None],
    *,
    types: Container[str] = FOLDED,
    most: int = LARGEST_CONSTANT,
) -> list[Array]:
    """The results of an operator of these types on constants, at most `most` numbers. Raises `NotEvaluatedError`."""
    if operator.type not in types or _bound(operator, operands) > most:
        raise NotEvaluatedError(operator.type)
    return evaluate(operator, opset, operands)


def evaluate(operator: Operator, opset: int, operands: Sequence[Array | None]) -> list[Array]:
    """The results of an operator whose limits were looked at. Raises `NotEvaluatedError`."""
    from onnx.reference import ReferenceEvaluator

    if operator.int("num_outputs") > 4096 or any(_leads_outside(a) for a in operator.node.attribute):
        raise NotEvaluatedError(operator.type)
    given = dict(zip(operator.inputs, operands, strict=False))
    feeds = {name: value for name, value in given.items() if name and value is not None}
    try:
        with np.errstate(all="ignore"):
            made = ReferenceEvaluator(_graph(operator, feeds), opsets={"": max(opset, 1)}).run(None, feeds)
    except Exception as error:  # the reference raises whatever its operator meets in a broken file
        raise NotEvaluatedError(f"{operator.type}: {error}") from error
    return [np.asarray(value) for value in made]


def _graph(operator: Operator, given: Iterable[str]) -> onnx.GraphProto:
    """The operator as a graph of its own: of a bare node the evaluator takes the newest version there is."""
    graph = onnx.GraphProto(node=[operator.node])
    graph.input.extend(onnx.ValueInfoProto(name=name) for name in given)
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in operator.outputs if name)
    return graph


def _leads_outside(attribute: onnx.AttributeProto) -> bool:
    """Whether an attribute is a tensor in another file, which the evaluator would open wherever it lies."""
    tensors = [attribute.t, *attribute.tensors, attribute.sparse_tensor.values, attribute.sparse_tensor.indices]
    return any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in tensors)


def _bound(operator: Operator, operands: Sequence[Array | None]) -> float:
    """No fewer elements than the operator's result has. Raises `NotEvaluatedError`."""
    there = [value for value in operands if value is not None]
    try:
        size = _RESULT_SIZES.get(operator.type, _sum_of_sizes)
        return size(there, operator.type in _BROADCASTING)
    except (ValueError, TypeError, IndexError, OverflowError) as error:
        raise NotEvaluatedError(str(error)) from error


def _sum_of_sizes(there: list[Array], broadcasting: bool) -> float:
    if broadcasting:
        return float(math.prod(np.broadcast_shapes(*(value.shape for value in there))))
    return float(sum(value.size for value in there))


def _gathered(there: list[Array], _: bool) -> float:
    return float(there[0].size) * max(1, there[1].size)


def _made_by_shape(there: list[Array], _: bool) -> float:
    return math.prod(float(max(0, size)) for size in there[-1].reshape(-1).tolist()) * max(1, there[0].size)


def _ranged(there: list[Array], _: bool) -> float:
    start, limit, step = (float(value.reshape(())) for value in there)
    return abs((limit - start) / step) if step else math.inf


_RESULT_SIZES: dict[str, Callable[[list[Array], bool], float]] = {
    "Gather": _gathered,
    "ConstantOfShape": _made_by_shape,
    "Expand": _made_by_shape,
    "Tile": _made_by_shape,
    "Range": _ranged,
}
