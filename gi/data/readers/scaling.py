"""Brings images that lie in an array to another size, by the same filter as image files."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gi.data.readers.image_file import scaled


def at_size(images: NDArray[np.uint8], size: tuple[int, int] | None) -> NDArray[np.uint8]:
    """(n, c, h, w) images at `size` (height, width), antialiased; as they are without one."""
    if size is None or images.shape[2:] == size:
        return images
    result = np.empty((*images.shape[:2], *size), np.uint8)
    for number, image in enumerate(images):
        # Plane by plane, for any number of channels: Pillow's filter treats the bands of a colour image separately too.
        for channel, plane in enumerate(image):
            result[number, channel] = np.asarray(scaled(Image.fromarray(plane), size))
    return result
