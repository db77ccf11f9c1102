"""An image folder, train/CLASS/*.png (jpg, bmp, ...) in any usual layout, to arrays."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gi.core.errors import DatasetError
from gi.core.settings import default_workers
from gi.data.readers.class_folders import ClassFolders
from gi.data.readers.image_file import read_image, with_image
from gi.data.splits import LARGEST_SIDE, RawSet, Samples, too_large

T = TypeVar("T")
Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _ImageHeader:
    """What a file says of itself before it is decoded: pixels, 16 bits a value, more than one frame."""

    height: int
    width: int
    is_deep: bool
    is_animated: bool


def read_folder(folder: Path, contents: ClassFolders, size: Size | None = None) -> RawSet:
    """The images of a folder, decoded: grey where all are grey, else colour.

    They are brought to `size` (height, width) if given. Every file of `contents` must decode. Raises `DatasetError` for
    an image that cannot be read and, without a `size`, for images of different sizes or over the largest side; the
    latter are seen before anything is decoded.
    """
    names = tuple(contents.parts["train"])
    rows = [
        # Labels count the training classes, so that a test part which lacks a class does not shift the others.
        (part, names.index(name), path)
        for part, classes in contents.parts.items()
        for name, paths in classes.items()
        for path in paths
    ]
    files = [path for _, _, path in rows]
    remarks = _remarks(folder, files, _headers(files, size))
    images = _decode(files, size)
    labels = np.array([label for _, label, _ in rows], np.int64)
    sample_names = np.array([path.relative_to(folder).as_posix() for path in files], dtype=object)
    parts: dict[str, Samples] = {}
    for part in contents.parts:
        chosen = np.array([each == part for each, _, _ in rows])
        parts[part] = Samples(images[chosen], labels[chosen], sample_names[chosen])
    return RawSet(
        parts["train"],
        parts.get("test"),
        parts.get("validation"),
        class_names=names,
        places={part: contents.places[part] for part in contents.parts},
        passed_over=contents.passed_over,
        remarks=(*_empty_parts(contents), *remarks),
    )


def _headers(files: Sequence[Path], size: Size | None) -> list[_ImageHeader]:
    """The files' headers. Raises `DatasetError` for one that cannot be read, and for images over the largest side."""
    headers = _each(_header, files)
    for path, header in zip(files, headers, strict=True):
        if size is None and max(header.height, header.width) > LARGEST_SIDE:
            raise DatasetError(too_large(f"{path} is {header.height}x{header.width} (height x width)"))
    return headers


def _header(path: Path) -> _ImageHeader:
    return with_image(path, _header_of)


def _header_of(image: Image.Image) -> _ImageHeader:
    tiles = getattr(image, "tile", ())
    layout = str(tiles[0].args) if tiles else ""  # "RGB;16B", which Pillow reads as 8 bits
    is_animated = image.format != "MPO" and getattr(image, "n_frames", 1) > 1  # a phone's MPO has its depth as another
    return _ImageHeader(image.height, image.width, ";16" in layout, is_animated)


def _decode(files: Sequence[Path], size: Size | None) -> NDArray[np.uint8]:
    """The (n, c, h, w) images of the files; c is 1 where all are grey, else 3."""
    arrays = _each(partial(_pixels, size=size), files)
    for path, array in zip(files, arrays, strict=True):
        if array.shape[:2] != arrays[0].shape[:2]:
            raise DatasetError(
                f"{path} is {_size(array)} and {files[0].name} is {_size(arrays[0])} (height x width): "
                "all images must have one size, --image-size 32 brings all of them to 32x32."
            )
    if any(array.ndim == 3 for array in arrays):  # one picture in colour makes all of them so
        colour = [array if array.ndim == 3 else np.repeat(array[..., None], 3, axis=2) for array in arrays]
        return np.ascontiguousarray(np.stack(colour).transpose(0, 3, 1, 2))
    return np.stack(arrays)[:, None]


def _pixels(path: Path, size: Size | None) -> NDArray[np.uint8]:
    """(h, w) of a grey file, (h, w, 3) of any other."""
    return np.asarray(read_image(path, size))


def _each(read: Callable[[Path], T], files: Sequence[Path]) -> list[T]:
    """What `read` gives for every file, in order; its `ValueError` becomes a `DatasetError`."""
    with warnings.catch_warnings(), ThreadPoolExecutor(default_workers()) as pool:
        warnings.simplefilter("ignore")  # Pillow warns of palettes and tags that it reads all the same
        try:
            return list(pool.map(read, files))  # Pillow decodes without the interpreter's lock
        except ValueError as error:
            pool.shutdown(cancel_futures=True)
            raise DatasetError(str(error)) from None


def _remarks(folder: Path, files: Sequence[Path], headers: Sequence[_ImageHeader]) -> Iterator[str]:
    kinds: Mapping[str, list[Path]] = {
        "16 bits a value, of which the upper 8 are read": [p for p, h in zip(files, headers, strict=True) if h.is_deep],
        "several frames, of which the first is read": [p for p, h in zip(files, headers, strict=True) if h.is_animated],
    }
    for what, those in kinds.items():
        if those:
            example = those[0].relative_to(folder).as_posix()
            yield f"{len(those)} of {len(files)} images have {what}, e.g. {example}"


def _empty_parts(contents: ClassFolders) -> Iterator[str]:
    for part, place in contents.places.items():
        if part not in contents.parts:
            yield f"{place} holds no images: {part} images are set apart from the training images"


def _size(array: NDArray[np.uint8]) -> str:
    return f"{array.shape[0]}x{array.shape[1]}"
