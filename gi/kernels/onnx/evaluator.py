"""Evaluates operators on arrays with ONNX's reference implementation, within limits against hostile files.

An operator's result size is bounded before it is computed: by a rule for its type, or by ONNX's shape inference. For
operators that the reference computes in Python, element by element, the bound is a thousand times smaller.
"""

import math
from collections.abc import Callable, Container, Iterable, Mapping, Sequence

import numpy as np
import onnx
from onnx import TensorProto, TypeProto
from onnx.helper import make_opsetid, make_tensor_type_proto, np_dtype_to_tensor_dtype

from gi.kernels.onnx.graphs import Operator
from gi.kernels.onnx.tensors import Array

# Shapes, indices and small tables are smaller; of larger values the mapping keeps only the shape.
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
#: Operators that the reference computes with whole arrays; others may loop over elements.
_WHOLE_ARRAYS = FOLDED | {
    "Acos", "ArgMax", "ArgMin", "Asin", "Atan", "BatchNormalization", "BitShift", "Celu", "Clip", "Cos", "Cosh",
    "CumSum", "DepthToSpace", "Einsum", "Elu", "Erf", "Exp", "EyeLike", "Gelu", "Gemm", "GroupNormalization",
    "HardSigmoid", "HardSwish", "InstanceNormalization", "IsInf", "IsNaN", "LayerNormalization", "LeakyRelu", "Log",
    "LogSoftmax", "LpNormalization", "MatMul", "Mean", "MeanVarianceNormalization", "Mish", "PRelu", "Pad", "ReduceL1",
    "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMean", "ReduceSumSquare", "Relu", "RMSNormalization", "Selu",
    "Sigmoid", "Sin", "Sinh", "Softmax", "Softplus", "Softsign", "SpaceToDepth", "Sum", "Swish", "Tan", "Tanh",
    "ThresholdedRelu", "Trilu", "Xor",
}  # fmt: skip
# Measured in elements of a plain array operation, like the bounds of folding.
_TIMES_AS_SLOW = 1000
_MULTIPLIED_AT_ONCE = 16  # multiplications in the time of one element
_UNSIZED = {"NonZero", "Compress", "Unique"}  # their result sizes depend on values, and are at most the input's
_DRAWN = {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}
_SMALL = 1 << 10


class NotEvaluatedError(ValueError):
    """An operator that cannot be evaluated: unfit operands, or a result beyond the limit."""


def is_drawn(operator: Operator) -> bool:
    """Whether an operator draws random numbers."""
    return operator.type in _DRAWN or (operator.type == "Dropout" and len(operator.inputs) > 2)


def fold(
    operator: Operator,
    operands: Sequence[Array | None],
    *,
    types: Container[str] = FOLDED,
    most: int = LARGEST_CONSTANT,
) -> list[Array]:
    """The results of an operator of these types on constants, at most `most` numbers. Raises `NotEvaluatedError`."""
    if operator.type not in types or _bound(operator, operands) > most:
        raise NotEvaluatedError(operator.type)
    return evaluate(operator, operands)


def cost(operator: Operator, operands: Sequence[Array | None]) -> float:
    """The estimated cost of an operator on these operands, in elements of a plain array operation.

    Raises `NotEvaluatedError` where its result size has no bound.
    """
    there = [value for value in operands if value is not None]
    size = float(sum(value.size for value in there))
    shapes = result_shapes(operator, operands)
    # By shape inference where that gives every size, else by the rule for the type.
    if all(shape is not None and None not in shape for shape in shapes):
        size += sum(math.prod(float(side or 0) for side in shape or ()) for shape in shapes)
    elif operator.type in FOLDED:
        size += _bound(operator, operands)
    elif operator.type not in _UNSIZED:
        raise NotEvaluatedError("the size of its result is unknown")
    size += _multiplications(operator, there, shapes) / _MULTIPLIED_AT_ONCE
    return size if operator.type in _WHOLE_ARRAYS else size * _TIMES_AS_SLOW


def evaluate(operator: Operator, operands: Sequence[Array | None]) -> list[Array]:
    """The results of an operator, whose limits the caller has checked. Raises `NotEvaluatedError`."""
    from onnx.reference import ReferenceEvaluator

    # A node could have thousands of outputs, or refer to a tensor in any file of the machine.
    if operator.int("num_outputs") > 4096 or any(_leads_outside(a) for a in operator.node.attribute):
        raise NotEvaluatedError(operator.type)
    given = dict(zip(operator.inputs, operands, strict=False))
    feeds = {name: value for name, value in given.items() if name and value is not None}
    try:
        with np.errstate(all="ignore"):
            # In a graph with its own operator set, since the rules of an operator differ between versions.
            results = ReferenceEvaluator(_graph(operator, feeds), opsets={"": max(operator.opset, 1)}).run(None, feeds)
    except Exception as error:  # the reference may raise any exception for a broken file
        raise NotEvaluatedError(f"{operator.type}: {error}") from error
    return [np.asarray(value) for value in results]


