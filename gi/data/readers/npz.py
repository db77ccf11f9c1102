"""A data set in one .npz file to arrays.

Keys: `train_images`, `train_labels`, optionally `test_images`, `test_labels`, `val_images`, `val_labels` (the names of
MedMNIST), or `x_train`, `y_train`, `x_test`, `y_test` (those of Keras), or with capitals. Images are (n, h, w),
(n, h, w, c) or (n, c, h, w) with c of 1 or 3; whole numbers from 0 to 255, or real numbers from 0 to 1 and booleans,
which are kept in 256 steps. Labels are whole numbers from 0, (n,) or (n, 1); `class_names`, where it is there, has the
text of each. Pickled objects are refused. The headers of all arrays are checked before one is read.
"""

import math
import os
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gi.core.errors import DatasetError
from gi.data.readers.scaling import at_size
from gi.data.splits import LARGEST_SIDE, RawSet, Samples, numbered, too_large

SPELLINGS = {
    "train": (("train_images", "train_labels"), ("x_train", "y_train"), ("X_train", "y_train"), ("X_train", "Y_train")),
    "validation": (("val_images", "val_labels"), ("x_val", "y_val"), ("X_val", "y_val"), ("X_val", "Y_val")),
    "test": (("test_images", "test_labels"), ("x_test", "y_test"), ("X_test", "y_test"), ("X_test", "Y_test")),
}
CLASS_NAMES = "class_names"
_NUMBERS = "iufb"  # kinds of types
_WIDEST = 8  # bytes of one number
_LARGEST_LABEL = 2.0**31
# What a file raises that is none, is cut short, or says of itself what is not so.
_READ_ERRORS = (
    OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, AttributeError, TypeError, MemoryError, RuntimeError,
    LookupError, SyntaxError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _ArrayHeader:
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def read_npz(path: Path, size: tuple[int, int] | None = None) -> RawSet:
    """The arrays of a file, the images brought to `size` (height, width) if given.

    Raises `DatasetError` where it is no such file or the arrays do not make a data set.
    """
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as members:
            headers = _headers(members, path)
            keys = _keys(headers, path)
            for images, labels in keys.values():
                _check_images(headers[images], f"{path} [{images}]", has_size=size is not None)
                _check_type(headers[labels], f"{path} [{labels}]")
            file.seek(0)  # the headers were read from the same open file
            with np.load(file, allow_pickle=False) as arrays:
                parts = {part: _read_part(arrays, *pair, path, size) for part, pair in keys.items()}
                names = _class_names(arrays, parts["train"], path) if CLASS_NAMES in headers else ()
    except _READ_ERRORS as error:
        said = " ".join(str(error).split())[:120].rstrip(".") or type(error).__name__
        raise DatasetError(f"{path} cannot be read as an .npz file ({said}).") from error
    return RawSet(parts["train"], parts.get("test"), parts.get("validation"), class_names=names, places=keys)


def as_images(array: NDArray[Any], where: str) -> NDArray[np.uint8]:
    """(n, c, h, w) uint8 of (n, h, w), (n, h, w, c) or (n, c, h, w). Raises `DatasetError`."""
    if array.ndim == 3:
        array = array[:, None]
    elif channels_last(array.shape, where):
        array = array.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(_as_bytes(array, where))


def channels_last(shape: tuple[int, ...], where: str) -> bool:
    """Whether images of a shape have their channels last. Raises `DatasetError` where that is ambiguous."""
    if len(shape) not in (3, 4) or 0 in shape[1:] or (len(shape) == 4 and not {1, 3} & {shape[1], shape[3]}):
        raise DatasetError(
            f"{where} has the shape {shape}: expected (n, h, w), (n, h, w, c) or (n, c, h, w), with c of 1 or 3."
            + _rows_advice(shape)
        )
    if len(shape) == 3 or shape[3] not in (1, 3):
        return False
    # (n, 1, 1, 1) is the same image either way.
    if shape[1] in (1, 3) and shape[1:] != (1, 1, 1):
        raise DatasetError(
            f"{where} has the shape {shape}, whose channels may be the second or the last axis: give grey images as "
            "(n, h, w), and pad colour images with np.pad to a height and width that are neither 1 nor 3."
        )
    return True


def _rows_advice(shape: tuple[int, ...]) -> str:
    """Advice for rows of pixels, as tables of images have them; "" for other shapes."""
    if len(shape) != 2 or not shape[1]:
        return ""
    side = math.isqrt(shape[1])
    square = f"{side}, {side}" if side**2 == shape[1] else "height, width"
    return f" Pass images.reshape(-1, {square})."


def as_labels(array: NDArray[Any], where: str) -> NDArray[np.int64]:
    """(n,) int64 of whole numbers in any type, (n,) or (n, 1). Raises `DatasetError`."""
    flat = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    if flat.ndim != 1 or flat.dtype.kind not in _NUMBERS:
        advice = _label_advice(flat)
        raise DatasetError(
            f"{where} has the shape {array.shape} and type {array.dtype}: expected (n,) whole numbers from 0.{advice}"
        )
    if flat.dtype.kind == "f" and not (np.isfinite(flat).all() and np.array_equal(flat, np.round(flat))):
        raise DatasetError(f"{where} has a label that is no whole number: labels are 0, 1, 2, ...")
    if flat.size and float(flat.max()) >= _LARGEST_LABEL:  # it would become another number below
        raise DatasetError(f"{where} has the label {flat.max():g}: labels are 0, 1, 2, ...")
    return flat.astype(np.int64)


def _label_advice(labels: NDArray[Any]) -> str:
    if labels.dtype.kind in "US":
        return " Number them by np.unique(labels, return_inverse=True)[1]."
    if labels.ndim != 2 or labels.dtype.kind not in _NUMBERS:
        return ""
    if labels.shape[0] == 1:
        return " Pass labels.ravel()."
    is_one_hot = bool((labels.astype(bool).sum(axis=1) == 1).all())
    return " Pass labels.argmax(1)." if is_one_hot else " Each image has one label."


def _headers(members: zipfile.ZipFile, path: Path) -> dict[str, _ArrayHeader]:
    """Shape and type of each array, from its first bytes. Raises `DatasetError` for one that memory cannot hold."""
    headers: dict[str, _ArrayHeader] = {}
    for member in members.infolist():
        if member.filename.endswith(".npy"):
            with members.open(member) as file:
                version = np.lib.format.read_magic(file)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape, _, dtype = read(file)
            headers[member.filename.removesuffix(".npy")] = _ArrayHeader(shape, dtype)
            num_bytes = math.prod(shape) * dtype.itemsize
            # numpy allocates what the header claims before it reads a value.
            if not dtype.hasobject and num_bytes > max(member.file_size, 0):
                raise ValueError(f"{member.filename} says {num_bytes:,} bytes and holds {member.file_size:,}")
            # Half: making bytes of real numbers takes a second array as large.
            if num_bytes > _memory_bytes() / 2:
                raise DatasetError(f"{path} [{member.filename}] takes {num_bytes / 1e9:.0f} GB: pass a part of it.")
    return headers


def _memory_bytes() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else math.inf


def _keys(headers: Mapping[str, _ArrayHeader], path: Path) -> dict[str, tuple[str, str]]:
    """The keys of each part's images and labels. Raises `DatasetError` for no training part and half ones."""
    keys: dict[str, tuple[str, str]] = {}
    for part, spellings in SPELLINGS.items():
        whole = [pair for pair in spellings if pair[0] in headers and pair[1] in headers]
        half = [pair for pair in spellings if pair[0] in headers or pair[1] in headers]
        if whole:
            keys[part] = whole[0]
        elif half:
            there, missing = half[0] if half[0][0] in headers else half[0][::-1]
            raise DatasetError(f"{path} has {there} without {missing}: give both, or remove it.")
    if "train" not in keys:
        names = ", ".join(sorted(headers)[:6]) or "nothing"
        raise DatasetError(
            f"{path} has no training part: expected the keys train_images and train_labels, found {names}."
        )
    return keys


def _check_images(header: _ArrayHeader, where: str, *, has_size: bool) -> None:
    _check_type(header, where)
    last = channels_last(header.shape, where)
    height, width = header.shape[1:3] if last or len(header.shape) == 3 else header.shape[2:4]
    if max(height, width) > LARGEST_SIDE and not has_size:
        raise DatasetError(too_large(f"{where} has images of {height}x{width} (height x width)"))


def _check_type(header: _ArrayHeader, where: str) -> None:
    if header.dtype.hasobject:
        raise DatasetError(
            f"{where} cannot be read: it holds pickled Python objects, which may run code; "
            "save an array of numbers, all images of one shape."
        )
    if header.dtype.kind in _NUMBERS and header.dtype.itemsize > _WIDEST:
        raise DatasetError(f"{where} has the type {header.dtype}: expected numbers of at most 8 bytes.")


def _read_part(arrays: Any, images: str, labels: str, path: Path, size: tuple[int, int] | None) -> Samples:
    pixels = at_size(as_images(arrays[images], f"{path} [{images}]"), size)
    return Samples(pixels, as_labels(arrays[labels], f"{path} [{labels}]"), numbered(images, len(pixels)))


def _class_names(arrays: Any, train: Samples, path: Path) -> tuple[str, ...]:
    """The name of each class. Raises `DatasetError` where they are no texts, or not as many as there are classes."""
    names, count = arrays[CLASS_NAMES], int(train.labels.max(initial=-1)) + 1
    # Bytes ("S") have no encoding, and two classes of one name could not be distinguished in any table.
    if names.shape != (count,) or names.dtype.kind != "U" or len(set(names.tolist())) < count:
        raise DatasetError(
            f"{path} [{CLASS_NAMES}] has the shape {names.shape} and type {names.dtype}: expected a different text for "
            f"each of the {count} classes, ({count},)."
        )
    return tuple(names.tolist())


def _as_bytes(array: NDArray[Any], where: str) -> NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind not in _NUMBERS:
        raise DatasetError(f"{where} has the type {array.dtype}: expected uint8, or real numbers from 0 to 1.")
    if not np.isfinite(array).all():
        raise DatasetError(f"{where} has a value that is NaN or infinite: replace it.")
    low, high = (float(array.min()), float(array.max())) if array.size else (0.0, 0.0)
    # Asked of the type before the range: whole numbers are levels, even where none is above 1.
    if array.dtype.kind in "iu" and low >= 0 and high <= 255:
        return array.astype(np.uint8)
    if low < 0 or high > 1:
        advice = "Divide by the largest value that a pixel can have." if low >= 0 else "Bring them to that range."
        raise DatasetError(
            f"{where} goes from {low:g} to {high:g}: expected uint8, or real numbers from 0 to 1. {advice}"
        )
    bytes_: NDArray[np.uint8] = np.round(array * 255.0).astype(np.uint8)
    return bytes_
