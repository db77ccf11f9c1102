"""The producers of a value's channels: numbers of producing channels, in arrays of minimal size."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from gi.kernels.onnx.tensors import Array
from gi.kernels.records import Ints

#: The bit that marks the number of a channel that passed a depthwise convolution.
THROUGH: Final = 1 << 40
NO_PRODUCER: Final = -1
LARGEST_PLANES: Final = 1 << 21
_LARGEST_EXPANSION: Final = 1 << 24

Shape = tuple[int | None, ...]


class Opaque:
    """The type of `OPAQUE`, a value of which nothing is known."""


OPAQUE: Final = Opaque()


class TooLargeError(ValueError):
    """A value whose planes would exceed the memory limit, which no real network reaches."""


@dataclass(frozen=True, slots=True, eq=False)
class ChannelFlow:
    """A value that depends on the network's input.

    `shape` has None for unknown sizes. Each plane has as many axes, of the full size or of size 1 where it does not
    change, and holds the number of a producing channel at each place, or `NO_PRODUCER`; the producers of a place are
    those of all planes.
    """

    shape: Shape
    planes: tuple[Ints, ...] = ()

    def changes_along(self, axis: int) -> bool:
        """Whether producers differ along an axis."""
        return any(plane.shape[axis] > 1 for plane in self.planes)


Value = Array | ChannelFlow | Opaque | None


def flow_of(shape: Shape, planes: Sequence[Ints]) -> ChannelFlow:
    """A flow with compressed planes, without duplicates. Raises `TooLargeError`."""
    small = [compressed(plane) for plane in planes]
    kept = {(plane.shape, plane.tobytes()): plane for plane in small if (plane != NO_PRODUCER).any()}
    if sum(plane.size for plane in kept.values()) > LARGEST_PLANES:
        raise TooLargeError(f"more than {LARGEST_PLANES} channel numbers in one value")
    return ChannelFlow(shape, tuple(kept.values()))


def compressed(plane: Ints) -> Ints:
    """The plane with each axis along which it is constant reduced to size 1."""
    for axis, size in enumerate(plane.shape):
        if size > 1:
            first = plane[(slice(None),) * axis + (slice(0, 1),)]
            if plane.strides[axis] == 0 or (plane == first).all():  # stride 0 is a broadcast view, and constant
                plane = first
    return plane


def expanded(plane: Ints, shape: Shape) -> Ints:
    """The plane at its full size, as a view; unknown sizes count as 1. Raises `TooLargeError`."""
    sizes = [1 if size is None else size for size in shape]
    if math.prod(sizes) > _LARGEST_EXPANSION:
        raise TooLargeError(f"a value of shape {sizes}")
    return np.broadcast_to(plane, sizes)


def channel_numbers(shape: Shape, first: int, count: int) -> Ints:
    """A plane with the numbers first .. first + count - 1 along axis 1."""
    return np.arange(first, first + count).reshape([count if axis == 1 else 1 for axis in range(len(shape))])


def pairs(flow: ChannelFlow) -> tuple[Ints, Ints]:
    """The pairs of channel (axis 1) and producer, at any place in the channel: both (n,), in ascending order."""
    count = flow.shape[1] or 0
    keys = []
    for plane in flow.planes:
        rows = np.moveaxis(plane, 1, 0).reshape(plane.shape[1], -1)
        rows = np.broadcast_to(rows, (count, rows.shape[1]))
        channels = np.broadcast_to(np.arange(count)[:, None], rows.shape)
        there = rows != NO_PRODUCER
        keys.append(channels[there] * (2 * THROUGH) + rows[there])
    unique_keys = np.unique(np.concatenate(keys)) if keys else np.zeros(0, np.int64)
    return unique_keys // (2 * THROUGH), unique_keys % (2 * THROUGH)


def spread_evenly(flow: ChannelFlow) -> ChannelFlow:
    """The flow with all producers of a channel at every place of it, as after pooling."""
    if not any(size > 1 for plane in flow.planes for axis, size in enumerate(plane.shape) if axis != 1):
        return flow
    rows, numbers = pairs(flow)
    return ChannelFlow(flow.shape, planes_of(rows, numbers, flow.shape))


def merged(flow: ChannelFlow, axes: Iterable[int]) -> ChannelFlow:
    """The flow with producers merged along `axes`: each place has those of all places along them.

    Sizes stay; along these axes the planes have size 1. Raises `TooLargeError`.
    """
    over = tuple(axes)
    changing = {axis for axis in range(len(flow.shape)) if flow.changes_along(axis)}
    if not changing & set(over):
        return flow
    if 1 not in over and changing - set(over) <= {1}:
        return spread_evenly(flow)
    return flow_of(flow.shape, [part for plane in flow.planes for part in _merged_plane(plane, over)])


def _merged_plane(plane: Ints, axes: Sequence[int]) -> list[Ints]:
    """Planes of size 1 along `axes` that together hold what the plane holds along them."""
    moving = [axis for axis in axes if plane.shape[axis] > 1]
    kept = tuple(1 if axis in moving else size for axis, size in enumerate(plane.shape))
    rows = np.moveaxis(plane, moving, range(-len(moving), 0)).reshape(math.prod(kept), -1)
    rows = np.sort(rows, axis=1)
    rows[:, 1:][rows[:, 1:] == rows[:, :-1]] = NO_PRODUCER
    rows = -np.sort(-rows, axis=1)  # `NO_PRODUCER` comes last
    return [column.reshape(kept) for column in rows.T if (column != NO_PRODUCER).any()]


def taken(plane: Ints, axis: int, places: Ints, size: int) -> Ints:
    """The plane's values at `places` along an axis of `size`; `NO_PRODUCER` outside. Raises `TooLargeError`."""
    whole = [size if at == axis else side for at, side in enumerate(plane.shape)]
    if math.prod(whole) > _LARGEST_EXPANSION or plane.size // plane.shape[axis] * len(places) > _LARGEST_EXPANSION:
        raise TooLargeError(f"a value of shape {whole}")
    # Outside places read place 0 and are erased afterwards: index -1 would read the last place.
    inside = (places >= 0) & (places < size)
    moved = np.moveaxis(np.take(np.broadcast_to(plane, whole), np.where(inside, places, 0), axis), axis, -1)
    return np.moveaxis(np.where(inside, moved, NO_PRODUCER), -1, axis)


def planes_of(rows: Ints, numbers: Ints, shape: Shape) -> tuple[Ints, ...]:
    """Planes with these pairs of channel and producer, which are in ascending order."""
    rank = ranks(rows)
    count = shape[1] or 0
    planes = np.full((int(rank.max(initial=-1)) + 1, count), NO_PRODUCER, np.int64)
    planes[rank, rows] = numbers
    return tuple(plane.reshape([count if axis == 1 else 1 for axis in range(len(shape))]) for plane in planes)


def ranks(keys: Ints) -> Ints:
    """The index of each element among its equals; equal keys must be adjacent."""
    starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]]) if len(keys) else np.zeros(0, np.int64)
    lengths = np.diff(np.r_[starts, len(keys)])
    return np.arange(len(keys)) - np.repeat(starts, lengths)
