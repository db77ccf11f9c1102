"""A data set in one .npz file to arrays.

Keys: `train_images`, `train_labels`, optionally `test_images`, `test_labels`, `val_images`, `val_labels` (the names of
MedMNIST), or `x_train`, `y_train`, `x_test`, `y_test` (those of Keras). Images are (n, h, w), (n, h, w, c) or
(n, c, h, w) with c of 1 or 3; uint8, or real numbers from 0 to 1, which are kept in 256 steps. Labels are whole numbers
from 0, (n,) or (n, 1). Pickled objects are refused.
"""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gi.core.errors import DatasetError
from gi.data.splits import RawSet, Samples

_SPELLINGS = {
    "train": (("train_images", "train_labels"), ("x_train", "y_train")),
    "validation": (("val_images", "val_labels"), ("x_val", "y_val")),
    "test": (("test_images", "test_labels"), ("x_test", "y_test")),
}


def read_npz(path: Path) -> RawSet:
    """The arrays of a file. Raises `DatasetError` where it is no such file or they do not make a data set."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            parts = {part: _read_part(arrays, part, path) for part in _SPELLINGS}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, AttributeError, TypeError) as error:
        raise DatasetError(f"{path} cannot be read as an .npz file ({error}).") from error
    train = parts["train"]
    if train is None:
        raise DatasetError(f"{path} has no training part: expected the keys train_images and train_labels.")
    return RawSet(train, parts["test"], parts["validation"])


def as_images(array: NDArray[Any], where: str) -> NDArray[np.uint8]:
    """(n, c, h, w) uint8 of (n, h, w), (n, h, w, c) or (n, c, h, w). Raises `DatasetError`."""
    if array.ndim == 3:
        array = array[:, None]
    elif array.ndim == 4 and array.shape[3] in (1, 3) and array.shape[1] not in (1, 3):
        array = array.transpose(0, 3, 1, 2)
    if array.ndim != 4 or array.shape[1] not in (1, 3) or 0 in array.shape[1:]:
        raise DatasetError(f"{where} has the shape {array.shape}: expected (n, h, w), (n, h, w, c) or (n, c, h, w).")
    return np.ascontiguousarray(_as_bytes(array, where))


def as_labels(array: NDArray[Any], where: str) -> NDArray[np.int64]:
    """(n,) int64 of whole numbers in any type, (n,) or (n, 1). Raises `DatasetError`."""
    flat = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    if flat.ndim != 1 or flat.dtype.kind not in "iufb":
        raise DatasetError(f"{where} has the shape {array.shape} and type {array.dtype}: expected (n,) whole numbers.")
    if flat.dtype.kind == "f" and not np.array_equal(flat, np.round(flat)):
        raise DatasetError(f"{where} has a label that is no whole number: labels are 0, 1, 2, ...")
    return flat.astype(np.int64)


def _read_part(arrays: Any, part: str, path: Path) -> Samples | None:
    for images, labels in _SPELLINGS[part]:
        if images in arrays and labels in arrays:
            where = f"{path} [{images}]"
            return Samples(as_images(arrays[images], where), as_labels(arrays[labels], f"{path} [{labels}]"))
    return None


def _as_bytes(array: NDArray[Any], where: str) -> NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind not in "iufb":
        raise DatasetError(f"{where} has the type {array.dtype}: expected uint8, or real numbers from 0 to 1.")
    if not np.isfinite(array).all():
        raise DatasetError(f"{where} has a value that is NaN or infinite: replace it.")
    low, high = (float(array.min()), float(array.max())) if array.size else (0.0, 0.0)
    if array.dtype.kind in "iu" and low >= 0 and high <= 255:
        return array.astype(np.uint8)
    if low < 0 or high > 1:
        raise DatasetError(f"{where} goes from {low:g} to {high:g}: expected uint8, or real numbers from 0 to 1.")
    return np.round(array * 255.0).astype(np.uint8)
