"""Data sets by name, folder or file: decoded once into arrays on disk that every worker maps into its memory."""

import difflib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from gi.core.errors import DatasetError
from gi.core.quoting import shown
from gi.core.settings import RunConfig, cache_folder, data_folder
from gi.core.types import Task
from gi.data.checks import odd_samples
from gi.data.readers.class_folders import find_class_folders
from gi.data.readers.folder import read_folder
from gi.data.readers.named import KNOWN, NAMED, read_digits, read_named
from gi.data.readers.npz import read_npz
from gi.data.splits import LARGEST_SIDE, RawSet, Samples, Splits, split

FORMAT = 4  # of the decoded folder: part of its name, so that another version decodes again
SplitName = Literal["train", "validation", "test"]
_META = "dataset.json"
# In chunks: the whole set as float64 takes eight times its bytes.
_STATISTICS_CHUNK = 4096


@dataclass(frozen=True, slots=True)
class Dataset:
    """A decoded data set. `mean` and `std` are those of the training pixels (0..255) by channel.

    `path` is the folder of decoded arrays, whose name holds a digest of what it was made from; `source_kind` is
    "digits", "torchvision", "folder" or "npz". `image_size` (height, width) is what all images were brought to, if they
    were. `places` gives by part ("train", "validation", "test") where the source has it; a part that gi set apart is
    missing there. `passed_over` counts by kind the files that were not read; `remarks` are lines on what is odd.
    `digest` is equal for data sets whose three parts hold equal samples in equal order, wherever they come from.
    """

    name: str
    task: Task
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    num_train: int
    num_validation: int
    num_test: int
    path: Path
    source_kind: str
    image_size: tuple[int, int] | None = None
    places: Mapping[str, Any] = field(default_factory=dict)
    passed_over: Mapping[str, int] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    digest: str = ""


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a data set comes from: `identity` changes when its files do."""

    name: str
    kind: str
    identity: Callable[[], str]
    read: Callable[[], RawSet]
    image_size: tuple[int, int] | None


def run_dataset(config: RunConfig) -> Dataset:
    """The data set of a run's settings. Raises `DatasetError` where it is gone."""
    return load_dataset(config.dataset, data_root=config.data_root, image_size=config.image_size, cache=cache_folder())


def load_dataset(
    name_or_folder: str,
    *,
    data_root: str | None = None,
    image_size: tuple[int, int] | None = None,
    cache: Path,
) -> Dataset:
    """The data set of this name, image folder or .npz file, decoded into `cache` unless it is there already.

    `data_root` is where named sets lie (else $GI_DATA, else the cache folder). With `image_size` (height, width) each
    image is brought to that size, antialiased, whatever its proportions. Raises `DatasetError`.
    """
    if image_size is not None and not all(0 < side <= LARGEST_SIDE for side in image_size):
        height, width = image_size
        raise DatasetError(f"--image-size {height}x{width}: each side must be from 1 to {LARGEST_SIDE} pixels.")
    source = _find(name_or_folder, data_folder(data_root), image_size)
    stored = _stored_path(source, cache)
    if not (stored / _META).is_file():
        raw = source.read()
        splits = split(raw, name=source.name)
        # Looked up again: a download changes the identity of the files.
        stored = _stored_path(source, cache)
        _store(splits, raw, source, stored)
    return open_dataset(stored)


def open_dataset(path: Path) -> Dataset:
    """The data set in a decoded folder. Raises `DatasetError` where there is none."""
    try:
        record = json.loads((path / _META).read_text())
        shape, num_classes = tuple(record.pop("input_shape")), record.pop("num_classes")
        task = Task(shape, num_classes, _class_shares(path, num_classes))
        tuples = {key: tuple(value) for key, value in record.items() if isinstance(value, list)}
        return Dataset(**{**record, **tuples}, task=task, path=path)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"the decoded data set {path} cannot be read ({error}): delete that folder.") from error


def _class_shares(path: Path, num_classes: int) -> tuple[float, ...]:
    # Counted here and not stored: decoded folders of before do not have it.
    _, labels = open_split(path, "train")
    return tuple((np.bincount(labels, minlength=num_classes) / max(len(labels), 1)).tolist())


