"""Rules for operators that pass channels on: one for each family of operators."""

from collections.abc import Callable, Sequence

import numpy as np

from gi.kernels.channels.places import padded_places, resized_places, window_places
from gi.kernels.channels.producers import (
    LARGEST_PLANES,
    NO_PRODUCER,
    OPAQUE,
    ChannelFlow,
    Shape,
    TooLargeError,
    Value,
    expanded,
    flow_of,
    merged,
    spread_evenly,
    taken,
)
from gi.kernels.channels.sizes import resize_factors, resized_shape, window_of, window_sizes
from gi.kernels.onnx.graphs import Operator
from gi.kernels.onnx.tensors import Array

Rule = Callable[[Operator, Sequence[Value]], Value]
_LARGEST_PAD = 1 << 16


def as_flow(value: Value) -> ChannelFlow | None:
    """The value as a flow; a constant is a flow without producers. None for an opaque or omitted value."""
    if isinstance(value, ChannelFlow):
        return value
    return ChannelFlow(value.shape) if isinstance(value, np.ndarray) else None


def same(_: Operator, given: Sequence[Value]) -> Value:
    """Activations, normalisations, casts: the producers do not change."""
    return as_flow(given[0]) or OPAQUE


def pooled(operator: Operator, given: Sequence[Value]) -> Value:
    """Pools with a window, whatever axis the channels are on: each new place has the producers of its window."""
    flow = as_flow(given[0])
    if flow is None or len(flow.shape) < 3:
        return OPAQUE
    kernel = operator.ints("kernel_shape") or (1,) * (len(flow.shape) - 2)
    shape = (*flow.shape[:2], *window_sizes(operator, flow.shape[2:], kernel))
    # Exact while it is small; else each channel keeps its producers, without their places in it.
    try:
        planes = list(flow.planes)
        for axis in _changing(flow, range(2, len(shape))):
            planes = [part for plane in planes for part in _windows(operator, plane, flow.shape, shape, axis, kernel)]
        return flow_of(shape, planes)
    except TooLargeError:
        return ChannelFlow(shape, _within_channels(flow).planes)


def _windows(
    operator: Operator, plane: Array, before: Shape, after: Shape, axis: int, kernel: Sequence[int]
) -> list[Array]:
    """The planes after windows along one axis. Raises `TooLargeError`."""
    size, new_size = before[axis], after[axis]
    if size is None or new_size is None or plane.size * kernel[axis - 2] > LARGEST_PLANES:
        raise TooLargeError("windows over a value that is too large")
    stride, dilation, pad = window_of(operator, axis - 2, size, new_size, kernel)
    places = window_places(size, new_size, kernel[axis - 2], stride, dilation, pad)
    return [taken(plane, axis, at, size) for at in places]


def pooled_to_one(_: Operator, given: Sequence[Value]) -> Value:
    """Global pools: over all axes but the first two."""
    flow = as_flow(given[0])
    if flow is None or len(flow.shape) < 3:
        return OPAQUE
    planes = merged(flow, range(2, len(flow.shape))).planes
    return ChannelFlow((*flow.shape[:2], *(1 for _ in flow.shape[2:])), planes)


def pooled_to_size(operator: Operator, given: Sequence[Value]) -> Value:
    """An adaptive pool, whose output sizes are an attribute."""
    flow, sizes = as_flow(given[0]), operator.ints("sizes")
    if flow is None or len(flow.shape) < 3:
        return OPAQUE
    spatial = sizes if len(sizes) == len(flow.shape) - 2 else (None,) * (len(flow.shape) - 2)
    return ChannelFlow((*flow.shape[:2], *spatial), _within_channels(flow).planes)


def resized(operator: Operator, given: Sequence[Value]) -> Value:
    """Resize and Upsample: within channels, or along the axis of channels."""
    flow = as_flow(given[0])
    if flow is None or len(flow.shape) < 3:
        return OPAQUE
    shape = resized_shape(operator, flow.shape, given)
    changing = [axis for axis in _changing(flow, range(len(shape))) if shape[axis] != flow.shape[axis]]
    # The usual case: channels on axis 1, resized in height and width only.
    if all(axis > 1 for axis in changing) and flow.changes_along(1):
        return ChannelFlow(shape, _within_channels(flow).planes if changing else flow.planes)
    planes = list(flow.planes)
    for axis in changing:
        size, new_size = flow.shape[axis], shape[axis]
        factor = resize_factors(operator, len(shape), given).get(axis) or (new_size or 0) / (size or 1)
        places = resized_places(operator, size, new_size, factor) if size and new_size else None
        if places is None or size is None:
            return ChannelFlow(shape)
        planes = [taken(plane, axis, at, size) for plane in planes for at in places]
    return flow_of(shape, planes)


