"""Samples of a data set as small pictures, so that a run can be looked at without its data set."""

import io
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from gi.data.dataset import Dataset, open_split

LARGEST_SIDE = 64  # pixels: what a page shows of one, in at most 13 kB


def validation_pictures(dataset: Dataset, samples: Collection[int]) -> dict[int, bytes]:
    """The validation samples with these numbers as PNG, larger ones brought down; numbers that there are not left out.

    Raises `DatasetError` where the decoded data set cannot be read.
    """
    images, _ = open_split(dataset.path, "validation")
    return {sample: _png(images[sample]) for sample in samples if 0 <= sample < len(images)}


def _png(image: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    channels = len(image)
    pixels = image.transpose(1, 2, 0) if channels == 3 else image.mean(axis=0).astype(np.uint8)  # as Pillow has them
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    picture.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    written = io.BytesIO()
    picture.save(written, "PNG", optimize=True)
    return written.getvalue()
