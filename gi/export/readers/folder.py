"""Images in folders, one for each class."""

import pathlib
import warnings
from typing import TYPE_CHECKING

import torch

from gi.data.readers.image_file import class_folders, image_files, read_image
from gi.export.readers.refusal import refusal

if TYPE_CHECKING:
    from PIL import Image

PARTS = {"train": "train", "test": "test"}  # the folders of the parts below DIR
CLASSES: tuple[str, ...] = ()  # in the order of the network's outputs
INPUT_SHAPE = (3, 32, 32)
IMAGE_SIZE: tuple[int, int] | None = None  # (height, width) that images are brought to


def read_split(folder: str, split: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Read the images (n, channels, height, width), bytes, and the labels (n,) of the split "train" or "test"."""
    part = pathlib.Path(folder, PARTS[split])
    if not part.is_dir():
        raise refusal(f"{folder} has no folder {PARTS[split]}: expected {PARTS[split]}/CLASS/*.png.")
    try:
        files = [(path, name) for name, place in class_folders(part).items() for path in image_files(place)]
        unknown = next((name for _, name in files if name not in CLASSES), None)
        if unknown is not None or not files:
            what = "no images" if unknown is None else f"the class {unknown!r}"
            raise ValueError(f"{part} holds {what}: the network's classes are {', '.join(map(repr, CLASSES))}.")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of palettes and tags that it reads all the same
            images = torch.stack([read_pixels(path) for path, _ in files])
    except (ValueError, OSError) as problem:
        raise refusal(problem) from None
    return images, torch.tensor([CLASSES.index(name) for _, name in files])


def read_pixels(path: pathlib.Path) -> torch.Tensor:
    """Read one image as (channels, height, width), bytes. Raises `ValueError` where it does not fit the network."""
    channels, height, width = INPUT_SHAPE
    image = read_image(path, IMAGE_SIZE)
    if (image.height, image.width) != (height, width):
        raise ValueError(f"{path} is {image.height}x{image.width}, the network takes {height}x{width}: resize it.")
    if channels == 1 and image.mode != "L":
        raise ValueError(f"{path} is in colour, the network takes grey images: convert it.")
    return pixels_of(image, INPUT_SHAPE)


def pixels_of(image: "Image.Image", shape: tuple[int, int, int]) -> torch.Tensor:
    """Give an image of this size as bytes of `shape` (channels, height, width), in its colours."""
    channels, height, width = shape
    image = image.convert("L" if channels == 1 else "RGB")
    pixels = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    return pixels.reshape(height, width, channels).permute(2, 0, 1)


def read_picture(path: str, shape: tuple[int, int, int]) -> torch.Tensor:
    """Read an image file as bytes of `shape` (channels, height, width): in its colours, brought to its size."""
    try:
        return pixels_of(read_image(pathlib.Path(path), shape[1:]), shape)
    except (ValueError, OSError) as problem:
        raise refusal(problem) from None