def sampled(_: Operator, given: Sequence[Value]) -> Value:
    """GridSample: each channel sampled at the positions of the grid."""
    flow, grid = as_flow(given[0]), as_flow(given[1])
    if flow is None or grid is None or len(flow.shape) != len(grid.shape):
        return OPAQUE
    return ChannelFlow((*flow.shape[:2], *grid.shape[1:-1]), _within_channels(flow).planes)


def joined(operator: Operator, given: Sequence[Value]) -> Value:
    """Add, Mul and the like: each place has the producers of all operands, broadcast as numpy does.

    An opaque operand has unknown producers; those of the others are kept. It is assumed to have no more axes than the
    others, and may broadcast any size of 1.
    """
    flows = [as_flow(value) for value in given if value is not None]
    known = [flow for flow in flows if flow is not None]
    # Only the opaque operand could have producers, so none are lost.
    if len(known) < len(flows) and not any(flow.planes for flow in known):
        return OPAQUE
    if operator.opset < 7 and operator.int("axis", -1) > 0 and len(known) == 2:
        known[1] = _from_axis(known[1], operator.int("axis"), len(known[0].shape))  # the attribute of old opsets
    axes = max(len(flow.shape) for flow in known)
    aligned = [_with_axes(flow, axes) for flow in known]
    shape = tuple(_broadcast_size([flow.shape[axis] for flow in aligned]) for axis in range(axes))
    if len(known) < len(flows):
        # The opaque operand may broadcast any size of 1.
        shape = (*shape[:1], *(None if size == 1 else size for size in shape[1:]))
    return flow_of(shape, [plane for flow in aligned for plane in flow.planes])


def broadcast(_: Operator, given: Sequence[Value]) -> Value:
    """Expand: as `joined` with ones of the new shape."""
    flow, wanted = as_flow(given[0]), given[1] if len(given) > 1 else None
    if flow is None or not isinstance(wanted, np.ndarray) or wanted.size > 8:
        return OPAQUE
    axes = max(len(flow.shape), wanted.size)
    aligned = _with_axes(flow, axes)
    sizes = (1,) * (axes - wanted.size) + tuple(int(size) for size in wanted.reshape(-1))
    shape = tuple(_broadcast_size(pair) for pair in zip(aligned.shape, sizes, strict=True))
    return ChannelFlow(shape, aligned.planes)


def concatenated(operator: Operator, given: Sequence[Value]) -> Value:
    """Concat along any axis."""
    flows = [as_flow(value) for value in given]
    known = [flow for flow in flows if flow is not None]
    if len(known) < len(flows) or not known or len({len(flow.shape) for flow in known}) > 1:
        return OPAQUE
    axes = len(known[0].shape)
    axis = operator.int("axis", 1) % max(axes, 1)
    sizes = [flow.shape[axis] for flow in known]
    shape = tuple(_broadcast_size([flow.shape[at] for flow in known]) for at in range(axes))
    # The places after a part of unknown size are unknown.
    if any(size is None for size in sizes):
        return ChannelFlow(_with(shape, axis, None)) if not any(flow.planes for flow in known) else OPAQUE
    total = sum(size or 0 for size in sizes)
    depth = max(len(flow.planes) for flow in known)
    planes = [
        _beside([(f.planes[n] if n < len(f.planes) else None, f.shape) for f in known], axis) for n in range(depth)
    ]
    return flow_of(_with(shape, axis, total), planes)


def padded(operator: Operator, given: Sequence[Value]) -> Value:
    """Pad: new places have no producer, or those of the places that they repeat; negative pads crop."""
    flow = as_flow(given[0])
    around = _pads(operator, given, len(flow.shape)) if flow is not None else None
    if flow is None or around is None:
        return OPAQUE
    planes, shape = list(flow.planes), list(flow.shape)
    for axis, (before, after) in around.items():
        size = flow.shape[axis]
        shape[axis] = None if size is None else size + before + after
        # Along other axes all places have the same producers, and the few places that padding adds do not matter.
        if planes and (axis == 1 or flow.changes_along(axis)) and (before or after):
            places = None if size is None else padded_places(size, before, after, operator.text("mode", "constant"))
            if places is None or size is None:
                return OPAQUE
            planes = [taken(plane, axis, places, size) for plane in planes]
    return flow_of(tuple(shape), planes)


