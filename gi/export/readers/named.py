"""Images of a data set that torchvision reads from its own files."""

from typing import Any

import torch
from torchvision import datasets

DATA_NAME = "CIFAR10"
SPLITS: dict[str, dict[str, Any]] = {"train": {"train": True}, "test": {"train": False}}


def read_split(folder: str, split: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Read the images (n, channels, height, width), bytes, and the labels (n,) of the split "train" or "test"."""
    try:
        part = getattr(datasets, DATA_NAME)(folder, **SPLITS[split])
    except (RuntimeError, OSError) as problem:
        raise SystemExit(f"{folder} does not hold the files of {DATA_NAME}: {problem}") from None
    images, labels = (
        torch.as_tensor(part.data),
        torch.as_tensor(part.targets if hasattr(part, "targets") else part.labels),
    )
    if images.dim() == 3:
        images = images.unsqueeze(1)
    elif images.shape[1] not in (1, 3):
        images = images.permute(0, 3, 1, 2)
    return images, labels.long()
