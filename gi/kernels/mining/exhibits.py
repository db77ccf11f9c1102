"""The standard kernels of an index: classes of a shape with frequency, networks and nearest real kernels."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gi.kernels.index.reader import Index
from gi.kernels.mining.classes import NO_CLASS, KernelClasses, directions, kernel_classes
from gi.kernels.records import Floats, Ints, shape_name

_NEAREST = 4
_NAMED = 3  # networks that are listed for a class
_LOOKED_AT = 200  # nearest kernels, among which some differ: a ternary network has the same kernel many times
_CHUNK = 1 << 18


@dataclass(frozen=True, eq=False)
class Exhibit:
    """One class: its number, centre, share of all stored non-zero kernels of the shape, networks and nearest kernels.

    `networks` are the names of those with the most kernels of it, and their shares of the class; `nearest` (n, *shape)
    are the real kernels nearest to the centre, with different directions.
    """

    number: int
    centre: Floats
    share: float
    networks: tuple[tuple[str, float], ...]
    nearest: Floats
    nearest_ids: Ints


@dataclass(frozen=True, eq=False)
class Room:
    """The classes of one shape, the most frequent first; `num_zeros` of its `num_kernels` have no class."""

    shape: tuple[int, ...]
    exhibits: tuple[Exhibit, ...]
    num_kernels: int
    num_zeros: int

    @property
    def heading(self) -> str:
        """A one-line summary."""
        zeros = f"; {self.num_zeros:,} more are zero" if self.num_zeros else ""
        counted = self.num_kernels - self.num_zeros
        return f"{shape_name(self.shape)}: {len(self.exhibits)} classes of {counted:,} kernels{zeros}"


def room_of(index: Index, shape: tuple[int, ...], *, k: int, seed: int = 0) -> Room:
    """The classes of a shape. Raises `WeightsError` where the index has no such kernels."""
    classes = kernel_classes(index, shape, k=k, seed=seed)
    labels, distances = _labelled(index, classes)
    owners = _networks(index, shape, len(labels))
    num_zeros = int((labels == NO_CLASS).sum())
    exhibits = []
    for number in range(classes.k):
        rows = np.flatnonzero(labels == number)
        near = _distinct(index, shape, rows[np.argsort(distances[rows], kind="stable")[:_LOOKED_AT]])
        exhibits.append(
            Exhibit(
                number, classes.centres[number], len(rows) / (len(labels) - num_zeros),
                _most_frequent(index, owners[rows]), np.array(index.kernels(shape)[near]), index.rows.ids(shape, near),
            )
        )  # fmt: skip
    # Sorted again: classes are numbered by their counts in a sample, but shares are of all kernels.
    exhibits.sort(key=lambda exhibit: -exhibit.share)
    return Room(shape, tuple(exhibits), len(labels), num_zeros)


def room_json(room: Room) -> dict[str, Any]:
    """A room as plain JSON values."""
    return {
        "shape": shape_name(room.shape),
        "kernels": room.num_kernels,
        "zeros": room.num_zeros,
        "classes": [
            {
                "class": exhibit.number,
                "share": round(exhibit.share, 5),
                "centre": np.round(exhibit.centre.astype(np.float64), 4).tolist(),
                "networks": [{"name": name, "share": round(share, 4)} for name, share in exhibit.networks],
                "nearest": exhibit.nearest_ids.tolist(),
            }
            for exhibit in room.exhibits
        ],
    }


def _labelled(index: Index, classes: KernelClasses) -> tuple[Ints, Floats]:
    """The class of every stored kernel of the shape, and its squared distance to the centre."""
    kernels = index.kernels(classes.shape)
    parts = [classes.nearest(kernels[start : start + _CHUNK]) for start in range(0, len(kernels), _CHUNK)]
    labels, distances = zip(*parts, strict=True)
    return np.concatenate(labels), np.concatenate(distances)


def _distinct(index: Index, shape: tuple[int, ...], rows: Ints) -> Ints:
    """The first of these rows with different directions."""
    if not len(rows):
        return rows
    rounded = np.round(directions(np.array(index.kernels(shape)[rows])), 3)
    _, firsts = np.unique(rounded, axis=0, return_index=True)
    return rows[np.sort(firsts)[:_NEAREST]]


def _networks(index: Index, shape: tuple[int, ...], count: int) -> Ints:
    """The network of each stored kernel of the shape."""
    ids = index.rows.ids(shape, np.arange(count))
    layers = np.searchsorted(index.column("layers", "base"), ids, side="right") - 1
    return np.asarray(index.column("layers", "network")[layers], np.int64)


def _most_frequent(index: Index, owners: Ints) -> tuple[tuple[str, float], ...]:
    networks, counts = np.unique(owners, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:_NAMED]
    names = index.column("networks", "name")
    return tuple((str(names[networks[n]]), float(counts[n] / len(owners))) for n in order)
