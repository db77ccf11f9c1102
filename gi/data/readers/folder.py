"""An image folder, train/CLASS/*.png (jpg, bmp, ...) with or without test/, to arrays."""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from gi.core.errors import DatasetError
from gi.core.settings import default_workers
from gi.data.splits import LARGEST_SIDE, RawSet, Samples

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm"})
_GREY_MODES = frozenset({"1", "L", "LA"})
_DEEP_MODES = ("I", "F")  # 16 and 32 bits a value


def read_folder(folder: Path) -> RawSet:
    """The images of a folder, decoded: grey where all are grey, else colour.

    Files without an image suffix and hidden files are passed over; a file with one must decode. Raises `DatasetError`
    for another layout, a class without images, an image that cannot be read, and images of different sizes.
    """
    if not (folder / "train").is_dir():
        raise DatasetError(f"{folder} has no folder train: expected train/CLASS/*.png; found {_found(folder)}.")
    train = _class_files(folder / "train")
    names = tuple(train)
    if len(names) < 2:
        what = f"one class ({names[0]})" if names else f"no class folders (found {_found(folder / 'train')})"
        raise DatasetError(f"{folder}/train has {what}: expected train/CLASS/*.png with at least two classes.")
    test = _class_files(folder / "test") if (folder / "test").is_dir() else {}
    unknown = sorted(set(test) - set(names))
    if unknown:
        raise DatasetError(f"{folder}/test has the class {unknown[0]!r}, which train does not have.")
    files = [path for part in (train, test) for paths in part.values() for path in paths]
    images = _decode(files)
    num_train = sum(map(len, train.values()))
    labels = [names.index(name) for part in (train, test) for name, paths in part.items() for _ in paths]
    parts = [Samples(images[s], np.array(labels[s], np.int64)) for s in (slice(num_train), slice(num_train, None))]
    return RawSet(parts[0], parts[1] if test else None, class_names=names)


def folder_digest(folder: Path) -> str:
    """A digest of every file's path, size and time of change below `folder`."""
    digest = hashlib.sha256()
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            stat = path.stat()
            digest.update(f"{path.relative_to(folder)}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _class_files(part: Path) -> dict[str, list[Path]]:
    classes = sorted(entry for entry in part.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    files = {folder.name: _image_files(folder) for folder in classes}
    empty = [name for name, paths in files.items() if not paths]
    if empty:
        raise DatasetError(
            f"the class folder {part / empty[0]} holds no images: expected files such as *.png directly in it; "
            f"found {_found(part / empty[0])}."
        )
    return files


def _image_files(folder: Path) -> list[Path]:
    return sorted(
        Path(entry.path)
        for entry in os.scandir(folder)
        if not entry.name.startswith(".") and Path(entry.name).suffix.lower() in SUFFIXES
    )


def _decode(files: Sequence[Path]) -> NDArray[np.uint8]:
    """The (n, c, h, w) images of the files; c is 1 where all are grey, else 3."""
    with ThreadPoolExecutor(default_workers()) as pool:  # Pillow decodes without the interpreter's lock
        arrays = list(pool.map(_read_image, files))
    for path, array in zip(files, arrays, strict=True):
        if array.shape[:2] != arrays[0].shape[:2]:
            raise DatasetError(
                f"{path} is {_size(array)} and {files[0].name} is {_size(arrays[0])} (height x width): "
                "all images must have one size, resize them first."
            )
    if max(arrays[0].shape[:2]) > LARGEST_SIDE:
        raise DatasetError(f"{files[0]} is {_size(arrays[0])}: at most 64x64 are supported, resize the images first.")
    if any(array.ndim == 3 for array in arrays):
        colour = [array if array.ndim == 3 else np.repeat(array[..., None], 3, axis=2) for array in arrays]
        return np.ascontiguousarray(np.stack(colour).transpose(0, 3, 1, 2))
    return np.stack(arrays)[:, None]


def _read_image(path: Path) -> NDArray[np.uint8]:
    """(h, w) of a grey file, (h, w, 3) of any other."""
    try:
        with Image.open(path) as image:
            if image.mode.startswith(_DEEP_MODES):
                raise DatasetError(f"{path} has more than 8 bits a value ({image.mode}): convert it to 8 bits first.")
            return np.asarray(image.convert("L" if image.mode in _GREY_MODES else "RGB"))
    except UnidentifiedImageError:
        raise DatasetError(f"{path} is no image that can be read: mend or remove it.") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:  # what Pillow's readers raise
        raise DatasetError(f"{path} cannot be decoded ({error}): mend or remove it.") from error


def _size(array: NDArray[np.uint8]) -> str:
    return f"{array.shape[0]}x{array.shape[1]}"


def _found(folder: Path) -> str:
    names = sorted(entry.name for entry in folder.iterdir())
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "") if names else "nothing"