Sizes = tuple[int | None, ...]


def result_shapes(operator: Operator, operands: Sequence[Array | Sizes | None]) -> list[Sizes | None]:
    """The shapes of an operator's results by ONNX's shape inference, from arrays or from shapes of float tensors.

    None for a result, or a size of it, that inference does not give; for all of them where it fails.
    """
    unknown: list[Sizes | None] = [None] * len(operator.outputs)
    types: dict[str, TypeProto] = {}
    data: dict[str, TensorProto] = {}
    for name, operand in zip(operator.inputs, operands, strict=False):
        if not name or operand is None:
            continue
        if isinstance(operand, tuple):
            types[name] = make_tensor_type_proto(TensorProto.FLOAT, operand)
            continue
        types[name] = make_tensor_type_proto(np_dtype_to_tensor_dtype(operand.dtype), operand.shape)
        # Only small values, which may be shapes that inference reads; copying weights would be too slow.
        if operand.size <= _SMALL:
            data[name] = onnx.numpy_helper.from_array(np.ascontiguousarray(operand), name)
    version = max(operator.opset, 1)
    try:
        schema = onnx.defs.get_schema(operator.type, version, operator.node.domain)
        inferred = onnx.shape_inference.infer_node_outputs(
            schema, operator.node, types, data, opset_imports=[make_opsetid("", version)]
        )
    except Exception:  # inference has its own exceptions for invalid nodes
        return unknown
    return [_sizes(inferred.get(name)) for name in operator.outputs]


def _sizes(kind: TypeProto | None) -> Sizes | None:
    if kind is None or not kind.tensor_type.HasField("shape"):
        return None
    return tuple(int(dim.dim_value) if dim.HasField("dim_value") else None for dim in kind.tensor_type.shape.dim)


def _multiplications(operator: Operator, there: Sequence[Array], shapes: Sequence[Sizes | None]) -> float:
    """The number of multiplications of a product; 0 for other operators."""
    num_results = math.prod(float(size or 1) for size in shapes[0] or ()) if shapes else 0.0
    if operator.type in ("MatMul", "Gemm"):
        return num_results * max((size for value in there for size in value.shape[-2:]), default=1)
    # numpy's einsum loops over every combination of indices where it cannot use a matrix product.
    if operator.type == "Einsum":
        sides: dict[str, int] = {}
        for labels, value in zip(operator.text("equation").split("->")[0].split(","), there, strict=False):
            sides |= zip(labels.strip(), value.shape, strict=False)
        return _MULTIPLIED_AT_ONCE * max(num_results, math.prod(map(float, sides.values())))
    if operator.type in ("Conv", "ConvTranspose"):
        return num_results * math.prod(map(float, there[1].shape[1:])) if len(there) > 1 else 0.0
    return 0.0


def _graph(operator: Operator, given: Iterable[str]) -> onnx.GraphProto:
    """A graph with only this operator: for a bare node the evaluator would use the newest operator version."""
    graph = onnx.GraphProto(node=[operator.node])
    graph.input.extend(onnx.ValueInfoProto(name=name) for name in given)
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in operator.outputs if name)
    return graph


def _leads_outside(attribute: onnx.AttributeProto) -> bool:
    """Whether an attribute is a tensor in another file, which the evaluator would open anywhere on the machine."""
    tensors = [attribute.t, *attribute.tensors, attribute.sparse_tensor.values, attribute.sparse_tensor.indices]
    return any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in tensors)


def _bound(operator: Operator, operands: Sequence[Array | None]) -> float:
    """An upper bound of the operator's result size in elements. Raises `NotEvaluatedError`."""
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


def _expanded(there: list[Array], _: bool) -> float:
    return math.prod(float(max(0, size)) for size in there[-1].reshape(-1).tolist()) * max(1, there[0].size)


def _ranged(there: list[Array], _: bool) -> float:
    start, limit, step = (float(value.reshape(())) for value in there)
    return abs((limit - start) / step) if step else math.inf


_RESULT_SIZES: Mapping[str, Callable[[list[Array], bool], float]] = {
    "Gather": _gathered,
    "ConstantOfShape": _expanded,
    "Expand": _expanded,
    "Tile": _expanded,
    "Range": _ranged,
}
