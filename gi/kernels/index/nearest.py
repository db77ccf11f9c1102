"""Nearest kernels by direction, independent of scale; 1x1 kernels, which are numbers, by value."""

import contextlib
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

from gi.core.files import write_whole
from gi.kernels.index.reader import Index
from gi.kernels.records import Floats, Ints, shape_name

_SMALLEST_INVERTED = 100_000
_ADDED_AT_ONCE = 1 << 20
_COMPARED_AT_ONCE = 1 << 22
_PROBES = 16
_TRAINED_FOR_EACH = 40  # faiss warns on stderr below 39


class Nearest:
    """Searches the stored kernels of one shape: with faiss's inverted lists where installed and worthwhile.

    The lists are stored beside the index, and made again when it has grown. Without faiss, or with `exact`, every
    kernel is compared.
    """

    def __init__(self, index: Index, shape: tuple[int, ...], *, exact: bool = False) -> None:
        self._kernels = index.kernels(shape)
        self._is_number = int(np.prod(shape)) == 1
        path = None if exact else _lists_file(index, shape)
        self.inverted: Any = _kept(path, self._kernels) if path else None

    def search(self, kernels: Floats, count: int) -> tuple[Ints, Floats]:
        """The rows of the `count` nearest kernels to each of `kernels` (n, *shape), nearest first, and their scores.

        The score is the cosine, or for 1x1 kernels the difference. Both (n, count).
        """
        count = min(count, len(self._kernels))
        wanted = np.asarray(kernels, np.float32).reshape(len(kernels), -1)
        if self._is_number:
            return self._compared(wanted, count)
        wanted = unit(wanted)
        if self.inverted is None:
            return self._compared(wanted, count)
        cosines, rows = self.inverted.search(wanted, count)
        return rows, cosines

    def _compared(self, wanted: Floats, count: int) -> tuple[Ints, Floats]:
        """The exact search over all stored kernels, a chunk at a time."""
        rows: Ints = np.zeros((len(wanted), 0), np.int64)
        scores: Floats = np.zeros((len(wanted), 0), np.float32)
        size = max(count, _COMPARED_AT_ONCE // len(wanted))
        for start in range(0, len(self._kernels), size):
            chunk = self._kernels[start : start + size].reshape(-1, wanted.shape[1])
            near = -np.abs(wanted - chunk.T) if self._is_number else wanted @ unit(chunk).T
            # `argpartition` needs more columns than it selects.
            best = np.argsort(-near, axis=1, kind="stable")[:, :count] if len(chunk) <= count else _top(near, count)
            rows = np.hstack([rows, best + start])
            scores = np.hstack([scores, np.take_along_axis(near, best, 1)])
            order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
            rows, scores = np.take_along_axis(rows, order, 1), np.take_along_axis(scores, order, 1)
        return rows, np.abs(scores) if self._is_number else scores


def num_unlisted(index: Index, shape: tuple[int, ...]) -> int:
    """The number of kernels for which a search must first make lists, a second for each million; 0 for none."""
    path = _lists_file(index, shape)
    return index.shapes[shape] if path and not path.is_file() else 0


def _lists_file(index: Index, shape: tuple[int, ...]) -> Path | None:
    """The file of the inverted lists of a shape; None where they are not worthwhile or faiss is missing."""
    count = index.shapes.get(shape, 0)
    if int(np.prod(shape)) == 1 or count < _SMALLEST_INVERTED or not importlib.util.find_spec("faiss"):
        return None
    return index.folder / "nearest" / f"{shape_name(shape)}-{count}.faiss"


def unit(vectors: Floats) -> Floats:
    """The vectors (n, size) at length 1; zeros stay zeros."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)


def _top(near: Floats, count: int) -> Ints:
    best: Ints = np.argpartition(-near, count - 1, axis=1)[:, :count]
    return best


def _kept(path: Path, kernels: Floats) -> Any:
    """The inverted lists at `path`, made where there are none."""
    import faiss

    if path.is_file():
        return _ready(faiss.read_index(str(path), faiss.IO_FLAG_MMAP))
    lists = _inverted(kernels)
    with contextlib.suppress(OSError, RuntimeError):  # a read-only index can still be searched
        path.parent.mkdir(exist_ok=True)
        for old in path.parent.glob(f"{path.name.partition('-')[0]}-*"):  # lists of the index before it grew
            old.unlink()
        write_whole(path, lambda file: faiss.write_index(lists, faiss.PyCallbackIOWriter(file.write)))
    return _ready(lists)


def _inverted(kernels: Floats) -> Any:
    import faiss

    size = int(np.prod(kernels.shape[1:]))
    # About the square root of their number, which balances choosing and searching lists (faiss's guideline).
    num_lists = 1 << int(np.log2(np.sqrt(len(kernels))))
    lists = faiss.IndexIVFFlat(faiss.IndexFlatIP(size), size, num_lists, faiss.METRIC_INNER_PRODUCT)
    sample = kernels[:: max(1, len(kernels) // (_TRAINED_FOR_EACH * num_lists))].reshape(-1, size)
    lists.train(unit(sample))
    for start in range(0, len(kernels), _ADDED_AT_ONCE):
        lists.add(unit(kernels[start : start + _ADDED_AT_ONCE].reshape(-1, size)))
    return lists


def _ready(lists: Any) -> Any:
    lists.nprobe = _PROBES
    return lists
