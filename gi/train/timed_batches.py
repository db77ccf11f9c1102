"""The batches that a network is timed on: those that it is scored on, drawn so that no program can tell which they are.

A program may know that it is timed, and answer quickly and wrongly, or with what it kept. So each batch is shown once
to the process that is timed, and again to the one that is scored, among all others and in an order that is drawn anew.
There it must have the same outputs, and there these decide about the error.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from gi.data.dataset import SplitName
from gi.train.metrics import Outputs
from gi.train.shown_images import Pixels

Rows = NDArray[np.intp]
Item = TypeVar("Item")
FEWEST_WINDOWS = 15
_TO_BEGIN_WITH = 3  # batches: the first calls choose kernels, and tell how many fill a window


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Samples of a split by their rows; `filling` are rows of training samples that make it as long as all others.

    With `noise`, the seed of it, the last bit of each pixel is drawn at random: the program has not seen these images.
    """

    split: SplitName
    rows: Rows
    filling: Rows
    noise: int | None = None


Window = tuple[Batch, ...]
"""Batches that are shown at once."""


class TimedBatches:
    """The scored splits of a data set in batches of `size`, the first of them to be timed on.

    `pixels` holds the training samples under "train", which help out where there are too few others, and the splits
    that are scored in their order.
    """

    def __init__(self, pixels: Mapping[SplitName, Pixels], size: int) -> None:
        self._pixels, self.size = pixels, size
        # Nothing that a program knows of its job may tell it the order.
        self._rng = np.random.default_rng()
        first, *others = (split for split in pixels if split != "train")
        in_order = list(self._of_split(first))
        self._scored = [*in_order, *(batch for split in others for batch in self._of_split(split))]
        full = [batch for batch in in_order if not len(batch.filling)]
        self._left = self._shuffled([*full, *self._of_training(FEWEST_WINDOWS + _TO_BEGIN_WITH - len(full))])
        self._drawn: set[Batch] = set()

    @property
    def most_at_once(self) -> int:
        """The largest number of batches for each further window that leaves enough windows."""
        return len(self._left) // FEWEST_WINDOWS

    def draw(self, count: int) -> Window:
        """So many batches that were not drawn before; none where fewer are left."""
        if count > len(self._left):
            return ()
        window = tuple(self._left[:count])
        del self._left[:count]
        self._drawn |= set(window)
        return window

    def scored_windows(self, timed: Sequence[Window], count: int) -> list[Window]:
        """The timed windows and all other batches that are scored, `count` at a time, in an order of their own."""
        others = [batch for batch in self._scored if batch not in self._drawn]
        windows = (tuple(others[start : start + count]) for start in range(0, len(others), count))
        return self._shuffled([*timed, *windows])

    def places(self, classes: int) -> dict[SplitName, Outputs]:
        """Room for the outputs (n, classes) of each split that is scored."""
        return {split: np.zeros((len(part), classes)) for split, part in self._pixels.items() if split != "train"}

    def pixels(self, window: Window) -> Pixels:
        """The pixels of a window, (n, c, h, w) uint8."""
        return np.concatenate([self._of_batch(batch) for batch in window])

    def _shuffled(self, items: Sequence[Item]) -> list[Item]:
        return [items[n] for n in self._rng.permutation(len(items))]

    def _of_batch(self, batch: Batch) -> Pixels:
        shown = np.concatenate([self._pixels[batch.split][batch.rows], self._pixels["train"][batch.filling]])
        if batch.noise is None:
            return shown
        shown ^= np.random.default_rng(batch.noise).integers(0, 2, shown.shape, np.uint8)
        return shown

    def _of_split(self, split: SplitName) -> Iterator[Batch]:
        count, training = len(self._pixels[split]), len(self._pixels["train"])
        for start in range(0, count, self.size):
            rows = np.arange(start, min(start + self.size, count))
            yield Batch(split, rows, np.arange(self.size - len(rows)) % training)

    def _of_training(self, number: int) -> Iterator[Batch]:
        """Batches of training samples in a random order that no program knows; once all were shown, with noise."""
        count = len(self._pixels["train"])
        order = self._rng.permutation(count) if number > 0 else np.arange(0)
        for k in range(number):
            rows = order[np.arange(k * self.size, (k + 1) * self.size) % count]
            seen = (k + 1) * self.size > count
            yield Batch("train", rows, order[:0], int(self._rng.integers(1 << 63)) if seen else None)
