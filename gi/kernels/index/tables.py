"""The tables of an index, read from their parts on first use, and its mapped arrays."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gi.core.errors import WeightsError
from gi.kernels.index.layout import State, kernel_file, part_file, vector_file
from gi.kernels.records import TABLES, Floats, shape_name


class Tables:
    """The pyarrow tables of one snapshot, and their columns as numpy arrays, both cached."""

    def __init__(self, folder: Path, parts: tuple[str, ...]) -> None:
        self._folder = folder
        self._parts = parts
        self._tables: dict[str, pa.Table] = {}
        self._columns: dict[tuple[str, str], Any] = {}

    def __getitem__(self, name: str) -> pa.Table:
        """A table by its name. Raises `WeightsError` where a part is missing or damaged."""
        if name not in self._tables:
            parts = [self._part(part_file(self._folder, name, part)) for part in self._parts]
            # The empty table provides the columns of an index without parts.
            self._tables[name] = pa.concat_tables([TABLES[name].empty_table(), *parts]).combine_chunks()
        return self._tables[name]

    def column(self, table: str, name: str) -> Any:
        """A column as a numpy array."""
        if (table, name) not in self._columns:
            self._columns[table, name] = self[table][name].to_numpy(zero_copy_only=False)
        return self._columns[table, name]

    def _part(self, path: Path) -> pa.Table:
        try:
            return pq.read_table(path)
        except (OSError, pa.ArrowException) as error:
            raise _damaged(path, self._folder, error) from error


class Arrays:
    """The mapped arrays of one snapshot: kernels by shape, and one vector of biases and statistics."""

    def __init__(self, folder: Path, state: State) -> None:
        self._folder = folder
        self._state = state
        self._maps: dict[Path, Floats] = {}

    def kernels(self, shape: tuple[int, ...]) -> Floats:
        """All stored kernels of a shape, (n, *shape); empty where there are none."""
        name = shape_name(shape)
        return self._mapped(kernel_file(self._folder, name), (self._state.stored.get(name, 0), *shape))

    def vector(self, start: int, length: int) -> Floats:
        """A slice of the vector."""
        return self._mapped(vector_file(self._folder), (self._state.num_vector_values,))[start : start + length]

    def _mapped(self, path: Path, shape: tuple[int, ...]) -> Floats:
        if not shape[0]:
            return np.zeros(shape, np.float32)
        if path not in self._maps:
            try:
                # The length is the state's, not the file's: a writer may be appending to it.
                self._maps[path] = np.memmap(path, np.float32, "r", shape=shape)
            except (OSError, ValueError) as error:
                raise _damaged(path, self._folder, error) from error
        return self._maps[path]


def _damaged(path: Path, folder: Path, error: Exception) -> WeightsError:
    said = str(error).splitlines()[0][:120]
    return WeightsError(f"{path} is missing or damaged ({said}): build the index {folder} again elsewhere.")
