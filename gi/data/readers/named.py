"""Data sets by name: scikit-learn's digits, which need no network, and torchvision's sets of images up to 64x64."""

import os
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from gi.core.compat import allow_torchvision
from gi.core.errors import DatasetError
from gi.core.settings import cache_folder
from gi.data.readers.npz import as_images, as_labels
from gi.data.readers.scaling import at_size
from gi.data.splits import RawSet, Samples, numbered

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class NamedSet:
    """A class of `torchvision.datasets`, how to ask it for its parts, and the files that it keeps below its root."""

    class_name: str
    files: tuple[str, ...]
    train: Mapping[str, Any] = field(default_factory=lambda: {"train": True})
    test: Mapping[str, Any] | None = field(default_factory=lambda: {"train": False})


NAMED: Mapping[str, NamedSet] = {
    "mnist": NamedSet("MNIST", ("MNIST/raw",)),
    "fashion-mnist": NamedSet("FashionMNIST", ("FashionMNIST/raw",)),
    "kmnist": NamedSet("KMNIST", ("KMNIST/raw",)),
    "qmnist": NamedSet("QMNIST", ("QMNIST/raw",)),
    "emnist": NamedSet(
        "EMNIST",
        ("EMNIST/raw",),
        {"split": "balanced", "train": True},
        {"split": "balanced", "train": False},
    ),
    "cifar10": NamedSet("CIFAR10", ("cifar-10-batches-py",)),
    "cifar100": NamedSet("CIFAR100", ("cifar-100-python",)),
    "svhn": NamedSet("SVHN", ("train_32x32.mat", "test_32x32.mat"), {"split": "train"}, {"split": "test"}),
    "usps": NamedSet("USPS", ("usps.bz2", "usps.t.bz2")),
    "semeion": NamedSet("SEMEION", ("semeion.data",), {}, None),
}
KNOWN = ("digits", *NAMED)

# What torchvision's readers raise for files that are missing, cut short or not theirs, and where no network is.
_READ_ERRORS = (OSError, RuntimeError, ValueError, KeyError, IndexError, EOFError, AssertionError, pickle.PickleError)


def read_digits(size: Size | None = None) -> RawSet:
    """scikit-learn's 1,797 digits of 8x8, whose 17 grey levels are spread over 0..255; they have no test part.

    They are brought to `size` (height, width) if given.
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = np.round(bunch.images * (255.0 / 16.0)).astype(np.uint8)
    names = numbered("image", len(images))
    return RawSet(Samples(at_size(images[:, None], size), bunch.target.astype(np.int64), names), None)


def read_named(name: str, root: Path, size: Size | None = None) -> RawSet:
    """A set of torchvision, read below `root`; downloaded only where it is missing. Raises `DatasetError`.

    Its images are brought to `size` (height, width) if given.
    """
    try:
        # Not with `download=True` at once: torchvision then writes below the root, which may be for reading only.
        return _read(name, root, size, download=False)
    except _READ_ERRORS as missing:
        target = root if _writable(root) else cache_folder() / "data"
        try:
            target.mkdir(parents=True, exist_ok=True)
            return _read(name, target, size, download=True)
        except _READ_ERRORS as error:
            raise DatasetError(
                f"the data set {name} cannot be read below {root} ({_first_line(missing)}) nor downloaded to {target} "
                f"({_first_line(error)}): put it there, or name its folder with --data-root or $GI_DATA."
            ) from error


def _read(name: str, root: Path, size: Size | None, *, download: bool) -> RawSet:
    allow_torchvision()
    from torchvision import datasets

    named = NAMED[name]
    make = getattr(datasets, named.class_name)
    train = make(root=str(root), download=download, **named.train)
    test = None if named.test is None else make(root=str(root), download=download, **named.test)
    classes = tuple(str(each) for each in getattr(train, "classes", ()))  # SVHN, USPS and SEMEION name none
    return RawSet(
        _samples(train, name, "training image", size),
        None if test is None else _samples(test, name, "test image", size),
        class_names=classes,
        places={"train": "train"} | ({} if test is None else {"test": "test"}),
    )


def _samples(part: Any, name: str, what: str, size: Size | None) -> Samples:
    """torchvision's sets keep their arrays as `data` and `targets` or `labels`, in tensors, arrays or lists."""
    images = np.asarray(part.data)
    labels = np.asarray(part.targets if hasattr(part, "targets") else part.labels)
    if labels.ndim == 2:  # QMNIST's extended labels: the digit comes first
        labels = labels[:, 0]
    return Samples(at_size(as_images(images, name), size), as_labels(labels, name), numbered(what, len(labels)))


def _writable(root: Path) -> bool:
    """Whether files may be put there; a folder without any write permission is left alone even by the superuser."""
    return not root.exists() or (bool(root.stat().st_mode & 0o222) and os.access(root, os.W_OK))


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:120].rstrip(".")