def open_split(path: Path, split_name: SplitName) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images (n, c, h, w) and labels (n,) of one part, mapped read-only. Raises `DatasetError`."""
    if split_name not in get_args(SplitName):
        raise DatasetError(f"unknown split {split_name!r}: choose from {', '.join(get_args(SplitName))}.")
    try:
        arrays = [np.load(path / f"{split_name}_{what}.npy", mmap_mode="r") for what in ("images", "labels")]
    except (OSError, ValueError) as error:
        raise DatasetError(f"the decoded data set {path} cannot be read ({error}): delete that folder.") from error
    return arrays[0], arrays[1]


def _find(name: str, root: Path, size: tuple[int, int] | None) -> _Source:
    if name == "digits":
        return _Source(name, "digits", lambda: "", partial(read_digits, size), size)  # a part of scikit-learn
    if name in NAMED:
        return _Source(
            name, "torchvision", lambda: _named_identity(name, root), partial(read_named, name, root, size), size
        )
    path = Path(name).expanduser()
    if any("\ud800" <= char <= "\udfff" for char in str(path.resolve())):  # no run file could keep it
        raise DatasetError(f"the path {shown(name)} is no UTF-8: rename it.")
    if path.is_dir():
        return _folder_source(path.resolve(), size)
    if path.is_file() and path.suffix == ".npz":
        return _Source(path.stem, "npz", lambda: _file_identity(path), partial(read_npz, path, size), size)
    if path.exists():
        raise DatasetError(f"{name} is neither a folder nor an .npz file: pass a data set's name or one of those.")
    close = difflib.get_close_matches(name.lower(), KNOWN, n=1, cutoff=0.5)
    hint = f" Did you mean {close[0]}?" if close else ""
    raise DatasetError(
        f"unknown data set {name!r}: it is no folder or .npz file either; the names known are {', '.join(KNOWN)}.{hint}"
    )


def _folder_source(folder: Path, size: tuple[int, int] | None) -> _Source:
    try:
        contents = find_class_folders(folder)
        identity = f"{folder}\0{contents.digest()}"
    except OSError as error:
        raise DatasetError(f"the data set {folder} cannot be read ({error}).") from error
    return _Source(folder.name, "folder", lambda: identity, partial(read_folder, folder, contents, size), size)


def _named_identity(name: str, root: Path) -> str:
    paths = [root / file for file in NAMED[name].files]
    files = [file for path in paths for file in (sorted(path.rglob("*")) if path.is_dir() else [path])]
    return "\n".join(_file_identity(file) for file in files if file.is_file())


def _file_identity(path: Path) -> str:
    stat = path.stat()
    # Size and date can be copied to another file that takes this one's place (`cp -p`, `mv`); then its number or the
    # time of its change, which no program can set, differs.
    return f"{path.resolve()}\0{stat.st_ino}\0{stat.st_size}\0{stat.st_mtime_ns}\0{stat.st_ctime_ns}"


def _stored_path(source: _Source, cache: Path) -> Path:
    try:
        key = f"{FORMAT}\n{source.kind}\n{source.name}\n{source.image_size}\n{source.identity()}"
    except OSError as error:
        raise DatasetError(f"the data set {source.name} cannot be read ({error}).") from error
    plain = "".join(c if c.isalnum() else "-" for c in source.name)
    return cache / "datasets" / f"{plain}-{hashlib.sha256(os.fsencode(key)).hexdigest()[:16]}"


def _store(splits: Splits, raw: RawSet, source: _Source, stored: Path) -> None:
    """Writes the arrays into a folder beside `stored` and renames it, so that what is there is always whole."""
    try:
        stored.parent.mkdir(parents=True, exist_ok=True)
        # Beside its place: a rename is one step only within a file system.
        draft = Path(tempfile.mkdtemp(dir=stored.parent, prefix=".draft-"))
        try:
            _write(splits, raw, source, draft)
            # A folder without its record is a remnant, and would block the rename.
            if stored.exists() and not (stored / _META).is_file():
                shutil.rmtree(stored)
            if not stored.exists():
                draft.rename(stored)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        if not (stored / _META).is_file():  # another process may have been first
            raise DatasetError(
                f"the decoded data set cannot be written to {stored.parent} ({error.strerror or error}): "
                "make room there, or name another cache folder with $GI_CACHE."
            ) from error


def _write(splits: Splits, raw: RawSet, source: _Source, folder: Path) -> None:
    parts = {"train": splits.train, "validation": splits.validation, "test": splits.test}
    for name, samples in parts.items():
        np.save(folder / f"{name}_images.npy", samples.images)
        np.save(folder / f"{name}_labels.npy", samples.labels)
    mean, std = _statistics(splits.train)
    record: dict[str, Any] = {
        "name": source.name,
        "source_kind": source.kind,
        "input_shape": splits.train.images.shape[1:],
        "num_classes": len(splits.class_names),
        "class_names": splits.class_names,
        "mean": mean,
        "std": std,
        "image_size": source.image_size,
        "digest": _digest(splits),
        "places": raw.places,
        "passed_over": raw.passed_over,
        "remarks": [*raw.remarks, *odd_samples(raw, splits)],
        **{f"num_{name}": len(samples.labels) for name, samples in parts.items()},
    }
    (folder / _META).write_text(json.dumps(record, indent=1))
    os.chmod(folder, 0o755)  # noqa: PTH101 (mkdtemp makes it private; a cache is shared)


def _digest(splits: Splits) -> str:
    """16 hexadecimal digits of SHA-256 over the samples of the three parts and the number of classes."""
    sha = hashlib.sha256(f"{len(splits.class_names)}".encode())
    for samples in (splits.train, splits.validation, splits.test):
        sha.update(f"\n{samples.images.shape}\n".encode())
        sha.update(np.ascontiguousarray(samples.images, np.uint8).data)
        # In one byte order, so that the digest is the same on every machine.
        sha.update(np.ascontiguousarray(samples.labels, "<i8").data)
    return sha.hexdigest()[:16]


def _statistics(train: Samples) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel over all training pixels; a constant channel has deviation 1."""
    # In double precision by sums, so that one pass over a mapped file is enough.
    images, axes = train.images, (0, 2, 3)
    count = images.size // images.shape[1]
    total, square_total = np.zeros(images.shape[1]), np.zeros(images.shape[1])
    for start in range(0, len(images), _STATISTICS_CHUNK):
        chunk = images[start : start + _STATISTICS_CHUNK].astype(np.float64)
        total += chunk.sum(axis=axes)
        square_total += (chunk**2).sum(axis=axes)
    mean, square = total / count, square_total / count
    # Rounding can leave the variance of a constant channel a little below 0.
    std = np.sqrt(np.maximum(square - mean**2, 0.0))
    return mean.tolist(), np.where(std > 0, std, 1.0).tolist()