def _pads(operator: Operator, given: Sequence[Value], axes: int) -> dict[int, tuple[int, int]] | None:
    """The pads before and after each padded axis; None where they are unknown or do not fit."""
    pads = operator.ints("pads") or operator.ints("paddings")
    over: Sequence[int] = range(axes)
    if len(given) > 1:
        if not isinstance(given[1], np.ndarray):
            return None
        pads = tuple(int(size) for size in given[1].reshape(-1))
    if len(given) > 3 and given[3] is not None:
        if not isinstance(given[3], np.ndarray):
            return None
        over = [int(axis) % axes for axis in given[3].reshape(-1)]
    if len(pads) != 2 * len(over) or max(map(abs, pads), default=0) > _LARGEST_PAD:
        return None
    return {axis: (pads[at], pads[at + len(over)]) for at, axis in enumerate(over)}


def tiled(_: Operator, given: Sequence[Value]) -> Value:
    """Tile: repeats along each axis."""
    flow, repeats = as_flow(given[0]), given[1] if len(given) > 1 else None
    if flow is None or not isinstance(repeats, np.ndarray) or repeats.size != len(flow.shape):
        return OPAQUE
    times = [int(count) for count in repeats.reshape(-1)]
    # A file could contain any number of repeats.
    if any(not 0 < count <= 1 << 12 for count in times):
        return OPAQUE
    shape = tuple(None if size is None else size * count for size, count in zip(flow.shape, times, strict=True))
    planes = []
    for plane in flow.planes:
        moving = [count if plane.shape[axis] > 1 else 1 for axis, count in enumerate(times)]
        planes.append(np.tile(plane, moving))
    return flow_of(shape, planes)


def _changing(flow: ChannelFlow, axes: Sequence[int]) -> list[int]:
    return [axis for axis in axes if flow.changes_along(axis)]


def _within_channels(flow: ChannelFlow) -> ChannelFlow:
    """Each channel with all its producers at every place. Raises `TooLargeError` for channels on another axis."""
    if _changing(flow, range(2, len(flow.shape))) and not flow.changes_along(1):
        raise TooLargeError("channels that lie on another axis")
    return spread_evenly(flow)


def _from_axis(flow: ChannelFlow, axis: int, axes: int) -> ChannelFlow:
    """The flow with axes of size 1 appended, so that its first axis aligns with axis `axis` of `axes`."""
    behind = max(0, axes - axis - len(flow.shape))
    planes = tuple(plane.reshape(*plane.shape, *(1,) * behind) for plane in flow.planes)
    return ChannelFlow((*flow.shape, *(1,) * behind), planes)


def _with_axes(flow: ChannelFlow, axes: int) -> ChannelFlow:
    """The flow with axes of size 1 prepended, up to `axes` axes."""
    more = (1,) * (axes - len(flow.shape))
    return ChannelFlow((*more, *flow.shape), tuple(plane.reshape(*more, *plane.shape) for plane in flow.planes))


def _broadcast_size(sizes: Sequence[int | None]) -> int | None:
    """The size that these broadcast to; None where they differ, since sizes may be guesses."""
    known = {size for size in sizes if size not in (None, 1)}
    if len(known) == 1:
        return known.pop()
    # Guessed sizes may differ: then the size is unknown.
    return None if known or None in sizes else 1


def _with(shape: Shape, axis: int, size: int | None) -> Shape:
    return (*shape[:axis], size, *shape[axis + 1 :])


def _beside(parts: Sequence[tuple[Array | None, Shape]], axis: int) -> Array:
    """The concatenation of planes along `axis`; None is a plane without producers."""
    axes = len(parts[0][1])
    others = [max(1 if plane is None else plane.shape[at] for plane, _ in parts) for at in range(axes)]
    whole = []
    for plane, shape in parts:
        start = np.full((1,) * axes, NO_PRODUCER, np.int64) if plane is None else plane
        whole.append(expanded(start, _with(tuple(others), axis, shape[axis])))
    return np.concatenate(whole, axis)
