"""Images in the IDX files of the MNIST family."""

import gzip
import pathlib
import struct
import zlib

import torch

from gi.export.readers.picture import read_picture as read_picture
from gi.export.readers.refusal import refusal

DATA_NAME = "MNIST"
CLASSES: tuple[str, ...] = ()  # in the order of the network's outputs
INPUT_SHAPE = (1, 28, 28)


def read_idx(folder: str, name: str) -> torch.Tensor:
    """Read an IDX file from `folder` or its raw/ folder, gzipped or not."""
    places = [pathlib.Path(folder, sub, name) for sub in ("", "raw", DATA_NAME, f"{DATA_NAME}/raw")]
    files = [p for place in places for p in (place, place.with_name(name + ".gz")) if p.is_file()]
    if not files:
        raise refusal(f"{folder} holds no {name}: pass the folder with the four IDX files of {DATA_NAME}.")
    try:
        packed = files[0].read_bytes()
        data = bytearray(gzip.decompress(packed) if files[0].suffix == ".gz" else packed)
        shape = struct.unpack_from(f">{data[3]}I", data, 4)
        return torch.frombuffer(data, dtype=torch.uint8, offset=4 + 4 * len(shape)).reshape(shape)
    except (OSError, EOFError, ValueError, LookupError, RuntimeError, struct.error, zlib.error) as problem:
        raise refusal(f"{files[0]} is no IDX file, or cut short: {str(problem).splitlines()[0]}.") from None


def read_split(folder: str, split: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Read the images (n, 1, height, width), bytes, and the labels (n,) of the split "train" or "test"."""
    prefix = {"train": "train", "test": "t10k"}[split]
    images = read_idx(folder, f"{prefix}-images-idx3-ubyte").unsqueeze(1)
    labels = read_idx(folder, f"{prefix}-labels-idx1-ubyte").long()
    if images.shape[1:] != INPUT_SHAPE or labels.shape != images.shape[:1] or labels.max() >= len(CLASSES):
        shapes = f"{tuple(images.shape)} and labels of shape {tuple(labels.shape)}"
        raise refusal(f"{folder} holds images of shape {shapes}: these are not the files of {DATA_NAME}.")
    return images, labels
