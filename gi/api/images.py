"""Converts a user's images to the form on which a run's networks were trained."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gi.core.errors import DatasetError
from gi.core.types import Task

if TYPE_CHECKING:
    from gi.data.dataset import Dataset

Pixels = NDArray[np.uint8]
#: Arrays (n, h, w), (n, h, w, c) or (n, c, h, w), uint8 or from 0 to 1; or one image file, or several.
ImageInput: TypeAlias = Any


@dataclass(frozen=True, slots=True)
class ImagePreparation:
    """The conversion of images to a network's inputs: its task, class names, and the statistics of its data.

    `mean` and `std` are those of the training pixels (0..255) by channel; `image_size` (height, width) is the size to
    which all images were scaled, if any.
    """

    task: Task
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    image_size: tuple[int, int] | None = None

    @classmethod
    def of(cls, dataset: "Dataset") -> "ImagePreparation":
        """The preparation of a data set."""
        return cls(dataset.task, dataset.class_names, dataset.mean, dataset.std, dataset.image_size)

    def pixels(self, images: ImageInput) -> Pixels:
        """The images as (n, c, h, w) uint8 of the task's shape.

        Files are read like a folder of images and scaled to the data set's size; arrays are scaled only if the run has
        an image size. Raises `DatasetError` for other than images, or for another shape.
        """
        from gi.data.readers.npz import as_images
        from gi.data.readers.scaling import at_size

        files = _files(images)
        if files:
            return np.stack([self._read(path) for path in files])
        array = at_size(as_images(np.asarray(images), "images"), self.image_size)
        if array.shape[1:] != self.task.input_shape:
            raise DatasetError(
                f"images are {_shape(array.shape[1:])}: the network takes {_shape(self.task.input_shape)}."
            )
        return array

    def normalised(self, pixels: Pixels) -> NDArray[np.float32]:
        """The pixels (n, c, h, w) as float32, less the mean and divided by the deviation of their channel."""
        mean, std = (np.array(values, np.float32).reshape(1, -1, 1, 1) for values in (self.mean, self.std))
        # Multiplied by the reciprocal, as in training, for bitwise equal results.
        result: NDArray[np.float32] = (pixels.astype(np.float32) - mean) * (np.float32(1) / std)
        return result

    def _read(self, path: Path) -> Pixels:
        from gi.data.readers.image_file import read_image, require_regular

        channels, height, width = self.task.input_shape
        try:
            # Opening a pipe would wait for ever.
            require_regular(path)
            picture = read_image(path, (height, width)).convert("L" if channels == 1 else "RGB")
        except ValueError as error:
            raise DatasetError(str(error)) from None
        array = np.asarray(picture)
        return array[None] if channels == 1 else array.transpose(2, 0, 1)


def _files(images: ImageInput) -> list[Path]:
    """The given image files; [] for arrays."""
    if isinstance(images, str | os.PathLike):
        return [Path(images)]
    if isinstance(images, Iterable) and not hasattr(images, "shape"):
        given = list(images)
        if given and all(isinstance(each, str | os.PathLike) for each in given):
            return [Path(each) for each in given]
    return []


def _shape(shape: tuple[int, ...]) -> str:
    channels, height, width = shape
    return f"{height}x{width} in {channels} channel{'s' if channels > 1 else ''}"
