"""The writer of an index: appends kernels and rows, and commits them by whole networks."""

import contextlib
import dataclasses
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gi.core.errors import RunError
from gi.core.files import write_whole
from gi.kernels.index.layout import (
    State,
    has_state,
    kernel_file,
    lock,
    make_folder,
    part_file,
    read_state,
    vector_file,
    write_state,
)
from gi.kernels.index.reader import Index
from gi.kernels.records import TABLES, Floats, Layer, Network, plain, shape_name

_MOST_PARTS = 16
_COMMIT_BYTES = 256 << 20


class Store:
    """An index opened for writing, under its lock. Use `opened`."""

    def __init__(self, folder: Path, state: State) -> None:
        self.folder = folder
        self.state = state
        self._rows: dict[str, list[Any]] = {name: [] for name in TABLES}  # of the network being added
        self._tables: dict[str, list[pa.Table]] = {name: [] for name in TABLES}  # of networks not yet committed
        self._files: dict[Path, IO[bytes]] = {}
        self._pending_bytes = 0
        self._known_layers, self._known_networks = _known(folder) if state.parts else ({}, set())
        self._trim()

    def knows(self, content: str, reason: str = "") -> bool:
        """Whether the index has a network of this content, or has refused it for this reason."""
        return (content, reason) in self._known_networks

    def add_weight(self, weight: Floats) -> dict[str, Any]:
        """Stores a weight (out, in / groups, *kernel) unless an equal one is stored; returns its columns."""
        name = shape_name(weight.shape[2:])
        content = f"{shape_name(weight.shape)}:{hashlib.sha256(weight.data).hexdigest()}"
        known = self._known_layers.get(content)
        count = weight.shape[0] * weight.shape[1]
        row = self.state.stored.get(name, 0) if known is None else known
        if known is None:
            self._append(kernel_file(self.folder, name), weight)
            self._known_layers[content] = row
            self._advance(stored={**self.state.stored, name: row + count})
        base = self.state.num_kernels
        self._advance(num_kernels=base + count)
        return {"base": base, "row": row, "content": content, "copy": known is not None}

    def add_vector(self, values: Floats | None) -> int:
        """Stores biases or statistics; returns their offset, -1 for None."""
        if values is None:
            return -1
        place = self.state.num_vector_values
        self._append(vector_file(self.folder), np.ascontiguousarray(values, np.float32))
        self._advance(num_vector_values=place + values.size)
        return place

    def add_layer(self, layer: Layer) -> None:
        """Adds a row for a layer whose `id` is `state.num_layers`."""
        self._rows["layers"].append(layer)
        self._advance(num_layers=self.state.num_layers + 1)

    def add_rows(self, table: str, rows: Iterable[Any]) -> None:
        """Adds rows of segments or of refused layers."""
        self._rows[table] += rows

    def add_network(self, network: Network) -> None:
        """Adds the row of a network, which completes it; its additions may now be committed.

        Raises `pyarrow.ArrowException` for a value that does not fit its column, without any change.
        """
        rows = {**self._rows, "networks": [network]}
        tables = {name: pa.Table.from_pylist([_as_row(row) for row in rows[name]], TABLES[name]) for name in TABLES}
        for name, table in tables.items():
            self._tables[name].append(table)
            self._rows[name].clear()
        self._known_networks.add((network.content, network.reason))
        self._advance(num_networks=self.state.num_networks + 1)
        if self._pending_bytes > _COMMIT_BYTES:
            self.commit()

    def mark(self) -> "_Mark":
        """The current state, for `back_to`."""
        return _Mark(self.state, len(self._known_layers))

    def back_to(self, mark: "_Mark") -> None:
        """Undoes all additions since the mark, which must be at the end of a network."""
        self.state = mark.state
        for rows in self._rows.values():
            rows.clear()
        while len(self._known_layers) > mark.num_known:
            self._known_layers.popitem()  # removes the newest
        self._trim()

    def commit(self) -> None:
        """Commits all complete networks; readers that open the index afterwards see them."""
        if not self._tables["networks"]:
            return
        # Arrays, then tables, then the state: after a crash the state refers only to existing data.
        for file in self._files.values():
            file.flush()
        part = f"{self.state.num_networks:08d}-{self.state.num_layers:08d}"
        for name, tables in self._tables.items():
            _write_table(self.folder, name, part, pa.concat_tables(tables))
        self._advance(parts=(*self.state.parts, part))
        write_state(self.folder, self.state)
        self._tables = {name: [] for name in TABLES}
        self._pending_bytes = 0
        if len(self.state.parts) > _MOST_PARTS:
            self._merge()

    def _merge(self) -> None:
        """Merges all parts into one: many small additions would make many small files."""
        part = f"{self.state.parts[-1]}-merged"
        index = Index(self.folder, self.state)
        for name in TABLES:
            _write_table(self.folder, name, part, getattr(index, name))
        self._advance(parts=(part,))
        write_state(self.folder, self.state)
        self._drop_unlisted()

    def close(self) -> None:
        """Closes the files; uncommitted additions are lost."""
        for file in self._files.values():
            with contextlib.suppress(OSError):
                file.close()

    def _advance(self, **changes: Any) -> None:
        self.state = dataclasses.replace(self.state, **changes)

    def _append(self, path: Path, values: Floats) -> None:
        if path not in self._files:
            self._files[path] = path.open("ab")
        self._files[path].write(values.data)
        self._pending_bytes += values.nbytes

    def _trim(self) -> None:
        """Truncates the files to the state's lengths, after a killed or undone addition."""
        # Closed first: buffered data would be written after the truncation.
        for file in self._files.values():
            file.close()
        self._files.clear()
        sizes = {vector_file(self.folder): 4 * self.state.num_vector_values}
        for path in (self.folder / "kernels").glob("*.f32"):
            sizes[path] = 4 * _num_values(path.stem) * self.state.stored.get(path.stem, 0)
        for path, size in sizes.items():
            if path.exists() and path.stat().st_size > size:
                with path.open("r+b") as file:
                    file.truncate(size)
        self._drop_unlisted()

    def _drop_unlisted(self) -> None:
        for table in TABLES:
            for path in (self.folder / table).iterdir():
                if path.stem not in self.state.parts:
                    path.unlink()


