"""Images in folders, train/CLASS/*.png and test/CLASS/*.png."""

import pathlib

import torch
from torchvision.datasets import ImageFolder
from torchvision.transforms.functional import pil_to_tensor

CHANNELS = 3


def read_split(folder: str, split: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Read the images (n, channels, height, width), bytes, and the labels (n,) of the split "train" or "test"."""
    if not pathlib.Path(folder, split).is_dir():
        raise SystemExit(f"{folder} has no folder {split}: expected train/CLASS/*.png and test/CLASS/*.png.")
    pairs = [(pil_to_tensor(image)[:CHANNELS], label) for image, label in ImageFolder(f"{folder}/{split}")]
    return torch.stack([image for image, _ in pairs]), torch.tensor([label for _, label in pairs])
