"""Images of a data set that torchvision reads from its own files."""

import pickle
from typing import Any

import torch

from gi.export.readers.picture import read_picture as read_picture
from gi.export.readers.refusal import refusal

DATA_NAME = "CIFAR10"
SPLITS: dict[str, dict[str, Any]] = {"train": {"train": True}, "test": {"train": False}}
CLASSES: tuple[str, ...] = ()  # in the order of the network's outputs
INPUT_SHAPE = (3, 32, 32)
# What torchvision's readers raise for files that are missing, cut short or not theirs.
PROBLEMS = (RuntimeError, OSError, ValueError, LookupError, EOFError, AssertionError, pickle.PickleError)


def read_split(folder: str, split: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Read the images (n, channels, height, width), bytes, and the labels (n,) of the split "train" or "test"."""
    from torchvision import datasets  # here, so that nothing else of the file needs it

    try:
        part = getattr(datasets, DATA_NAME)(folder, **SPLITS[split])
    except PROBLEMS as problem:
        said = " ".join(str(problem).split())
        raise refusal(f"{folder} does not hold the files of {DATA_NAME}: {said}") from None
    images = torch.as_tensor(part.data)
    labels = torch.as_tensor(part.targets if hasattr(part, "targets") else part.labels)
    if images.dim() == 3:
        images = images.unsqueeze(1)
    elif images.shape[1] not in (1, 3):
        images = images.permute(0, 3, 1, 2)
    if labels.dim() == 2:  # QMNIST's extended labels: the digit comes first
        labels = labels[:, 0]
    if images.shape[1:] != INPUT_SHAPE or labels.max() >= len(CLASSES):
        raise refusal(f"{folder} holds images of shape {tuple(images.shape)}: this is not {DATA_NAME}.")
    return images, labels.long()
