"""What operators do to the channels of a value: one rule for each family of operators that channels pass."""

from collections.abc import Callable, Sequence

import numpy as np

from gi.kernels.channels.producers import NOBODY, OPAQUE, ChannelFlow, Shape, Value, expanded, flow_of, spread_evenly
from gi.kernels.channels.sizes import resized_shape, window_sizes
from gi.kernels.onnx.graphs import Operator
from gi.kernels.onnx.tensors import Array

Rule = Callable[[Operator, Sequence[Value], int], Value]


def as_flow(value: Value) -> ChannelFlow | None:
    """The value as a flow; a constant is one without producers. None for what is opaque or left out."""
    if isinstance(value, ChannelFlow):
        return value
    return ChannelFlow(value.shape) if isinstance(value, np.ndarray) else None


def same(_: Operator, given: Sequence[Value], __: int) -> Value:
    """Activations, normalisations, casts: each place stays what it was."""
    return as_flow(given[0]) or OPAQUE


def pooled(operator: Operator, given: Sequence[Value], _: int) -> Value:
    """Pools with a window."""
    flow = as_flow(given[0])
    if flow is None or len(flow.shape) < 3:
        return OPAQUE
    kernel = operator.ints("kernel_shape") or (1,) * (len(flow.shape) - 2)
    return ChannelFlow((*flow.shape[:2], *window_sizes(operator, flow.shape[2:], kernel)), spread_evenly(flow).planes)


def pooled_to_one(_: Operator, given: Sequence[Value], __: int) -> Value:
    """Pools over the whole channel."""
    flow = as_flow(given[0])
    if flow is None or len(flow.shape) < 3:
        return OPAQUE
    return ChannelFlow((*flow.shape[:2], *(1 for _ in flow.shape[2:])), spread_evenly(flow).planes)


def pooled_to_size(operator: Operator, given: Sequence[Value], _: int) -> Value:
    """An adaptive pool, which is told what it makes."""
    flow, sizes = as_flow(given[0]), operator.ints("sizes")
    if flow is None or len(flow.shape) < 3:
        return OPAQUE
    spatial = sizes if len(sizes) == len(flow.shape) - 2 else (None,) * (len(flow.shape) - 2)
    return ChannelFlow((*flow.shape[:2], *spatial), spread_evenly(flow).planes)


def resized(operator: Operator, given: Sequence[Value], _: int) -> Value:
    """Resize and Upsample: within the channel."""
    flow = as_flow(given[0])
    if flow is None or len(flow.shape) < 3:
        return OPAQUE
    return ChannelFlow(resized_shape(operator, flow.shape, given), spread_evenly(flow).planes)


def sampled(_: Operator, given: Sequence[Value], __: int) -> Value:
    """GridSample: each channel looked up at the places of the grid."""
    flow, grid = as_flow(given[0]), as_flow(given[1])
    if flow is None or grid is None or len(flow.shape) != len(grid.shape):
        return OPAQUE
    return ChannelFlow((*flow.shape[:2], *grid.shape[1:-1]), spread_evenly(flow).planes)


def joined(operator: Operator, given: Sequence[Value], _: int) -> Value:
    """Add, Mul and the like: each place has the producers of all operands, broadcast as numpy does."""
    flows = [as_flow(value) for value in given if value is not None]
    known = [flow for flow in flows if flow is not None]
    if len(known) < len(flows) or not known:
        return OPAQUE
    if operator.int("axis", -1) > 0 and len(known) == 2:  # up to opset 6 an attribute said where the second one goes
        known[1] = _from_axis(known[1], operator.int("axis"), len(known[0].shape))
    axes = max(len(flow.shape) for flow in known)
    aligned = [_with_axes(flow, axes) for flow in known]
    shape = tuple(_broadcast_size([flow.shape[axis] for flow in aligned]) for axis in range(axes))
    return flow_of(shape, [plane for flow in aligned for plane in flow.planes])


def broadcast(_: Operator, given: Sequence[Value], __: int) -> Value:
    """Expand: as the joining of the value with ones of the new shape."""
    flow, wanted = as_flow(given[0]), given[1] if len(given) > 1 else None
    if flow is None or not isinstance(wanted, np.ndarray) or wanted.size > 8:
        return OPAQUE
    axes = max(len(flow.shape), wanted.size)
    aligned = _with_axes(flow, axes)
    sizes = (1,) * (axes - wanted.size) + tuple(int(size) for size in wanted.reshape(-1))
    shape = tuple(_broadcast_size(pair) for pair in zip(aligned.shape, sizes, strict=True))
    return ChannelFlow(shape, aligned.planes)


