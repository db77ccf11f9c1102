"""Rules for operators that mix channels: reductions, cumulative sums, and products, which keep only the shape."""

from collections.abc import Sequence

import numpy as np

from gi.kernels.channels.keeping import as_flow
from gi.kernels.channels.producers import OPAQUE, ChannelFlow, Shape, Value, flow_of, merged, taken
from gi.kernels.onnx.graphs import Operator

_LONGEST_SUM = 1 << 10


def reduced(operator: Operator, given: Sequence[Value]) -> Value:
    """ReduceMean and the like: each place has the producers of all places reduced to it."""
    flow = as_flow(given[0])
    axes = _axes(operator, given)
    if flow is None or axes is None:
        return OPAQUE
    count = len(flow.shape)
    if not axes and operator.int("noop_with_empty_axes"):
        return flow
    # In ONNX no axes mean all axes, unless `noop_with_empty_axes` is set.
    over = sorted({axis % count for axis in axes}) if axes and count else list(range(count))
    planes = merged(flow, over).planes
    if operator.int("keepdims", 1):
        return ChannelFlow(tuple(1 if axis in over else size for axis, size in enumerate(flow.shape)), planes)
    shape = tuple(size for axis, size in enumerate(flow.shape) if axis not in over)
    return ChannelFlow(shape, tuple(plane.squeeze(tuple(over)) for plane in planes))


def _axes(operator: Operator, given: Sequence[Value]) -> tuple[int, ...] | None:
    """The axes of a reduction, from its attribute or a constant input; None where they are computed."""
    if len(given) < 2 or given[1] is None:
        return operator.ints("axes")
    return tuple(int(axis) for axis in given[1].reshape(-1)) if isinstance(given[1], np.ndarray) else None


def indexed(operator: Operator, given: Sequence[Value]) -> Value:
    """ArgMax and ArgMin: as a reduction along their one axis."""
    flow = as_flow(given[0])
    if flow is None or not flow.shape:
        return OPAQUE
    axis = operator.int("axis") % len(flow.shape)
    planes = merged(flow, [axis]).planes
    if operator.int("keepdims", 1):
        return ChannelFlow((*flow.shape[:axis], 1, *flow.shape[axis + 1 :]), planes)
    return ChannelFlow((*flow.shape[:axis], *flow.shape[axis + 1 :]), tuple(plane.squeeze(axis) for plane in planes))


def summed_up(operator: Operator, given: Sequence[Value]) -> Value:
    """CumSum: each place has the producers of the places before it along the axis, or after it in reverse."""
    flow, wanted = as_flow(given[0]), given[1] if len(given) > 1 else None
    if flow is None or not isinstance(wanted, np.ndarray) or wanted.size != 1:
        return OPAQUE
    axis = int(wanted.reshape(())) % len(flow.shape)
    size = flow.shape[axis]
    if not flow.changes_along(axis):
        return flow
    if size is None or size > _LONGEST_SUM:  # there is a plane for each place, each as long as the axis
        return OPAQUE
    back = -1 if operator.int("reverse") else 1
    steps = range(operator.int("exclusive"), size)
    return flow_of(
        flow.shape,
        [taken(plane, axis, np.arange(size) - back * step, size) for plane in flow.planes for step in steps],
    )


def normalized_along(operator: Operator, given: Sequence[Value]) -> Value:
    """Softmax and the like: each place has the producers of all places along the axis."""
    flow = as_flow(given[0])
    if flow is None or not flow.shape:
        return OPAQUE
    count = len(flow.shape)
    one_axis = operator.opset >= 13 or operator.type == "LpNormalization"  # earlier, all axes from `axis` on
    axis = operator.int("axis", -1 if one_axis else 1) % count
    axes = (axis,) if one_axis else range(axis, count)
    return merged(flow, axes)


def multiplied(_: Operator, given: Sequence[Value]) -> Value:
    """MatMul: each output mixes all channels, so no producers are kept."""
    first, second = as_flow(given[0]), as_flow(given[1])
    if first is None or second is None or min(len(first.shape), len(second.shape)) < 2:
        return OPAQUE
    longer = max(first.shape, second.shape, key=len)
    return ChannelFlow((*longer[:-2], first.shape[-2], second.shape[-1]))


def affine(operator: Operator, given: Sequence[Value]) -> Value:
    """Gemm: as `multiplied`, with either side transposed."""
    first, second = as_flow(given[0]), as_flow(given[1])
    if first is None or second is None or len(first.shape) != 2 or len(second.shape) != 2:
        return OPAQUE
    rows: Shape = first.shape[::-1] if operator.int("transA") else first.shape
    columns: Shape = second.shape[::-1] if operator.int("transB") else second.shape
    return ChannelFlow((rows[0], columns[1]))
