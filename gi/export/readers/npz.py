"""Images in a NumPy .npz file, read without NumPy."""

import ast
import math
import pathlib
import struct
import zipfile
import zlib

import torch

from gi.export.readers.picture import read_picture as read_picture
from gi.export.readers.refusal import refusal

DATA_NAME = "data.npz"
KEYS = {"train": ("train_images", "train_labels"), "test": ("test_images", "test_labels")}
CLASSES: tuple[str, ...] = ()  # in the order of the network's outputs
INPUT_SHAPE = (1, 28, 28)
TYPES: dict[str, torch.dtype] = {
    "b1": torch.bool,
    "u1": torch.uint8,
    "i1": torch.int8,
    "i2": torch.int16,
    "i4": torch.int32,
    "i8": torch.int64,
    "u2": torch.int32,
    "u4": torch.int64,
    "u8": torch.int64,
    "f2": torch.float16,
    "f4": torch.float32,
    "f8": torch.float64,
}
PROBLEMS = (OSError, ValueError, LookupError, TypeError, SyntaxError, RuntimeError, EOFError, MemoryError)


def read_split(folder: str, split: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Read the images (n, channels, height, width), bytes, and the labels (n,) of the split "train" or "test"."""
    path = pathlib.Path(folder)
    path = path / DATA_NAME if path.is_dir() else path
    if not path.is_file():
        raise refusal(f"{path} does not exist: pass the folder of {DATA_NAME}.")
    try:
        images, labels = (read_array(path, key) for key in KEYS[split])
        return fitting(path, as_bytes(images), labels)
    except (*PROBLEMS, zipfile.BadZipFile, zlib.error, struct.error) as problem:
        raise refusal(f"{path} cannot be read: {' '.join(str(problem).split())[:200]}") from None


def read_array(path: pathlib.Path, name: str) -> torch.Tensor:
    """Read an array of numbers in any type, byte order and memory order."""
    with zipfile.ZipFile(path) as arrays:
        if f"{name}.npy" not in arrays.namelist():
            raise refusal(f"{path} holds no array {name}: pass the file that the network was evolved on.")
        data = bytearray(arrays.read(f"{name}.npy"))
    start, layout = (10, "<H") if data[6] == 1 else (12, "<I")
    end = start + struct.unpack_from(layout, data, 8)[0]
    header = ast.literal_eval(data[start:end].decode("latin1"))
    descr, shape = header["descr"], header["shape"]
    if not isinstance(descr, str) or descr[1:] not in TYPES:
        raise refusal(f"{path}: the array {name} has the type {descr}: save it as uint8 or float32.")
    values = numbers(data[end : end + math.prod(shape) * int(descr[2:])], descr)
    if header["fortran_order"]:
        return values.reshape(shape[::-1]).permute(*reversed(range(len(shape))))
    return values.reshape(shape)


def numbers(data: bytearray, descr: str) -> torch.Tensor:
    """Give the numbers (n,) that bytes of a NumPy type such as ">u2" stand for."""
    width, kind = int(descr[2:]), TYPES[descr[1:]]
    if not data:
        return torch.empty(0, dtype=kind)
    table = torch.frombuffer(data, dtype=torch.uint8).reshape(-1, width)
    table = table.flip(1) if descr[0] == ">" else table
    if descr[1] == "u" and width in (2, 4):  # unsigned numbers, padded with zeros to the signed type twice as wide
        table = torch.cat([table, torch.zeros_like(table)], dim=1)
    return table.contiguous().view(kind).flatten()


def as_bytes(images: torch.Tensor) -> torch.Tensor:
    """Give images of any layout as (n, channels, height, width), and real numbers from 0 to 1 in 256 steps."""
    if images.dim() == 3:
        images = images.unsqueeze(1)
    elif images.dim() == 4 and images.shape[3] in (1, 3) and images.shape[1] not in (1, 3):
        images = images.permute(0, 3, 1, 2)
    if images.dtype == torch.bool:
        return images.to(torch.uint8) * 255
    most = 1 if images.is_floating_point() else 255
    if images.numel() and not 0 <= images.min().item() <= images.max().item() <= most:  # NaN fails it, too
        raise ValueError(f"its images go beyond 0 to {most}.")
    return (images * 255).round().to(torch.uint8) if images.is_floating_point() else images.to(torch.uint8)


def fitting(path: pathlib.Path, images: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Give images and labels (n,) that fit the network. Raises `SystemExit` where they do not."""
    if images.shape[1:] != INPUT_SHAPE or not len(images):
        raise refusal(f"{path} holds images of shape {tuple(images.shape)}, the network takes (n, *{INPUT_SHAPE}).")
    if labels.is_floating_point() and not bool((labels == labels.round()).all()):
        raise refusal(f"{path} holds a label that is no whole number.")
    labels = labels.long().flatten()
    if len(labels) != len(images) or labels.min() < 0 or labels.max() >= len(CLASSES):
        raise refusal(f"{path} holds labels that do not fit its images, or are not below {len(CLASSES)}.")
    return images, labels
