"""Images in a NumPy .npz file, read without NumPy."""

import ast
import pathlib
import struct
import zipfile

import torch

DATA_NAME = "data.npz"
DTYPES = {
    "|b1": torch.bool,
    "|u1": torch.uint8,
    "|i1": torch.int8,
    "<i2": torch.int16,
    "<i4": torch.int32,
    "<i8": torch.int64,
    "<f4": torch.float32,
    "<f8": torch.float64,
}


def read_array(path: pathlib.Path, *names: str) -> torch.Tensor:
    """Read the first of these arrays that the file has."""
    with zipfile.ZipFile(path) as arrays:
        found = [f"{name}.npy" for name in names if f"{name}.npy" in arrays.namelist()]
        if not found:
            raise SystemExit(f"{path} holds no array {names[0]}: pass the file that the network was evolved on.")
        data = bytearray(arrays.read(found[0]))
    start, layout = (10, "<H") if data[6] == 1 else (12, "<I")
    end = start + struct.unpack_from(layout, data, 8)[0]
    header = ast.literal_eval(data[start:end].decode("latin1"))
    if header["fortran_order"] or header["descr"] not in DTYPES:
        raise SystemExit(f"{path}: the array {found[0]} is laid out in a way that this reader does not know.")
    return torch.frombuffer(data, dtype=DTYPES[header["descr"]], offset=end).reshape(header["shape"])


def read_split(folder: str, split: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Read the images (n, channels, height, width), 0..255, and the labels (n,) of the split "train" or "test"."""
    path = pathlib.Path(folder)
    path = path / DATA_NAME if path.is_dir() else path
    if not path.is_file():
        raise SystemExit(f"{path} does not exist: pass the folder of {DATA_NAME}.")
    images = read_array(path, f"{split}_images", f"x_{split}")
    labels = read_array(path, f"{split}_labels", f"y_{split}")
    if images.dim() == 3:
        images = images.unsqueeze(1)
    elif images.shape[1] not in (1, 3):
        images = images.permute(0, 3, 1, 2)
    if images.is_floating_point():
        images = (images * 255).round()
    return images, labels.long().flatten()
