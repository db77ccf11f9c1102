"""Facts on the data set for an exported file, and the data file that it may need beside it."""

import zipfile
from pathlib import Path
from typing import BinaryIO

from gi.core.files import write_whole
from gi.data.dataset import Dataset, SplitName, open_split
from gi.data.readers.named import NAMED
from gi.export.render import DataFacts

_PARTS: tuple[SplitName, ...] = ("train", "test")
_IDX = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "kmnist": "KMNIST"}


def data_facts(dataset: Dataset, given: str) -> DataFacts:
    """The facts for the exported file; `given` is what the user called the data set."""
    reader, settings, hint = _reader(dataset, Path(given).expanduser())
    return DataFacts(
        name=dataset.name,
        reader=reader,
        settings=settings,
        hint=hint,
        task=dataset.task,
        mean=dataset.mean,
        std=dataset.std,
        holdout=companion_name(dataset, given) is None and "validation" not in dataset.places,
    )


def companion_name(dataset: Dataset, given: str) -> str | None:
    """The file of the run's own splits that an exported program needs, None where the original files will do.

    They do where they have a test part and, if images are resized, where they are image files: the exported reader
    resizes only what Pillow decodes.
    """
    if "test" in dataset.places and (dataset.source_kind == "folder" or dataset.image_size is None):
        return None
    own_file = dataset.source_kind == "npz"  # a file of that name may lie in that very place: it is not written over
    return f"{Path(given).stem}-splits.npz" if own_file else f"{dataset.name}.npz"


def write_splits(dataset: Dataset, path: Path) -> None:
    """Writes the training and test parts as an .npz file that the exported reader reads; equal parts, equal bytes."""
    import numpy as np

    def content(file: BinaryIO) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as arrays:
            for split in _PARTS:
                for what, array in zip(("images", "labels"), open_split(dataset.path, split), strict=True):
                    # A `ZipInfo` of a name alone has a fixed date, on which equal bytes depend.
                    with arrays.open(zipfile.ZipInfo(f"{split}_{what}.npy"), "w", force_zip64=True) as member:
                        np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)

    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content)


def _reader(dataset: Dataset, given: Path) -> tuple[str, dict[str, object], str]:
    """The reader's module, its settings and what DIR must hold."""
    common: dict[str, object] = {"CLASSES": dataset.class_names, "INPUT_SHAPE": dataset.task.input_shape}
    companion = companion_name(dataset, str(given))
    if companion is not None:
        keys = {part: (f"{part}_images", f"{part}_labels") for part in _PARTS}
        return "npz", {**common, "DATA_NAME": companion, "KEYS": keys}, companion
    places = {part: dataset.places[part] for part in _PARTS}
    if dataset.source_kind == "npz":
        keys = {part: tuple(pair) for part, pair in places.items()}
        return "npz", {**common, "DATA_NAME": given.name, "KEYS": keys}, given.name
    if dataset.source_kind == "folder":
        settings = {**common, "PARTS": places, "IMAGE_SIZE": dataset.image_size}
        return "folder", settings, " and ".join(f"{place}/CLASS/*.png" for place in places.values())
    if dataset.name in _IDX:
        return "idx", {**common, "DATA_NAME": _IDX[dataset.name]}, f"the four IDX files of {_IDX[dataset.name]}"
    named = NAMED[dataset.name]
    splits = {"train": dict(named.train), "test": dict(named.test or {})}
    settings = {**common, "DATA_NAME": named.class_name, "SPLITS": splits}
    return "named", settings, f"the files of {named.class_name}, as torchvision keeps them"