@dataclasses.dataclass(frozen=True, slots=True)
class _Mark:
    state: State
    num_known: int


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[Store]:
    """Opens the index in `folder`, made where there is none, for exclusive writing; commits at the end.

    Raises `WeightsError` where another process writes it, or where it is of another version, `RunError` where the disk
    is full.
    """
    make_folder(folder)
    with contextlib.closing(lock(folder)):
        store = Store(folder, read_state(folder) if has_state(folder) else State())
        try:
            yield store
            store.commit()
        except OSError as error:
            raise RunError(
                f"{folder} cannot be written ({(error.strerror or str(error)).lower()}): what was added before stays. "
                "Make room there, and the same command goes on."
            ) from error
        finally:
            store.close()


def _known(folder: Path) -> tuple[dict[str, int], set[tuple[str, str]]]:
    """The row of each layer by content; and (content, reason of refusal) of all networks."""
    index = Index.open(folder)
    layers = dict(zip(index.layers["content"].to_pylist(), index.layers["row"].to_pylist(), strict=True))
    networks = zip(index.networks["content"].to_pylist(), index.networks["reason"].to_pylist(), strict=True)
    return layers, set(networks)


def _write_table(folder: Path, name: str, part: str, table: pa.Table) -> None:
    write_whole(part_file(folder, name, part), lambda file: pq.write_table(table, file))


def _as_row(record: Any) -> dict[str, Any]:
    values = {field: getattr(record, field) for field in record.__slots__}
    return {field: plain(value) if isinstance(value, str | bytes) else value for field, value in values.items()}


def _num_values(shape: str) -> int:
    return int(np.prod([int(size) for size in shape.split("x")]))