def concatenated(operator: Operator, given: Sequence[Value], _: int) -> Value:
    """Concat along any axis."""
    flows = [as_flow(value) for value in given]
    known = [flow for flow in flows if flow is not None]
    if len(known) < len(flows) or not known or len({len(flow.shape) for flow in known}) > 1:
        return OPAQUE
    axes = len(known[0].shape)
    axis = operator.int("axis", 1) % max(axes, 1)
    sizes = [flow.shape[axis] for flow in known]
    shape = tuple(_broadcast_size([flow.shape[at] for flow in known]) for at in range(axes))
    if any(size is None for size in sizes):
        return ChannelFlow(_with(shape, axis, None)) if not any(flow.planes for flow in known) else OPAQUE
    total = sum(size or 0 for size in sizes)
    depth = max(len(flow.planes) for flow in known)
    planes = [
        _beside([(f.planes[n] if n < len(f.planes) else None, f.shape) for f in known], axis) for n in range(depth)
    ]
    return flow_of(_with(shape, axis, total), planes)


def padded(operator: Operator, given: Sequence[Value], _: int) -> Value:
    """Pad: new places have no producer, or those of the channel that they extend."""
    flow = as_flow(given[0])
    pads = operator.ints("pads") or operator.ints("paddings")
    if len(given) > 1 and isinstance(given[1], np.ndarray):
        pads = tuple(int(size) for size in given[1].reshape(-1))
    if flow is None or len(given) > 3 or len(pads) != 2 * len(flow.shape) or max(map(abs, pads), default=0) > 1 << 16:
        return OPAQUE
    axes = len(flow.shape)
    around = [(pads[axis], pads[axis + axes]) for axis in range(axes)]
    shape = tuple(None if size is None else size + sum(around[axis]) for axis, size in enumerate(flow.shape))
    if any(min(pair) < 0 for pair in around) or (operator.text("mode", "constant") != "constant" and any(around[1])):
        return OPAQUE
    return flow_of(shape, [_padded_plane(plane, flow.shape, around) for plane in flow.planes])


def tiled(_: Operator, given: Sequence[Value], __: int) -> Value:
    """Tile: copies beside each other."""
    flow, repeats = as_flow(given[0]), given[1] if len(given) > 1 else None
    if flow is None or not isinstance(repeats, np.ndarray) or repeats.size != len(flow.shape):
        return OPAQUE
    times = [int(count) for count in repeats.reshape(-1)]
    if any(not 0 < count <= 1 << 12 for count in times):
        return OPAQUE
    shape = tuple(None if size is None else size * count for size, count in zip(flow.shape, times, strict=True))
    planes = []
    for plane in flow.planes:
        moving = [count if plane.shape[axis] > 1 else 1 for axis, count in enumerate(times)]
        planes.append(np.tile(plane, moving))
    return flow_of(shape, planes)


def _from_axis(flow: ChannelFlow, axis: int, axes: int) -> ChannelFlow:
    """The flow with its first axis at `axis` of a value with `axes` axes."""
    behind = max(0, axes - axis - len(flow.shape))
    planes = tuple(plane.reshape(*plane.shape, *(1,) * behind) for plane in flow.planes)
    return ChannelFlow((*flow.shape, *(1,) * behind), planes)


def _with_axes(flow: ChannelFlow, axes: int) -> ChannelFlow:
    """The flow with axes of size 1 in front, up to this many."""
    more = (1,) * (axes - len(flow.shape))
    return ChannelFlow((*more, *flow.shape), tuple(plane.reshape(*more, *plane.shape) for plane in flow.planes))


def _broadcast_size(sizes: Sequence[int | None]) -> int | None:
    """The size that these broadcast to; None where they do not agree, since sizes may have been guessed."""
    known = {size for size in sizes if size not in (None, 1)}
    if len(known) == 1:
        return known.pop()
    return None if known or None in sizes else 1


def _with(shape: Shape, axis: int, size: int | None) -> Shape:
    return (*shape[:axis], size, *shape[axis + 1 :])


def _beside(parts: Sequence[tuple[Array | None, Shape]], axis: int) -> Array:
    """One plane of several along `axis`; None stands for no producers."""
    axes = len(parts[0][1])
    others = [max(1 if plane is None else plane.shape[at] for plane, _ in parts) for at in range(axes)]
    whole = []
    for plane, shape in parts:
        start = np.full((1,) * axes, NOBODY, np.int64) if plane is None else plane
        whole.append(expanded(start, _with(tuple(others), axis, shape[axis])))
    return np.concatenate(whole, axis)


def _padded_plane(plane: Array, shape: Shape, around: Sequence[tuple[int, int]]) -> Array:
    """Along axes of the channel, where producers do not change, padding changes nothing that counts."""
    full = tuple(shape[axis] if axis == 1 and any(around[axis]) else plane.shape[axis] for axis in range(plane.ndim))
    growing = [pair if full[axis] != 1 or axis == 1 else (0, 0) for axis, pair in enumerate(around)]
    return np.pad(expanded(plane, full), growing, constant_values=NOBODY)
