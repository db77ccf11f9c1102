"""The index for reading: tables, kernels by shape, weights by layer; kinship and rows are computed."""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from gi.kernels.index.kinship import Kinship
from gi.kernels.index.layout import State, read_state
from gi.kernels.index.rows import Rows
from gi.kernels.index.tables import Arrays, Tables
from gi.kernels.records import Floats, Ints, Layer, Network, shape_of


class Index:
    """An index opened for reading: a snapshot of the last commit.

    `networks`, `layers`, `segments` and `refused` are pyarrow tables, read on first use; kernels and weights are views
    of mapped arrays. `kinship` has children and parents, `rows` the stored kernel of an id.
    """

    def __init__(self, folder: Path, state: State) -> None:
        self.folder = folder
        # Read once: what a writer adds later lies beyond the counts of this state.
        self._state = state
        self._tables = Tables(folder, state.parts)
        self._arrays = Arrays(folder, state)

    @classmethod
    def open(cls, folder: Path | str) -> "Index":
        """The index in `folder`. Raises `WeightsError` where there is none, or one of another version."""
        return cls(Path(folder), read_state(Path(folder)))

    @property
    def networks(self) -> pa.Table:
        """One row for each file that was read; `reason` is that of a refusal, else ""."""
        return self._tables["networks"]

    @property
    def layers(self) -> pa.Table:
        """One row for each convolution, in the order of `id`."""
        return self._tables["layers"]

    @property
    def segments(self) -> pa.Table:
        """The runs of input channels with the output channels that feed them, in the order of `layer`."""
        return self._tables["segments"]

    @property
    def refused(self) -> pa.Table:
        """Layers that were left out, each with its reason."""
        return self._tables["refused"]

    @cached_property
    def kinship(self) -> Kinship:
        """Children and parents of kernels, sources and consumers of channels."""
        names = ("base", "out_channels", "in_channels", "groups")
        layers = {name: self.column("layers", name).astype(np.int64) for name in names}
        segments = {name: self.column("segments", name).astype(np.int64) for name in self.segments.column_names}
        return Kinship(layers, segments, self.num_kernels)

    @cached_property
    def rows(self) -> Rows:
        """The arithmetic of kernel ids and rows of `kernels`."""
        return Rows(self._tables)

    @property
    def num_kernels(self) -> int:
        """The number of kernel ids; equal layers count each time."""
        return self._state.num_kernels

    @property
    def shapes(self) -> dict[tuple[int, ...], int]:
        """The number of stored kernels by shape, equal layers counted once; the most frequent first."""
        counts = sorted(self._state.stored.items(), key=lambda item: (-item[1], item[0]))
        return {shape_of(name): count for name, count in counts if count}

    def column(self, table: str, name: str) -> Any:
        """A column as a cached numpy array: `column("layers", "base")`."""
        return self._tables.column(table, name)

    def network(self, id_: int) -> Network:
        """One network as a record."""
        return Network(**self.networks.slice(id_, 1).to_pylist()[0])

    def layer(self, id_: int) -> Layer:
        """One layer as a record."""
        # Rows are in the order of their ids, so a slice is a look-up.
        row = self.layers.slice(id_, 1).to_pylist()[0]
        values: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in row.items()}
        return Layer(**values)

    def layer_ids(self, network: int) -> Ints:
        """The layers of a network, in the order of execution."""
        return np.flatnonzero(self.column("layers", "network") == network)

    def kernels(self, shape: tuple[int, ...]) -> Floats:
        """All stored kernels of a shape, (n, *shape); empty where there are none."""
        return self._arrays.kernels(shape)

    def kernel(self, id_: int) -> Floats:
        """One kernel, (*shape). Raises `WeightsError` for an unknown id."""
        shape = tuple(self.column("layers", "shape")[self.kinship.layer_of(id_)])
        kernel: Floats = self.kernels(shape)[self.rows.of(np.array([id_]))[0]]
        return kernel

    def weight(self, layer: int) -> Floats:
        """The weight of a layer, (out, in / groups, *kernel)."""
        of = self.layer(layer)
        rows = self.kernels(of.shape)[of.row : of.row + of.num_kernels]
        return rows.reshape(of.out_channels, -1, *of.shape)

    def bias(self, layer: int) -> Floats | None:
        """The bias of a layer, (out,), or None."""
        of = self.layer(layer)
        return None if of.bias < 0 else self._arrays.vector(of.bias, of.out_channels)

    def batchnorm(self, layer: int) -> tuple[Floats, Floats, Floats, Floats] | None:
        """Scale, shift, mean and variance, each (out,), of the BatchNormalization after a layer, or None."""
        of = self.layer(layer)
        if of.norm < 0:
            return None
        gamma, beta, mean, var = self._arrays.vector(of.norm, 4 * of.out_channels).reshape(4, -1)
        return gamma, beta, mean, var
