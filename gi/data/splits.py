"""Raw data to training, validation and test: checked, stratified, the same on every machine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gi.core.errors import DatasetError
from gi.core.streams import stream

MAX_VALIDATION = 5_000
MAX_TEST = 10_000
LARGEST_SIDE = 64

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]
Names = NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class Samples:
    """`images` is (n, c, h, w) uint8, `labels` is (n,) int64 in 0..classes-1, `names` (n,) what the user calls them."""

    images: Images
    labels: Labels
    names: Names


@dataclass(frozen=True, slots=True)
class RawSet:
    """What a reader found: official parts as they are, None where there is none.

    `places` gives by part where it lies in the source, a folder or an array's names; `passed_over` counts by kind what
    was not read; `remarks` are lines on what is odd about the files.
    """

    train: Samples
    test: Samples | None
    validation: Samples | None = None
    class_names: tuple[str, ...] = ()
    places: Mapping[str, Any] = field(default_factory=dict)
    passed_over: Mapping[str, int] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Splits:
    """What the search uses; the three parts share no sample."""

    train: Samples
    validation: Samples
    test: Samples
    class_names: tuple[str, ...]


def split(raw: RawSet, *, name: str) -> Splits:
    """The three parts of a data set.

    Test is the official test part, else a fifth of all (at most 10,000); validation is the official one, else a fifth
    of the training part (at most 5,000); shares are stratified by class and drawn by fixed seeds. Raises
    `DatasetError` for one class, a class with too few samples, labels out of range, and sizes that do not fit.
    """
    num_classes = _check(raw, name)
    names = raw.class_names or tuple(map(str, range(num_classes)))
    train, test, validation = raw.train, raw.test, raw.validation
    if test is None:
        train, test = _take_share(train, MAX_TEST, names, name, "test")
    if validation is None:
        train, validation = _take_share(train, MAX_VALIDATION, names, name, "validation")
    return Splits(train, validation, test, names)


def numbered(what: str, count: int) -> Names:
    """The (n,) names "WHAT 0", "WHAT 1", ... of samples that have no names of their own."""
    return np.array([f"{what} {number}" for number in range(count)], dtype=object)


def stratified_share(labels: Labels, count: int, *, seed_name: str) -> NDArray[np.bool_]:
    """Which of the (n,) samples belong to a share of `count`: each class in proportion, at least one of each."""
    classes, sizes = np.unique(labels, return_counts=True)
    exact = sizes * (count / len(labels))
    # Largest remainders (Hamilton's method): the quotas add up to `count`, except where many classes were raised to 1.
    quota = np.maximum(exact.astype(np.int64), 1)
    by_remainder = sorted(range(len(classes)), key=lambda i: (-(exact[i] % 1), i))
    for i in by_remainder[: max(0, count - int(quota.sum()))]:
        quota[i] += 1
    chosen = np.zeros(len(labels), dtype=np.bool_)
    for label, size in zip(classes, quota, strict=True):
        members = np.flatnonzero(labels == label).tolist()
        # A stream for each class: samples added to one class leave the draws of the others as they were.
        stream(0, "split", seed_name, int(label)).shuffle(members)
        chosen[members[:size]] = True
    return chosen


def stratified_order(labels: Labels) -> NDArray[np.int64]:
    """A fixed order of the (n,) samples in whose every beginning the classes have the shares that they have in all.

    No seed enters, so that trainings scored on a beginning of it are scored on the same samples. One sample of each
    class comes first.
    """
    shuffled = np.random.RandomState(0).permutation(len(labels))  # the generator that no version of numpy changes
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    _, first, sizes = np.unique(labels[by_class], return_index=True, return_counts=True)
    rank = np.arange(len(labels)) - np.repeat(first, sizes)
    # By the share of its class that comes before a sample: classes large and small run out together.
    return by_class[np.argsort(rank / np.repeat(sizes, sizes), kind="stable")]


def _take_share(
    samples: Samples, most: int, class_names: Sequence[str], name: str, what: str
) -> tuple[Samples, Samples]:
    counts = np.bincount(samples.labels, minlength=len(class_names))
    if counts.min() < 2:  # one sample for each side
        raise DatasetError(
            f"{name}: class {class_names[int(counts.argmin())]} has {_counted(int(counts.min()), 'training image')} "
            f"when {what} images are to be set apart: each class needs at least 3 (2 where there is a test part)."
        )
    chosen = stratified_share(samples.labels, min(most, len(samples.labels) // 5), seed_name=what)
    return _pick(samples, ~chosen), _pick(samples, chosen)


def _pick(samples: Samples, mask: NDArray[np.bool_]) -> Samples:
    return Samples(samples.images[mask], samples.labels[mask], samples.names[mask])


def _check(raw: RawSet, name: str) -> int:
    """The number of classes. Raises `DatasetError` where the parts do not make a data set."""
    parts = {"training": raw.train, "validation": raw.validation, "test": raw.test}
    present = {what: part for what, part in parts.items() if part is not None}
    for what, part in present.items():
        if not len(part.labels):
            raise DatasetError(f"{name} has no {what} images: every part needs some.")
        if len(part.images) != len(part.labels):
            raise DatasetError(f"{name} has {len(part.images)} {what} images and {len(part.labels)} labels.")
        if part.images.shape[1:] != raw.train.images.shape[1:]:
            raise DatasetError(
                f"{name} has {what} images of {_size(part)} beside training images of {_size(raw.train)}."
            )
    if max(raw.train.images.shape[2:]) > LARGEST_SIDE:  # the other parts have the same size
        raise DatasetError(too_large(f"{name} has images of {_size(raw.train)}"))
    num_classes = _num_classes(raw.train.labels, raw.class_names, name)
    for what, part in present.items():
        if part.labels.min() < 0 or part.labels.max() >= num_classes:
            wrong = part.labels.min() if part.labels.min() < 0 else part.labels.max()
            raise DatasetError(f"{name} has the {what} label {wrong}: the training labels are 0 to {num_classes - 1}.")
    return num_classes


def too_large(what: str) -> str:
    """The message for images over the largest side; `what` begins it."""
    return f"{what}: at most {LARGEST_SIDE}x{LARGEST_SIDE} are supported, --image-size 32 shrinks all of them to 32x32."


def _num_classes(labels: Labels, class_names: Sequence[str], name: str) -> int:
    present = np.unique(labels)
    if present[0] < 0:
        raise DatasetError(f"{name} has the label {present[0]}: labels count from 0. {_RENUMBER}")
    if len(present) < 2:
        raise DatasetError(f"{name} has one class only ({class_names[0] if class_names else present[0]}): give it two.")
    if present[-1] != len(present) - 1:
        gap = int(np.setdiff1d(np.arange(len(present)), present)[0])
        raise DatasetError(f"{name} has labels up to {present[-1]} but no image of class {gap}. {_RENUMBER}")
    return len(present)


_RENUMBER = "Number them by np.unique(labels, return_inverse=True)[1]."


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _size(part: Samples) -> str:
    channels, height, width = part.images.shape[1:]
    return f"{height}x{width} (height x width) in {channels} channel{'s' if channels > 1 else ''}"
