"""The line that says what was read, and what was not, through files as people have them."""

from pathlib import Path

import numpy as np
import pytest

from gi.data.dataset import load_dataset
from gi.data.summary import summary_line, warning_lines
from tests.data.image_kinds import write_kind


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    for part, count in (("train", 5), ("valid", 2), ("test", 3)):
        for label, name in enumerate(("ant", "bee")):
            for i in range(count):
                seed = 1000 * ord(part[1]) + 100 * ord(part[0]) + 10 * i + label
                write_kind("png-rgb", tmp_path / "pets" / part / name / str(i), seed=seed)
    return tmp_path / "pets"


def summary(folder: Path, image_size: tuple[int, int] | None = None) -> str:
    return summary_line(load_dataset(str(folder), image_size=image_size, cache=folder.parent / "cache"))


def test_says_what_was_read(pets: Path) -> None:
    expected = "pets: 2 classes, 10 training / 4 validation / 6 test images of 6x9 colour"
    assert summary(pets) == expected
    assert summary(pets, (5, 4)) == expected.replace("6x9", "5x4")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["train/ant/a.HEIC", "train/ant/b.heic", "test/c.heic", "train/.DS_Store", "valid/bee/._0.png"],
         "5 files passed over: 3 .heic, 2 hidden"),
        (["notes"], "1 file passed over: 1 without a suffix"),
        (["train/ant/young/0.png"], "1 folder passed over: 1 subfolder"),
        (["train/ant/young/0.png", "old/0.png", "a.csv"], "3 files and folders passed over: 2 subfolders, 1 .csv"),
        (["a.\x1b[31m\n"], r"1 file passed over: 1 .\x1b[31m\n"),
    ],
)  # fmt: skip
def test_says_what_was_passed_over(pets: Path, names: list[str], expected: str) -> None:
    for name in names:
        (pets / name).parent.mkdir(exist_ok=True)
        (pets / name).write_bytes(b"x")
    assert summary(pets).endswith(f" colour, {expected}")
    assert summary(pets).endswith(f" colour, {expected}"), "the decoded set remembers it"


def test_says_what_is_odd_about_the_files(pets: Path) -> None:
    write_kind("gif-frames", pets / "train" / "ant" / "8", seed=900)
    write_kind("png-16", pets / "train" / "ant" / "9", seed=901)
    (pets / "later").mkdir()
    dataset = load_dataset(str(pets), cache=pets.parent / "cache")
    assert warning_lines(dataset) == [
        "pets: 1 of 22 images have 16 bits a value, of which the upper 8 are read, e.g. train/ant/9.png.",
        "pets: 1 of 22 images have several frames, of which the first is read, e.g. train/ant/8.gif.",
    ]


def test_a_part_without_images_is_set_apart_from_training(pets: Path) -> None:
    for path in (pets / "test").glob("*/*"):
        path.unlink()
    dataset = load_dataset(str(pets), cache=pets.parent / "cache")
    assert warning_lines(dataset) == ["pets: test holds no images: test images are set apart from the training images."]
    assert (dataset.num_train, dataset.num_validation, dataset.num_test) == (8, 4, 2)


def test_names_an_image_of_an_array_by_its_row(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (20, 5, 4), np.uint8)
    images[7] = 3
    np.savez(tmp_path / "set.npz", train_images=images, train_labels=np.arange(20) % 2)
    dataset = load_dataset(str(tmp_path / "set.npz"), cache=tmp_path / "cache")
    assert warning_lines(dataset) == ["set: 1 of 20 images have one colour throughout, e.g. train_images 7."]
