"""A data set given as arrays: checked, and stored in the run's folder as the .npz file that the run reads."""

from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from gi.archive.folder import DATA, make_folder
from gi.archive.schema import FILE_NAME
from gi.core.errors import ArchiveError, DatasetError
from gi.core.files import write_whole
from gi.data.readers.npz import CLASS_NAMES, SPELLINGS, as_images, as_labels

#: `(images, labels)`, or arrays by their names in an .npz file.
ArraySet: TypeAlias = tuple[Any, Any] | Mapping[str, Any]
_IMAGES, _LABELS = SPELLINGS["train"][0]


def keep_arrays(arrays: ArraySet, folder: Path, held: ExitStack) -> Path:
    """Writes arrays into `folder`, which is made, as the data of a new run; returns the file's absolute path.

    When `held` closes and there is no run, the file is removed. Raises `DatasetError` for arrays that are no data set,
    `ArchiveError` where the folder cannot be used.
    """
    named = _named(arrays)
    path = (folder / DATA).absolute()
    if path.exists():
        raise ArchiveError(f"{path} exists: pass a new or empty folder as --out.")
    is_new = not folder.exists()
    make_folder(folder)
    # Before the file is written, so that one cut off by Ctrl-C is removed as well.
    held.callback(_remove_unused, path, is_new=is_new)
    write_whole(path, lambda file: np.savez_compressed(file, **named))
    return path


def _remove_unused(path: Path, *, is_new: bool) -> None:
    if not (path.parent / FILE_NAME).exists():
        path.unlink(missing_ok=True)
        with suppress(OSError):  # not empty: it also holds files of the user's
            if is_new:
                path.parent.rmdir()


def _named(arrays: ArraySet) -> dict[str, Any]:
    """The arrays of the file, with class names where the labels are not integers from 0."""
    if isinstance(arrays, Mapping):
        named = {name: np.asarray(array) for name, array in arrays.items()}
        for name, array in named.items():
            # numpy would store objects as pickles, and gi never unpickles a file of a run.
            if array.dtype.hasobject:
                raise DatasetError(f"{name} has the type {array.dtype}: pass an array of numbers, all of one shape.")
        return named
    if not isinstance(arrays, tuple | list) or len(arrays) != 2:
        raise DatasetError(
            f"the data set is a {type(arrays).__name__}: pass a name, a folder, an .npz file, (images, labels), or "
            f"arrays by name, such as {{'{_IMAGES}': ..., '{_LABELS}': ...}}."
        )
    images, (numbers, classes) = as_images(np.asarray(arrays[0]), "images"), _numbered(np.asarray(arrays[1]))
    if len(images) != len(numbers):
        raise DatasetError(f"there are {len(images)} images and {len(numbers)} labels: each image has one.")
    # Grey without an axis of channels: in (n, 1, h, 3) the axis of channels would be ambiguous.
    named = {_IMAGES: images[:, 0] if images.shape[1] == 1 else images, _LABELS: numbers}
    return named if classes is None else {**named, CLASS_NAMES: classes}


def _numbered(labels: "np.ndarray[Any, Any]") -> "tuple[np.ndarray[Any, Any], np.ndarray[Any, Any] | None]":
    """Labels as integers from 0, and the class names; None where the labels are such integers already."""
    if labels.ndim != 1 or not labels.size:
        return as_labels(labels, "labels"), None
    # Labels of several types cannot be sorted, and class names are stored as texts anyway.
    classes, numbers = np.unique(labels.astype(str) if labels.dtype.kind in "OSU" else labels, return_inverse=True)
    if labels.dtype.kind in "iuf" and np.array_equal(classes, np.arange(len(classes))):
        return numbers, None
    return numbers, classes.astype(str)
