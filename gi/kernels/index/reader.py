"""The index as its readers see it: kernels by shape, weights by layer, children and parents by arithmetic."""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gi.core.errors import WeightsError
from gi.kernels.index.kinship import Kinship
from gi.kernels.index.layout import State, kernel_file, part_file, read_state, vector_file
from gi.kernels.records import TABLES, Floats, Ints, Layer, Network, shape_name, shape_of


class Index:
    """An index opened for reading: a snapshot of the last finished addition, in memory-mapped arrays.

    Tables are read when first asked for; `networks`, `layers`, `segments` and `refused` are pyarrow tables.
    """

    def __init__(self, folder: Path, state: State) -> None:
        self.folder = folder
        self._state = state
        self._maps: dict[str, Floats] = {}
        self._columns: dict[tuple[str, str], Any] = {}

    @classmethod
    def open(cls, folder: Path | str) -> "Index":
        """The index in `folder`. Raises `WeightsError` where there is none, or one of another version."""
        return cls(Path(folder), read_state(Path(folder)))

    @cached_property
    def networks(self) -> pa.Table:
        """One row for each file that was read; `reason` tells why a file gave nothing."""
        return self._table("networks")

    @cached_property
    def layers(self) -> pa.Table:
        """One row for each convolution, in the order of `id`."""
        return self._table("layers")

    @cached_property
    def segments(self) -> pa.Table:
        """Which input channels are which output channels, in the order of `layer`."""
        return self._table("segments")

    @cached_property
    def refused(self) -> pa.Table:
        """Layers that were left out, each with its reason."""
        return self._table("refused")

    @property
    def num_kernels(self) -> int:
        """How many kernel ids there are; equal layers count each time."""
        return self._state.num_kernels

    @property
    def shapes(self) -> dict[tuple[int, ...], int]:
        """Each kernel shape with how many kernels are stored, equal layers counted once; the most frequent first."""
        counts = sorted(self._state.stored.items(), key=lambda item: (-item[1], item[0]))
        return {shape_of(name): count for name, count in counts if count}

    def column(self, table: str, name: str) -> Any:
        """A column as a numpy array, kept: `column("layers", "base")`."""
        if (table, name) not in self._columns:
            self._columns[table, name] = getattr(self, table)[name].to_numpy(zero_copy_only=False)
        return self._columns[table, name]

    def network(self, id_: int) -> Network:
        """One network as a record."""
        return Network(**self.networks.slice(id_, 1).to_pylist()[0])

    def layer(self, id_: int) -> Layer:
        """One layer as a record."""
        row = self.layers.slice(id_, 1).to_pylist()[0]
        values: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in row.items()}
        return Layer(**values)

    def layer_ids(self, network: int) -> Ints:
        """The layers of a network, in the order of execution."""
        return np.flatnonzero(self.column("layers", "network") == network)

    def kernels(self, shape: tuple[int, ...]) -> Floats:
        """All stored kernels of a shape, (n, *shape), mapped; empty where there are none."""
        name = shape_name(shape)
        if name not in self._maps:
            self._maps[name] = self._mapped(kernel_file(self.folder, name), (self._state.stored.get(name, 0), *shape))
        return self._maps[name]

    def weight(self, layer: int) -> Floats:
        """The weight of a layer, (out, in / groups, *kernel), a view of the mapped array."""
        found = self.layer(layer)
        rows = self.kernels(found.shape)[found.row : found.row + found.num_kernels]
        return rows.reshape(found.out_channels, -1, *found.shape)

    def bias(self, layer: int) -> Floats | None:
        """The bias of a layer, (out,), or None."""
        found = self.layer(layer)
        return None if found.bias < 0 else self._vectors[found.bias : found.bias + found.out_channels]

    def batchnorm(self, layer: int) -> tuple[Floats, Floats, Floats, Floats] | None:
        """Scale, shift, mean and variance, each (out,), of the BatchNormalization after a layer, or None."""
        found = self.layer(layer)
        if found.norm < 0:
            return None
        gamma, beta, mean, var = self._vectors[found.norm : found.norm + 4 * found.out_channels].reshape(4, -1)
        return gamma, beta, mean, var

    def layer_of(self, kernel: int) -> int:
        """The layer that a kernel id belongs to. Raises `WeightsError` for an id that there is not."""
        return self.kinship.layer_of(kernel)

    def kernel(self, kernel: int) -> Floats:
        """One kernel by its id, (*shape), a view of the mapped array."""
        layer = self.layer_of(kernel)
        shape = tuple(self.column("layers", "shape")[layer])
        row: Floats = self.kernels(shape)[self.column("layers", "row")[layer] + kernel - self.kinship.base[layer]]
        return row

    def ids(self, shape: tuple[int, ...], rows: Ints) -> Ints:
        """The kernel id of each row of `kernels(shape)`, that of the first layer which holds it."""
        starts, layers = self._owners(shape)
        owner = layers[np.searchsorted(starts, rows, side="right") - 1]
        base, row = self.column("layers", "base"), self.column("layers", "row")
        ids: Ints = base[owner] + np.asarray(rows) - row[owner]
        return ids

    def rows(self, kernels: Ints) -> Ints:
        """The row, in the array of its shape, of each kernel id."""
        owner = np.searchsorted(self.kinship.base, kernels, side="right") - 1
        rows: Ints = self.column("layers", "row")[owner] + np.asarray(kernels) - self.kinship.base[owner]
        return rows

    def children(self, kernel: int, *, through: bool = True) -> Ints:
        """The kernels whose output channel is the input channel of `kernel`, as ids in ascending order of layer.

        With `through` also those that a depthwise convolution in between lets pass.
        """
        return self.kinship.children(kernel, through=through)

    def parents(self, kernel: int, *, through: bool = True) -> Ints:
        """The kernels whose input channel is the output channel of `kernel`, as ids."""
        return self.kinship.parents(kernel, through=through)

    @cached_property
    def kinship(self) -> Kinship:
        """The arithmetic of children and parents."""
        names = ("base", "out_channels", "in_channels", "groups")
        layers = {name: self.column("layers", name).astype(np.int64) for name in names}
        segments = {name: self.column("segments", name).astype(np.int64) for name in self.segments.column_names}
        return Kinship(layers, segments, self.num_kernels)

    @cached_property
    def _vectors(self) -> Floats:
        return self._mapped(vector_file(self.folder), (self._state.num_vector_values,))

    def _owners(self, shape: tuple[int, ...]) -> tuple[Ints, Ints]:
        """The first rows of the layers of a shape, ascending, and those layers; equal layers once."""
        key = ("owners", shape_name(shape))
        if key not in self._columns:
            shapes = self.column("layers", "shape")
            firsts = np.flatnonzero(~self.column("layers", "copy"))
            layers = np.array([layer for layer in firsts if tuple(shapes[layer]) == shape], np.int64)
            starts = self.column("layers", "row")[layers]
            order = np.argsort(starts)
            self._columns[key] = starts[order], layers[order]
        owners: tuple[Ints, Ints] = self._columns[key]
        return owners

    def _mapped(self, path: Path, shape: tuple[int, ...]) -> Floats:
        if not shape[0]:
            return np.zeros(shape, np.float32)
        try:
            return np.memmap(path, np.float32, "r", shape=shape)
        except (OSError, ValueError) as error:
            raise self._damaged(path, error) from error

    def _table(self, name: str) -> pa.Table:
        parts = [self._part(part_file(self.folder, name, part)) for part in self._state.parts]
        return pa.concat_tables([TABLES[name].empty_table(), *parts]).combine_chunks()

    def _part(self, path: Path) -> pa.Table:
        try:
            return pq.read_table(path)
        except (OSError, pa.ArrowException) as error:
            raise self._damaged(path, error) from error

    def _damaged(self, path: Path, error: Exception) -> WeightsError:
        said = str(error).splitlines()[0][:120]
        return WeightsError(f"{path} is missing or damaged ({said}): build the index {self.folder} again elsewhere.")
