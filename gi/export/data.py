"""What an exported file must know of its data set, and the data that it needs beside it."""

import zipfile
from pathlib import Path

from gi.core.settings import RunConfig, cache_folder
from gi.data.dataset import Dataset, load_dataset, open_split
from gi.data.readers.named import NAMED
from gi.export.render import DataFacts

_IDX = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "kmnist": "KMNIST"}


def run_dataset(config: RunConfig) -> Dataset:
    """The run's data set, decoded unless it is already. Raises `DatasetError` where it is gone."""
    return load_dataset(config.dataset, data_root=config.data_root, cache=cache_folder())


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
    )


def companion_name(dataset: Dataset, given: str) -> str | None:
    """The file of the run's own splits that an exported program needs, None where the original files will do."""
    facts = data_facts(dataset, given)
    return str(facts.settings["DATA_NAME"]) if facts.reader == "npz" and not Path(given).is_file() else None


def write_splits(dataset: Dataset, path: Path) -> None:
    """Writes the training and test parts as an .npz file that the exported reader reads; equal parts, equal bytes."""
    import numpy as np

    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as file:
        for split in ("train", "test"):
            for what, array in zip(("images", "labels"), open_split(dataset.path, split), strict=True):
                with file.open(zipfile.ZipInfo(f"{split}_{what}.npy"), "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
    part.replace(path)


def _reader(dataset: Dataset, given: Path) -> tuple[str, dict[str, object], str]:
    """The reader's module, its settings and what DIR must hold."""
    if dataset.name in _IDX and dataset.source_kind == "torchvision":
        return "idx", {"DATA_NAME": _IDX[dataset.name]}, f"the four IDX files of {_IDX[dataset.name]}"
    if dataset.source_kind == "torchvision" and (test := NAMED[dataset.name].test) is not None:
        named = NAMED[dataset.name]
        settings: dict[str, object] = {
            "DATA_NAME": named.class_name,
            "SPLITS": {"train": dict(named.train), "test": dict(test)},
        }
        return "named", settings, f"the files of {named.class_name}, as torchvision keeps them"
    if dataset.source_kind == "folder" and (given / "test").is_dir():
        return "folder", {"CHANNELS": dataset.task.input_shape[0]}, "train/CLASS/*.png and test/CLASS/*.png"
    name = given.name if dataset.source_kind == "npz" else f"{dataset.name}.npz"
    return "npz", {"DATA_NAME": name}, f"{name}"
