"""Weights in a .safetensors file, read with torch alone. Exported files hold the text of this module."""

import json
import pathlib

import torch

DTYPES = {
    "BOOL": torch.bool,
    "U8": torch.uint8,
    "I8": torch.int8,
    "I16": torch.int16,
    "I32": torch.int32,
    "I64": torch.int64,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F32": torch.float32,
    "F64": torch.float64,
}


def read_weights(path: str) -> dict[str, torch.Tensor]:
    """Read the tensors of a .safetensors file by name.

    Raises `OSError`, `LookupError`, `RuntimeError`, `TypeError` or `ValueError` for another file.
    """
    data = bytearray(pathlib.Path(path).read_bytes())
    start = 8 + int.from_bytes(data[:8], "little")
    entries = json.loads(data[8:start])
    entries.pop("__metadata__", None)
    return {name: tensor_at(data, start, **entry) for name, entry in entries.items()}


def tensor_at(data: bytearray, start: int, dtype: str, shape: list[int], data_offsets: tuple[int, int]) -> torch.Tensor:
    """Give a tensor whose bytes lie between two offsets, counted from `start`."""
    first, last = (start + offset for offset in data_offsets)
    if first == last:
        return torch.empty(shape, dtype=DTYPES[dtype])
    # Copied, since a tensor of eight-byte numbers may not begin at any byte.
    return torch.frombuffer(data[first:last], dtype=torch.uint8).view(DTYPES[dtype]).reshape(shape)
