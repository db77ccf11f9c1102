"""Images in the IDX files of the MNIST family."""

import gzip
import pathlib
import struct

import torch

DATA_NAME = "MNIST"


def read_idx(folder: str, name: str) -> torch.Tensor:
    """Read an IDX file from `folder` or its raw/ folder, gzipped or not."""
    places = [pathlib.Path(folder, sub, name) for sub in ("", "raw", DATA_NAME, f"{DATA_NAME}/raw")]
    found = [p for place in places for p in (place, place.with_name(name + ".gz")) if p.is_file()]
    if not found:
        raise SystemExit(f"{folder} holds no {name}: pass the folder with the four IDX files of {DATA_NAME}.")
    packed = found[0].read_bytes()
    data = bytearray(gzip.decompress(packed) if found[0].suffix == ".gz" else packed)
    shape = struct.unpack_from(f">{data[3]}I", data, 4)
    return torch.frombuffer(data, dtype=torch.uint8, offset=4 + 4 * len(shape)).reshape(shape)


def read_split(folder: str, split: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Read the images (n, 1, height, width), bytes, and the labels (n,) of the split "train" or "test"."""
    prefix = {"train": "train", "test": "t10k"}[split]
    images = read_idx(folder, f"{prefix}-images-idx3-ubyte").unsqueeze(1)
    return images, read_idx(folder, f"{prefix}-labels-idx1-ubyte").long()
