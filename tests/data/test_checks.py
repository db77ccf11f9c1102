"""What is odd about a data set is said in one line each, with counts and an example."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from gi.data.checks import odd_samples
from gi.data.splits import RawSet, Samples, Splits, numbered

CLASSES = ("ant", "bee")


def samples(part: str, count: int = 6, **changes: Any) -> Samples:
    rng = np.random.default_rng(len(part))
    images = rng.integers(0, 256, (count, 1, 4, 4), dtype=np.uint8)
    labels = changes.get("labels", np.arange(count) % 2)
    for number, image in changes.get("images", {}).items():
        images[number] = image
    return Samples(images, np.asarray(labels, np.int64), numbered(part, count))


def lines(**parts: Samples) -> tuple[str, ...]:
    whole = {name: parts.get(name) or samples(name) for name in ("train", "validation", "test")}
    raw = RawSet(whole["train"], whole["test"], whole["validation"], CLASSES)
    return odd_samples(raw, Splits(**whole, class_names=CLASSES))


ONE = np.arange(16, dtype=np.uint8).reshape(1, 4, 4)
CASES: Mapping[str, tuple[dict[str, Samples], tuple[str, ...]]] = {
    "ordinary": ({}, ()),
    "constant": (
        {"train": samples("train", images={1: 0, 4: 9})},
        ("2 of 18 images have one colour throughout, e.g. train 1",),
    ),
    "in training and test": (
        {"train": samples("train", images={2: ONE}), "test": samples("test", images={4: ONE})},
        ("1 of 6 test images are training images as well, e.g. train 2 = test 4",),
    ),
    "in training and validation": (
        {"train": samples("train", images={2: ONE}), "validation": samples("validation", images={0: ONE, 2: ONE})},
        ("2 of 6 validation images are training images as well, e.g. train 2 = validation 0",),
    ),
    "in two classes": (
        {"train": samples("train", images={0: ONE, 2: ONE, 3: ONE})},
        ("1 image is in two classes, e.g. train 0 = train 3 (ant and bee)",),
    ),
    "lacking": (
        {"test": samples("test", labels=[1] * 6)},
        ("there are no test images of the class ant",),
    ),
    "uneven": (
        {"train": samples("train", 43, labels=[0] * 41 + [1] * 2)},
        (
            "the classes are uneven beyond 20 to 1: 41 training images of ant, 2 of bee "
            "(gi evolve --metric balanced-error counts each class alike)",
        ),
    ),
    "twenty to one": ({"train": samples("train", 42, labels=[0] * 40 + [1] * 2)}, ()),
}  # fmt: skip


@pytest.mark.parametrize(("parts", "expected"), CASES.values(), ids=CASES)
def test_odd_samples_are_named(parts: dict[str, Samples], expected: tuple[str, ...]) -> None:
    assert lines(**parts) == expected


def test_one_channel_that_varies_is_enough() -> None:
    image = np.zeros((3, 4, 4), np.uint8)
    image[2, 0, 0] = 1
    colour = Samples(np.stack([image, image * 9]), np.arange(2), numbered("train", 2))
    other = samples("test")
    odd = odd_samples(RawSet(colour, None), Splits(colour, samples("validation"), other, CLASSES))
    assert not [line for line in odd if "one colour" in line]
