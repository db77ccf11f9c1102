"""What is odd about a data set that trains all the same: a line each, with counts and an example."""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from gi.data.splits import RawSet, Samples, Splits

MOST_IMBALANCED = 20  # a class that is seen a twentieth as often is hardly learned in a short training
Parts = Mapping[str, Samples]


def odd_samples(raw: RawSet, splits: Splits) -> tuple[str, ...]:
    """Lines on constant images, images in two parts or two classes, classes without images, and uneven classes.

    How uneven the classes are is counted in the training images as the user has them, before parts were set apart.
    """
    parts = {"training": splits.train, "validation": splits.validation, "test": splits.test}
    # By digests, since comparing every pair of images would take n times n comparisons.
    digests = {part: _digests(samples) for part, samples in parts.items()}
    return (
        *_constant(parts),
        *_shared(parts, digests, "training", "test"),
        *_shared(parts, digests, "training", "validation"),
        *_shared(parts, digests, "validation", "test"),
        *_in_two_classes(parts, digests, splits.class_names),
        *_lacking(parts, splits.class_names),
        *_uneven(raw.train, splits.class_names),
    )


def _digests(samples: Samples) -> list[bytes]:
    """16 bytes for each image: equal for equal pixels."""
    # Pixels and not files: the same picture saved twice is one image.
    return [blake2b(image.tobytes(), digest_size=16).digest() for image in samples.images]


def _constant(parts: Parts) -> Iterator[str]:
    names = [name for samples in parts.values() for name in samples.names[_is_constant(samples)]]
    total = sum(len(samples.labels) for samples in parts.values())
    if names:
        yield f"{len(names)} of {total} images have one colour throughout, e.g. {names[0]}"


def _is_constant(samples: Samples) -> NDArray[np.bool_]:
    pixels = samples.images.reshape(*samples.images.shape[:2], -1)
    constant: NDArray[np.bool_] = (pixels.min(axis=2) == pixels.max(axis=2)).all(axis=1)
    return constant


def _shared(parts: Parts, digests: Mapping[str, list[bytes]], one: str, other: str) -> Iterator[str]:
    """A line for images of `other` that are images of `one` as well: an error measured on them flatters."""
    # Reversed, so that of equal images the first one's name is shown.
    first = {digest: number for number, digest in reversed(list(enumerate(digests[one])))}
    twins = [(first[digest], number) for number, digest in enumerate(digests[other]) if digest in first]
    if twins:
        names = (parts[one].names[twins[0][0]], parts[other].names[twins[0][1]])
        total = len(digests[other])
        yield f"{len(twins)} of {total} {other} images are {one} images as well, e.g. {names[0]} = {names[1]}"


def _in_two_classes(parts: Parts, digests: Mapping[str, list[bytes]], class_names: Sequence[str]) -> Iterator[str]:
    seen: dict[bytes, tuple[int, str]] = {}
    twice: dict[bytes, str] = {}
    for part, samples in parts.items():
        for digest, label, name in zip(digests[part], samples.labels.tolist(), samples.names, strict=True):
            first_label, first_name = seen.setdefault(digest, (label, name))
            if label != first_label:
                classes = f"{class_names[first_label]} and {class_names[label]}"
                twice.setdefault(digest, f"{first_name} = {name} ({classes})")
    if twice:
        are = "image is" if len(twice) == 1 else "images are"
        yield f"{len(twice)} {are} in two classes, e.g. {next(iter(twice.values()))}"


def _lacking(parts: Parts, class_names: Sequence[str]) -> Iterator[str]:
    for part, samples in parts.items():
        counts = np.bincount(samples.labels, minlength=len(class_names))
        lacking = [class_names[label] for label in np.flatnonzero(counts == 0).tolist()]
        if lacking:
            others = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
            yield f"there are no {part} images of the class {lacking[0]}{others}"


def _uneven(train: Samples, class_names: Sequence[str]) -> Iterator[str]:
    counts = np.bincount(train.labels, minlength=len(class_names))
    most, least = int(counts.argmax()), int(counts.argmin())
    if counts[most] > MOST_IMBALANCED * counts[least]:
        yield (
            f"the classes are uneven beyond {MOST_IMBALANCED} to 1: {counts[most]} training images of "
            f"{class_names[most]}, {counts[least]} of {class_names[least]} (gi evolve --metric balanced-error counts "
            "each class alike)"
        )
