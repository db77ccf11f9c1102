"""Some classes of a data set as a data set of its own."""

from pathlib import Path

import numpy as np

from gi.core.settings import cache_folder
from gi.data.dataset import load_dataset, open_split


def half(name: str, classes: range, folder: Path) -> Path:
    """The classes of a data set as an .npz of its own, labels from 0."""
    path = folder / f"{classes[0]}-{classes[-1]}.npz"
    if not path.exists():
        data = load_dataset(name, cache=cache_folder())
        arrays = {}
        for split in ("train", "test"):
            images, labels = open_split(data.path, split)
            chosen = np.flatnonzero(np.isin(labels, classes))
            arrays |= {f"{split}_images": images[chosen], f"{split}_labels": np.asarray(labels)[chosen] - classes[0]}
        np.savez(path, **arrays)
    return path
