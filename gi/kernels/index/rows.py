"""Converts kernel ids and rows of the stored arrays: layers with equal weights have their own ids and share rows."""

import numpy as np

from gi.kernels.index.tables import Tables
from gi.kernels.records import Ints


class Rows:
    """The row of each kernel id in the array of its shape, and the inverse."""

    def __init__(self, tables: Tables) -> None:
        self._base: Ints = tables.column("layers", "base")
        self._row: Ints = tables.column("layers", "row")
        self._copy = tables.column("layers", "copy")
        self._shapes = tables.column("layers", "shape")
        self._owners: dict[tuple[int, ...], tuple[Ints, Ints]] = {}

    def of(self, kernels: Ints) -> Ints:
        """The row, in the array of its shape, of each kernel id."""
        owner = np.searchsorted(self._base, kernels, side="right") - 1
        # Ids and rows of a layer are both consecutive, so one offset for each layer is enough.
        rows: Ints = self._row[owner] + np.asarray(kernels) - self._base[owner]
        return rows

    def ids(self, shape: tuple[int, ...], rows: Ints) -> Ints:
        """The kernel id of each row of the array of this shape, in the first layer that has it."""
        starts, layers = self._of_shape(shape)
        owner = layers[np.searchsorted(starts, rows, side="right") - 1]
        ids: Ints = self._base[owner] + np.asarray(rows) - self._row[owner]
        return ids

    def _of_shape(self, shape: tuple[int, ...]) -> tuple[Ints, Ints]:
        """The first rows of the layers of a shape, ascending, and these layers; equal layers once."""
        if shape not in self._owners:
            firsts = np.flatnonzero(~self._copy)  # a copy has no rows of its own
            layers = np.array([layer for layer in firsts if tuple(self._shapes[layer]) == shape], np.int64)
            starts = self._row[layers]
            order = np.argsort(starts)
            self._owners[shape] = starts[order], layers[order]
        return self._owners[shape]
