"""Operators that mix channels: their shapes where these are known, so that what follows can go on without producers."""

from collections.abc import Sequence

import numpy as np

from gi.kernels.channels.keeping import as_flow
from gi.kernels.channels.producers import OPAQUE, ChannelFlow, Shape, Value, spread_evenly
from gi.kernels.onnx.graphs import Operator


def reduced(operator: Operator, given: Sequence[Value], _: int) -> Value:
    """ReduceMean and the like: they pass along the axes of the channel, and end the graph across channels."""
    flow = as_flow(given[0])
    if flow is None:
        return OPAQUE
    axes = operator.ints("axes")
    if len(given) > 1 and isinstance(given[1], np.ndarray):
        axes = tuple(int(axis) for axis in given[1].reshape(-1))
    elif len(given) > 1 and given[1] is not None:
        return OPAQUE
    count = len(flow.shape)
    over = {axis % count for axis in axes} if axes and count else set(range(count))
    if any(axis != 1 and flow.changes_along(axis) for axis in over) and count > 1 and flow.shape[1] is not None:
        flow = spread_evenly(flow)
    mixed = any(flow.changes_along(axis) for axis in over)
    keep = operator.int("keepdims", 1)
    shape = tuple(1 if axis in over else size for axis, size in enumerate(flow.shape) if keep or axis not in over)
    if mixed:
        return ChannelFlow(shape)
    gone = () if keep else tuple(over)
    return ChannelFlow(shape, tuple(plane.squeeze(gone) for plane in flow.planes))


def normalized_along(operator: Operator, given: Sequence[Value], opset: int) -> Value:
    """Softmax and the like: they end the graph where producers change along their axis."""
    flow = as_flow(given[0])
    if flow is None or not flow.shape:
        return OPAQUE
    count = len(flow.shape)
    axis = operator.int("axis", -1 if opset >= 13 else 1) % count
    axes = (axis,) if opset >= 13 else range(axis, count)
    return ChannelFlow(flow.shape) if any(flow.changes_along(at) for at in axes) else flow


def multiplied(_: Operator, given: Sequence[Value], __: int) -> Value:
    """MatMul: what comes out has every channel in it."""
    first, second = as_flow(given[0]), as_flow(given[1])
    if first is None or second is None or min(len(first.shape), len(second.shape)) < 2:
        return OPAQUE
    longer = max(first.shape, second.shape, key=len)
    return ChannelFlow((*longer[:-2], first.shape[-2], second.shape[-1]))


def affine(operator: Operator, given: Sequence[Value], _: int) -> Value:
    """Gemm: as `multiplied`, with either side transposed."""
    first, second = as_flow(given[0]), as_flow(given[1])
    if first is None or second is None or len(first.shape) != 2 or len(second.shape) != 2:
        return OPAQUE
    rows: Shape = first.shape[::-1] if operator.int("transA") else first.shape
    columns: Shape = second.shape[::-1] if operator.int("transB") else second.shape
    return ChannelFlow((rows[0], columns[1]))
