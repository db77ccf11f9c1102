"""A split in memory, and batches of it."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gi.data.dataset import Dataset, SplitName, open_split
from gi.data.splits import stratified_order

_AHEAD = 1024  # samples that are made ready at once: 3 MB of MNIST, which a cache holds


class Batches:
    """One split in memory as uint8, normalised batch by batch.

    A whole set of floats would cost its conversion up front and four times the memory of every gather. With `count`
    only the first so many samples of the split's stratified order.
    """

    def __init__(self, dataset: Dataset, split: SplitName, device: str, *, count: int | None = None) -> None:
        images, labels = open_split(Path(dataset.path), split)
        if count is not None and count < len(labels):
            first = np.sort(stratified_order(labels)[:count])
            images, labels = images[first], labels[first]
        self.num_samples = len(labels)
        self.task = dataset.task
        self._images = mapped_tensor(images).to(device)
        self._labels = mapped_tensor(labels).to(device)
        self._normalise = normaliser(dataset.mean, dataset.std, device)

    @property
    def labels(self) -> Tensor:
        """The labels (n,) of all samples, on the CPU."""
        return self._labels.cpu()

    def each(
        self, order: Tensor, augmentation: Callable[[Tensor], Tensor] | None, layout: torch.memory_format
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """What `take` gives for each row of `order` in turn, images in the memory layout `layout`.

        Several rows are gathered at once: five calls of torch a step are a seventh of a small dense network's training.
        An augmentation gets row by row all the same, since it draws from the generator that the network's layers use.
        """
        size = order.shape[1]
        for rows in torch.split(order, 1 if augmentation is not None else max(1, _AHEAD // size)):
            if len(rows):
                images, labels = self.take(rows.flatten(), augmentation)
                images = images.contiguous(memory_format=layout)
                yield from zip(torch.split(images, size), torch.split(labels, size), strict=True)

    def take(
        self, chosen: Tensor | slice, augmentation: Callable[[Tensor], Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Normalised float32 images (n, c, h, w) and labels (n,) of the chosen samples.

        An augmentation gets the images before that, as float32 from 0 to 1.
        """
        images = self._images[chosen].to(torch.float32)
        if augmentation is not None:
            images = augmentation(images.div_(255)) * 255
        return self._normalise(images), self._labels[chosen]


def normaliser(mean: Sequence[float], std: Sequence[float], device: str) -> Callable[[Tensor], Tensor]:
    """A function that normalises float images (n, c, h, w) in place by the mean and deviation of each channel."""
    shape = (1, -1, 1, 1)
    means = torch.tensor(mean, dtype=torch.float32, device=device).view(shape)
    scales = torch.tensor(std, dtype=torch.float32, device=device).view(shape).reciprocal()
    return lambda images: images.sub_(means).mul_(scales)


def mapped_tensor(array: np.ndarray) -> Tensor:
    """The tensor that shares an array's memory, which may be read-only."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the map is read-only, and nothing here writes to it
        return torch.from_numpy(array)
