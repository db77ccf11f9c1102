"""Operators that only move values, evaluated on channel numbers by ONNX's reference implementation."""

import math
from collections.abc import Sequence

import numpy as np
from onnx import NodeProto

from gi.kernels.channels.keeping import as_flow
from gi.kernels.channels.producers import (
    NO_PRODUCER,
    OPAQUE,
    ChannelFlow,
    Shape,
    TooLargeError,
    Value,
    expanded,
    flow_of,
)
from gi.kernels.onnx.evaluator import NotEvaluatedError, evaluate
from gi.kernels.onnx.graphs import Operator
from gi.kernels.onnx.tensors import Array
from gi.kernels.records import Ints

_LARGEST_MOVED = 1 << 23
_VIEWS = ("Transpose", "Slice", "Split")
_OPEN_SIZES = ("Transpose", "Slice", "Split", "Squeeze", "Unsqueeze")  # these work with unknown sizes


def moved(operator: Operator, given: Sequence[Value]) -> list[Value]:
    """Reshape, Transpose, Gather and the like. Raises `NotEvaluatedError`, `TooLargeError`."""
    flow = as_flow(given[0])
    others = _arrays(given[1:])
    if flow is None or others is None:
        return [OPAQUE]
    if operator.type == "Reshape":
        flow = _settled(flow, _wanted(operator, others))
    if None in flow.shape and operator.type not in _OPEN_SIZES:
        return [OPAQUE]
    results = [_of_plane(operator, plane, flow.shape, others) for plane in (*flow.planes, _empty_plane(flow))]
    shapes = [_reopened(result.shape, operator, flow.shape) for result in results[-1]]
    return [flow_of(shape, [planes[at] for planes in results[:-1]]) for at, shape in enumerate(shapes)]


def scattered(operator: Operator, given: Sequence[Value]) -> list[Value]:
    """ScatterND and ScatterElements: overwritten places have the producers of the updates."""
    flow, updates = as_flow(given[0]), as_flow(given[2])
    if flow is None or updates is None or not isinstance(given[1], np.ndarray) or None in (*flow.shape, *updates.shape):
        return [OPAQUE]
    erased = np.full((1,) * len(updates.shape), NO_PRODUCER, np.int64)
    planes = list(flow.planes)
    if operator.text("reduction", "none") == "none":  # else the old values are part of the new ones
        planes = [_written(operator, flow, plane, given[1], updates, erased) for plane in planes]
    planes += [_written(operator, flow, _empty_plane(flow), given[1], updates, plane) for plane in updates.planes]
    return [flow_of(flow.shape, planes)]


def _written(
    operator: Operator, flow: ChannelFlow, plane: Ints, indices: Array, updates: ChannelFlow, written: Ints
) -> Ints:
    full = expanded(plane, flow.shape)
    if full.size > _LARGEST_MOVED:
        raise TooLargeError("a value too large to write into")
    # Without the reduction: sums of channel numbers would be numbers of other channels.
    kept = [attribute for attribute in operator.node.attribute if attribute.name != "reduction"]
    node = NodeProto(op_type=operator.type, input=operator.inputs, output=operator.outputs, attribute=kept)
    (result,) = evaluate(
        Operator(node, operator.opset), [np.array(full), indices, np.array(expanded(written, updates.shape))]
    )
    return result


def _arrays(values: Sequence[Value]) -> list[Array | None] | None:
    """The values if all of them are constants or omitted, else None."""
    arrays = [value for value in values if value is None or isinstance(value, np.ndarray)]
    return arrays if len(arrays) == len(values) else None


def _wanted(operator: Operator, others: Sequence[Array | None]) -> tuple[int, ...]:
    sizes = others[0] if others else None
    return operator.ints("shape") if sizes is None else tuple(int(size) for size in sizes.reshape(-1))


def _settled(flow: ChannelFlow, wanted: Sequence[int]) -> ChannelFlow:
    """The flow with spatial sizes that fit a literal new shape, since sizes that the file leaves open are guesses.

    Along axes where producers do not change, only the product of the sizes matters.
    """
    free = [axis for axis in range(2, len(flow.shape)) if not flow.changes_along(axis)]
    total = math.prod(wanted)
    if not free or any(size < 1 for size in wanted) or math.prod(size or 0 for size in flow.shape) == total:
        return flow
    fixed = math.prod(size or 0 for axis, size in enumerate(flow.shape) if axis not in free)
    if not fixed or total % fixed:
        return flow
    shape = list(flow.shape)
    for axis in free:
        shape[axis] = total // fixed if axis == free[0] else 1
    return ChannelFlow(tuple(shape), flow.planes)


def _of_plane(operator: Operator, plane: Ints, shape: Shape, others: Sequence[Array | None]) -> list[Ints]:
    full = expanded(plane, shape)
    if full.size > _LARGEST_MOVED and plane.size > 1 and operator.type not in _VIEWS:  # views need no memory
        raise TooLargeError("a value too large to move")
    return evaluate(operator, [full, *others])


def _empty_plane(flow: ChannelFlow) -> Ints:
    """A plane without producers, which is evaluated for the new shape."""
    return np.full((1,) * len(flow.shape), NO_PRODUCER, np.int64)


def _reopened(new_shape: tuple[int, ...], operator: Operator, before: Shape) -> Shape:
    """The new shape with the sizes that were unknown before, which were evaluated as 1, set to None."""
    if None not in before:
        return new_shape
    if operator.type == "Transpose":
        order = operator.ints("perm") or tuple(range(len(before)))[::-1]
        return tuple(before[axis] for axis in order)
    if operator.type in ("Slice", "Split"):
        return tuple(None if before[axis] is None else size for axis, size in enumerate(new_shape))
    raise NotEvaluatedError(operator.type)
