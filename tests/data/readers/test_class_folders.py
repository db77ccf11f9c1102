"""Layouts of image folders that are understood, and the line that names the others."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gi.core.errors import DatasetError
from gi.data.readers.class_folders import find_class_folders


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return folder


def write_part(folder: Path, part: str = "train", classes: tuple[str, ...] = ("ant", "bee")) -> Path:
    return touch(folder, *(f"{part}/{name}/{i}.png" for name in classes for i in range(2)))


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [
        ("train", "", ""),
        ("train", "val", ""),
        ("Train", "", "Test"),
        ("TRAIN", "VALID", "TEST"),
        ("training", "validation", "testing"),
        ("Training", "Val", "Testing"),
    ],
)
@pytest.mark.parametrize("above", ["", "archive/", "archive/pets/"])
def test_parts_in_every_usual_spelling(tmp_path: Path, train: str, validation: str, test: str, above: str) -> None:
    names = {"train": train, "validation": validation, "test": test}
    places = {part: above + name for part, name in names.items() if name}
    for place in places.values():
        write_part(tmp_path, place)
    contents = find_class_folders(tmp_path)
    assert contents.places == places
    assert contents.parts.keys() == places.keys()
    assert all(list(classes) == ["ant", "bee"] for classes in contents.parts.values())
    assert contents.passed_over == {}


@pytest.mark.parametrize("above", [".", "archive", "archive/pets"])
def test_classes_without_parts_are_all_training(tmp_path: Path, above: str) -> None:
    write_part(tmp_path, above)
    contents = find_class_folders(tmp_path)
    assert contents.places == {"train": above}
    assert [path.name for path in contents.parts["train"]["bee"]] == ["0.png", "1.png"]


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    contents = find_class_folders(write_part(tmp_path, ".", ("bus", "train", "tram")))
    assert list(contents.parts["train"]) == ["bus", "train", "tram"]


def test_what_is_passed_over_is_counted_by_kind(tmp_path: Path) -> None:
    write_part(write_part(tmp_path), "test")
    touch(tmp_path, "README", "labels.csv", ".DS_Store", "train/ant/a.HEIC", "train/ant/b.heic", "train/bee/.x.png")
    touch(
        tmp_path, "train/loose.png", "train/ant/young/0.png", "docs/a.png", "train/__MACOSX/ant/._0.png", "test/a.txt"
    )
    touch(tmp_path, "train/.ipynb_checkpoints/a.png", "test/a.txt")
    contents = find_class_folders(tmp_path)
    assert contents.passed_over == {
        "without a suffix": 1, ".csv": 1, "hidden": 4, ".heic": 2, ".png": 1, "subfolder": 2, ".txt": 1,
    }  # fmt: skip
    assert list(contents.parts["train"]) == ["ant", "bee"]


def test_links_are_followed_and_a_loop_is_passed_over(tmp_path: Path) -> None:
    write_part(tmp_path / "store", ".")
    (tmp_path / "pets" / "train").mkdir(parents=True)
    for name in ("ant", "bee"):
        (tmp_path / "pets" / "train" / name).symlink_to(tmp_path / "store" / name)
    (tmp_path / "store" / "ant" / "up").symlink_to("..")
    contents = find_class_folders(tmp_path / "pets")
    assert [path.name for path in contents.parts["train"]["ant"]] == ["0.png", "1.png"]
    assert contents.passed_over == {"subfolder": 1}


def test_a_file_whose_name_is_no_utf8_is_read(tmp_path: Path) -> None:
    write_part(tmp_path)
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/train/ant/\xff.png")).write_bytes(b"x")
    contents = find_class_folders(tmp_path)
    assert len(contents.parts["train"]["ant"]) == 3
    assert contents.digest() == find_class_folders(tmp_path).digest()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["cat.0.png", "dog.1.png"], "holds images without class folders.*found cat.0.png"),
        (["train"], "has no folder train: expected train/CLASS.*found train"),
        (["train/ant/0.png", "train/bee/0.png", "Training/ant/0.png"], "holds both Training and train"),
        (["train/ant/0.png", "train/bee/0.png", "val/ant/0.png", "valid/ant/0.png"], "holds both val and valid"),
        (["train/ant/0.png"], "train has one class .ant."),
        (["ant/0.png"], "has one class .ant."),
        (["train/0.png", "test/0.png"], "has no folder train.*found test, train|no class folders"),
        (["test/ant/0.png", "test/bee/0.png"], "has no folder train"),
        (
            ["a/train/ant/0.png", "a/train/bee/0.png", "docs/x/y.txt"],
            "has no folder train, but a in it holds a data set",
        ),
        (["train/ant/0.png", "train/bee/x/0.png"], "train/bee holds no images.*found x"),
        (["train/ant/0.png", "train/bee/0.heic"], "train/bee holds no images.*found 0.heic"),
        (["train/ant/0.png", "train/bee/0.png", "test/Ant/0.png"], "test has the class 'Ant'.*Is it 'ant'?"),
        (["train/ant/0.png", "train/bee/0.png", "val/cow/0.png"], "val has the class 'cow', which .*train lacks"),
    ],
)
def test_names_the_layout_that_it_does_not_understand(tmp_path: Path, names: list[str], message: str) -> None:
    with pytest.raises(DatasetError, match=message) as refused:
        find_class_folders(touch(tmp_path, *names))
    assert "\n" not in str(refused.value)


def replace_image(path: Path) -> None:
    """Another file of the same size and times in its place, as `cp -p` leaves it."""
    stat = path.stat()
    other = path.with_name("new")
    other.write_bytes(b"y")
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    other.replace(path)


CHANGES: dict[str, Callable[[Path], Any]] = {
    "replaced": lambda store: replace_image(store / "ant" / "0.png"),
    "added": lambda store: touch(store, "ant/new.png"),
    "removed": lambda store: (store / "ant" / "0.png").unlink(),
    "renamed": lambda store: (store / "ant" / "0.png").rename(store / "ant" / "9.png"),
    "swapped": lambda store: [
        (store / "ant").rename(store / "x"), (store / "bee").rename(store / "ant"), (store / "x").rename(store / "bee"),
    ],
    "passed over": lambda store: touch(store, "ant/new.heic"),
    "another part": lambda store: shutil.copytree(store, store.parent / "pets" / "val"),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_digest_sees_what_changes_behind_links(tmp_path: Path, change: Callable[[Path], Any]) -> None:
    write_part(tmp_path / "store", ".")
    (tmp_path / "pets" / "train").mkdir(parents=True)
    for name in ("ant", "bee"):
        (tmp_path / "pets" / "train" / name).symlink_to(tmp_path / "store" / name)
    before = find_class_folders(tmp_path / "pets").digest()
    assert find_class_folders(tmp_path / "pets").digest() == before
    change(tmp_path / "store")
    assert find_class_folders(tmp_path / "pets").digest() != before
