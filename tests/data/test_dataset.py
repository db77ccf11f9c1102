"""Data sets by name, folder and file: what comes out of good ones, and one line that says what to do about bad ones."""

import os
import pickle
import shutil
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gi.core.errors import DatasetError
from gi.core.types import Task
from gi.data.dataset import load_dataset, open_dataset, open_split
from gi.data.splits import stratified_order, stratified_share

RNG = np.random.default_rng(0)


def write_image(path: Path, shape: tuple[int, ...] = (6, 9), mode: str | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(RNG.integers(0, 256, shape, dtype=np.uint8))
    (image.convert(mode) if mode else image).save(path)


def write_folder(folder: Path, *, per_class: int = 5, shape: tuple[int, ...] = (6, 9), test: bool = True) -> Path:
    for part in ("train", "test") if test else ("train",):
        for name in ("cat", "dog"):
            for i in range(per_class):
                write_image(folder / part / name / f"{i}.png", shape)
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_digits_need_no_network_and_split_into_three(cache: Path) -> None:
    digits = load_dataset("digits", cache=cache)
    assert digits.task == Task((1, 8, 8), 10)
    assert (digits.num_train, digits.num_validation, digits.num_test) == (1151, 287, 359)
    assert digits.source_kind == "digits"
    for part, count in (("train", 1151), ("validation", 287), ("test", 359)):
        images, labels = open_split(digits.path, part)  # type: ignore[arg-type]
        assert images.shape == (count, 1, 8, 8)
        assert images.dtype == np.uint8
        assert labels.dtype == np.int64
        assert set(labels.tolist()) == set(range(10))
    images, _ = open_split(digits.path, "train")
    assert digits.mean == pytest.approx([images.mean()])
    assert digits.std == pytest.approx([images.std()])


def test_the_parts_share_no_sample_and_are_the_same_every_time(tmp_path: Path) -> None:
    n = 300
    images = np.zeros((n, 4, 4), np.uint8)
    images[:, 0, 0], images[:, 0, 1] = np.arange(n) % 256, np.arange(n) // 256  # a number of its own on each
    np.savez(tmp_path / "set.npz", train_images=images, train_labels=np.arange(n) % 3)
    seen = []
    for cache in ("a", "b"):
        data = load_dataset(str(tmp_path / "set.npz"), cache=tmp_path / cache)
        parts = [open_split(data.path, p)[0] for p in ("train", "validation", "test")]
        seen.append([(part[:, 0, 0, 0] + 256 * part[:, 0, 0, 1].astype(int)).tolist() for part in parts])
    assert seen[0] == seen[1]
    assert sorted(number for part in seen[0] for number in part) == list(range(n))
    assert [len(part) for part in seen[0]] == [192, 48, 60]


def test_decodes_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_dataset("digits", cache=cache)
    monkeypatch.setattr("gi.data.dataset.split", None)
    assert load_dataset("digits", cache=cache) == first
    assert [path.name for path in (cache / "datasets").iterdir()] == [first.path.name]


def test_decodes_again_when_a_file_changes(tmp_path: Path, cache: Path) -> None:
    folder = write_folder(tmp_path / "pets")
    first = load_dataset(str(folder), cache=cache)
    write_image(folder / "train" / "cat" / "new.png")
    second = load_dataset(str(folder), cache=cache)
    assert second.path != first.path
    assert second.num_train + second.num_validation == first.num_train + first.num_validation + 1


def test_mends_a_decoded_folder_that_lost_its_description(cache: Path) -> None:
    first = load_dataset("digits", cache=cache)
    (first.path / "dataset.json").unlink()
    assert load_dataset("digits", cache=cache) == first


@pytest.mark.parametrize("damage", ["{", "{}", "[]"])
def test_says_which_decoded_folder_cannot_be_read(cache: Path, damage: str) -> None:
    first = load_dataset("digits", cache=cache)
    (first.path / "dataset.json").write_text(damage)
    with pytest.raises(DatasetError, match="delete that folder"):
        open_dataset(first.path)


@pytest.mark.parametrize(("shape", "channels"), [((6, 9), 1), ((6, 9, 3), 3), ((64, 1), 1)])
def test_an_image_folder_keeps_shape_and_channels(
    tmp_path: Path, cache: Path, shape: tuple[int, ...], channels: int
) -> None:
    data = load_dataset(str(write_folder(tmp_path / "pets", shape=shape)), cache=cache)
    assert data.task == Task((channels, shape[0], shape[1]), 2)
    assert data.class_names == ("cat", "dog")
    assert (data.num_train, data.num_validation, data.num_test) == (8, 2, 10)
    assert (data.name, data.source_kind) == ("pets", "folder")


def test_one_colour_image_makes_the_set_coloured(tmp_path: Path, cache: Path) -> None:
    folder = write_folder(tmp_path / "pets")
    write_image(folder / "train" / "cat" / "colour.png", (6, 9, 3))
    write_image(folder / "train" / "cat" / "palette.png", (6, 9, 3), "P")
    write_image(folder / "train" / "cat" / "alpha.png", (6, 9, 3), "RGBA")
    data = load_dataset(str(folder), cache=cache)
    assert data.task.input_shape == (3, 6, 9)
    images, labels = open_split(data.path, "test")
    assert (images[:, 0] == images[:, 2]).all()
    assert labels.tolist() == [0] * 5 + [1] * 5


def test_passes_over_files_that_are_no_images(tmp_path: Path, cache: Path) -> None:
    folder = write_folder(tmp_path / "pets", test=False)
    (folder / "train" / "cat" / "notes.txt").write_text("hello")
    (folder / "train" / "cat" / ".DS_Store").write_text("x")
    (folder / "train" / "cat" / ".hidden.png").write_text("x")
    (folder / "train" / "README").write_text("x")
    (folder / "train" / ".git").mkdir()
    data = load_dataset(str(folder), cache=cache)
    assert data.num_train + data.num_validation + data.num_test == 10


def remove_tree(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


BAD_FOLDERS: Mapping[str, tuple[Callable[[Path], Any], str]] = {
    "empty": (remove_tree, "has no folder train.*found nothing"),
    "no-train": (lambda f: (f / "train").rename(f / "pictures"), "has no folder train.*found pictures, test"),
    "flat": (lambda f: (remove_tree(f / "train"), write_image(f / "train" / "1.png")), "no class folders.*found 1.png"),
    "one-class": (lambda f: (remove_tree(f / "train" / "cat"), (f / "train" / "cat").rmdir()), r"one class \(dog\)"),
    "empty-class": (lambda f: remove_tree(f / "train" / "cat"), "train/cat holds no images.*found nothing"),
    "text-class": (
        lambda f: (remove_tree(f / "train" / "cat"), (f / "train" / "cat" / "a.txt").touch()),
        "train/cat holds no images.*found a.txt",
    ),
    "new-class-in-test": (
        lambda f: (f / "test" / "dog").rename(f / "test" / "dogs"),
        "'dogs'.*train lacks. Is it 'dog'",
    ),
    "corrupt": (lambda f: (f / "train" / "dog" / "3.png").write_bytes(b"hello"), "dog/3.png is no image"),
    "zero-bytes": (lambda f: (f / "train" / "dog" / "3.png").write_bytes(b""), "dog/3.png is no image"),
    "cut-short": (lambda f: truncate(f / "train" / "dog" / "3.png"), "dog/3.png cannot be decoded"),
    "dangling-link": (lambda f: (f / "train" / "dog" / "x.png").symlink_to("nowhere"), "x.png is a link to nowhere"),
    "two-sizes": (lambda f: write_image(f / "test" / "dog" / "9.png", (9, 6)), "dog/9.png is 9x6.*one size"),
    "two-images": (
        lambda f: [(f / "train" / "dog" / f"{i}.png").unlink() for i in range(1, 5)],
        "class dog has 1 training image when",
    ),
    "deep": (lambda f: deep_image(f / "train" / "dog" / "deep.png"), "more than 8 bits"),
}


def deep_image(path: Path) -> None:
    Image.fromarray(np.zeros((6, 9), np.uint16)).save(path)


@pytest.mark.parametrize(("damage", "message"), BAD_FOLDERS.values(), ids=BAD_FOLDERS.keys())
def test_refuses_a_half_broken_folder(tmp_path: Path, cache: Path, damage: Callable[[Path], Any], message: str) -> None:
    folder = write_folder(tmp_path / "pets")
    damage(folder)
    with pytest.raises(DatasetError, match=message) as refused:
        load_dataset(str(folder), cache=cache)
    assert "\n" not in str(refused.value)
    assert not (cache / "datasets").exists()


def test_two_folders_of_one_name_are_two_data_sets(tmp_path: Path, cache: Path) -> None:
    """Equal names, sizes and times within, as copies of a template have them: only the place differs."""
    write_folder(tmp_path / "a" / "pets")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    for path in (tmp_path / "b").rglob("*.png"):
        image = np.asarray(Image.open(path))
        Image.fromarray(255 - image).save(path)
    for path in (tmp_path / "a").rglob("*.png"):
        os.utime(path, ns=(0, 0))
        os.utime(tmp_path / "b" / path.relative_to(tmp_path / "a"), ns=(0, 0))
    first, second = (load_dataset(str(tmp_path / side / "pets"), cache=cache) for side in "ab")
    assert (open_split(first.path, "test")[0] == 255 - open_split(second.path, "test")[0]).all()


def test_a_link_to_a_folder_is_that_folder(tmp_path: Path, cache: Path) -> None:
    write_folder(tmp_path / "pets")
    (tmp_path / "latest").symlink_to("pets")
    assert (
        load_dataset(str(tmp_path / "latest"), cache=cache).path
        == load_dataset(str(tmp_path / "pets"), cache=cache).path
    )


def test_pictures_replaced_behind_a_linked_class_folder_are_seen(tmp_path: Path, cache: Path) -> None:
    folder = write_folder(tmp_path / "pets")
    (folder / "test" / "cat").rename(tmp_path / "store")
    (folder / "test" / "cat").symlink_to(tmp_path / "store")
    load_dataset(str(folder), cache=cache)
    for path in (tmp_path / "store").iterdir():
        Image.fromarray(np.full((6, 9), 77, np.uint8)).save(path)
    images, labels = open_split(load_dataset(str(folder), cache=cache).path, "test")
    assert (images[labels == 0] == 77).all()


def test_images_over_64_pixels_are_refused_before_any_is_decoded(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_folder(tmp_path / "pets", shape=(65, 9))
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", None)
    with pytest.raises(DatasetError, match=r"65x9 .height x width.: at most 64x64 are supported"):
        load_dataset(str(folder), cache=cache)


@pytest.mark.parametrize("shape", [(65, 9, 3), (300, 200), (7, 5)])
def test_an_image_size_brings_all_images_to_it(tmp_path: Path, cache: Path, shape: tuple[int, ...]) -> None:
    folder = write_folder(tmp_path / "pets", shape=shape)
    write_image(folder / "train" / "cat" / "wide.png", (20, 400, *shape[2:]))
    data = load_dataset(str(folder), image_size=(8, 6), cache=cache)
    assert data.task.input_shape == (3 if len(shape) == 3 else 1, 8, 6)
    assert data.image_size == (8, 6)
    assert data.path != load_dataset(str(folder), image_size=(6, 8), cache=cache).path


@pytest.mark.parametrize("size", [(65, 8), (8, 0), (8, 10**6)])
def test_refuses_an_image_size_that_is_not_supported(cache: Path, size: tuple[int, int]) -> None:
    with pytest.raises(DatasetError, match=r"--image-size \d+x\d+: each side must be from 1 to 64 pixels"):
        load_dataset("digits", image_size=size, cache=cache)


def test_named_sets_and_arrays_are_resized_too(tmp_path: Path, cache: Path) -> None:
    np.savez(tmp_path / "set.npz", x_train=np.full((20, 90, 80), 5, np.uint8), y_train=np.arange(20) % 2)
    resized = load_dataset(str(tmp_path / "set.npz"), image_size=(9, 8), cache=cache)
    assert (open_split(resized.path, "train")[0] == 5).all()
    assert resized.task.input_shape == (1, 9, 8)
    assert load_dataset("digits", image_size=(16, 16), cache=cache).task.input_shape == (1, 16, 16)


def test_the_users_own_validation_part_is_the_validation_part(tmp_path: Path, cache: Path) -> None:
    folder = write_folder(tmp_path / "pets", test=False)
    for name in ("cat", "dog"):
        write_image(folder / "val" / name / "a.png")
    data = load_dataset(str(folder), cache=cache)
    assert (data.num_train, data.num_validation, data.num_test) == (8, 2, 2)
    expected = np.stack([np.asarray(Image.open(folder / "val" / name / "a.png")) for name in ("cat", "dog")])
    assert (open_split(data.path, "validation")[0][:, 0] == expected).all()


def test_an_array_that_says_more_than_the_file_holds_is_one_line(tmp_path: Path, cache: Path) -> None:
    np.savez(tmp_path / "set.npz", **arrays())
    with zipfile.ZipFile(tmp_path / "set.npz") as file:
        members = {name: file.read(name) for name in file.namelist()}
    for header, message in ((b"(20, 5, 4)", "says 20,000 bytes and holds"), (b"(20, 5, 4)" + b" " * 90_000, "large")):
        said = header.replace(b"(20", b"(1000") if message.startswith("says") else header
        lied = members | {"x_train.npy": npy_bytes(said)}
        with zipfile.ZipFile(tmp_path / "lied.npz", "w") as file:
            for name, content in lied.items():
                file.writestr(name, content)
        with pytest.raises(DatasetError, match=message) as refused:
            load_dataset(str(tmp_path / "lied.npz"), cache=cache)
        assert "\n" not in str(refused.value)


def npy_bytes(shape: bytes) -> bytes:
    """An array of 400 bytes under a header that says this of its shape."""
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': " + shape + b", }\n"
    return b"\x93NUMPY\x02\x00" + struct.pack("<I", len(header)) + header + bytes(400)


def test_an_array_for_which_there_is_no_memory_is_not_read(tmp_path: Path, cache: Path, monkeypatch: Any) -> None:
    np.savez(tmp_path / "set.npz", **arrays())
    monkeypatch.setattr("gi.data.readers.npz._memory_bytes", lambda: 500.0)
    with pytest.raises(DatasetError, match="takes 0 GB: pass a part of it"):
        load_dataset(str(tmp_path / "set.npz"), cache=cache)


def test_refuses_images_over_64_pixels(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(DatasetError, match=r"65x9 .*: at most 64x64 are supported, --image-size 32 shrinks"):
        load_dataset(str(write_folder(tmp_path / "pets", shape=(65, 9))), cache=cache)


def arrays(**changes: Any) -> dict[str, Any]:
    n = 20
    base = {"x_train": np.zeros((n, 5, 4), np.uint8), "y_train": np.arange(n) % 2}
    return {key: value for key, value in (base | changes).items() if value is not None}


def image_array(*shape: int, **changes: float) -> Any:
    array = np.zeros(shape, changes.pop("dtype", np.float32))  # type: ignore[call-overload]
    array.flat[0] = changes.get("first", 0.0)
    return array


GOOD_ARRAYS: Mapping[str, tuple[dict[str, Any], Task]] = {
    "grey": (arrays(), Task((1, 5, 4), 2)),
    "last": (arrays(x_train=np.zeros((20, 5, 4, 3), np.uint8)), Task((3, 5, 4), 2)),
    "first": (arrays(x_train=np.zeros((20, 3, 5, 4), np.uint8)), Task((3, 5, 4), 2)),
    "float": (arrays(x_train=image_array(20, 5, 4, first=1.0)), Task((1, 5, 4), 2)),
    "int": (arrays(x_train=image_array(20, 5, 4, dtype=np.int64, first=255)), Task((1, 5, 4), 2)),
    "capitals": ({"X_train": np.zeros((20, 5, 4), np.uint8), "Y_train": np.arange(20) % 2}, Task((1, 5, 4), 2)),
    "column-of-labels": (arrays(y_train=(np.arange(20) % 2)[:, None]), Task((1, 5, 4), 2)),
    "float-labels": (arrays(y_train=(np.arange(20) % 2).astype(float)), Task((1, 5, 4), 2)),
}


@pytest.mark.parametrize(("content", "task"), GOOD_ARRAYS.values(), ids=GOOD_ARRAYS.keys())
def test_reads_an_npz_in_every_spelling(tmp_path: Path, cache: Path, content: dict[str, Any], task: Task) -> None:
    np.savez(tmp_path / "set.npz", **content)
    data = load_dataset(str(tmp_path / "set.npz"), cache=cache)
    assert (data.task, data.source_kind, data.name) == (task, "npz", "set")


def test_official_parts_of_an_npz_are_kept(tmp_path: Path, cache: Path) -> None:
    parts = {f"{p}_images": np.full((n, 4, 4), n, np.uint8) for p, n in (("train", 10), ("val", 6), ("test", 4))}
    labels = {key.replace("images", "labels"): np.arange(len(a)) % 2 for key, a in parts.items()}
    np.savez_compressed(tmp_path / "set.npz", **parts, **labels)
    data = load_dataset(str(tmp_path / "set.npz"), cache=cache)
    assert (data.num_train, data.num_validation, data.num_test) == (10, 6, 4)
    assert (open_split(data.path, "validation")[0] == 6).all()
    assert (data.mean, data.std) == ((10.0,), (1.0,))


BAD_ARRAYS: Mapping[str, tuple[dict[str, Any], str]] = {
    "half": (arrays(y_train=None), "x_train without y_train"),
    "half-test": (arrays(x_test=np.zeros((3, 5, 4), np.uint8)), "x_test without y_test"),
    "either-axis": (arrays(x_train=np.zeros((20, 3, 8, 3), np.uint8)), r"\(20, 3, 8, 3\), whose channels may be"),
    "one-pixel": (arrays(x_train=np.zeros((20, 1, 1, 3), np.uint8)), r"\(20, 1, 1, 3\), whose channels may be"),
    "one-row": (arrays(x_train=np.zeros((20, 1, 8, 1), np.uint8)), r"grey images as \(n, h, w\)"),
    "complex": (arrays(x_train=np.zeros((20, 5, 4), complex)), "type complex128"),
    "wide": (arrays(x_train=np.zeros((20, 5, 4), np.longdouble)), "at most 8 bytes"),
    "dates": (arrays(x_train=np.zeros((20, 5, 4), "M8[s]")), "type datetime64"),
    "names": (arrays(y_train=np.array(["a", "b"] * 10)), r"np.unique\(labels, return_inverse=True\)"),
    "many-labels": (arrays(y_train=np.ones((20, 3), int)), "Each image has one label"),
    "row-of-labels": (arrays(y_train=np.zeros((1, 20), int)), r"Pass labels.ravel\(\)"),
    "huge-label": (arrays(y_train=np.arange(20) % 2 * 1e300), r"has the label 1e\+300"),
    "unsigned-label": (arrays(y_train=np.arange(20, dtype=np.uint64) + np.uint64(2**63)), "has the label 9.22337e"),
    "infinite-label": (arrays(y_train=np.full(20, np.inf)), "no whole number"),
    "objects": (arrays(y_train=np.array([0, "a"] * 10, object)), "pickled Python objects"),
    "no-train": (arrays(x_train=None, y_train=None, y=np.zeros(2)), "no training part.*found y"),
    "nan": (arrays(x_train=image_array(20, 5, 4, first=np.nan)), "NaN"),
    "infinite": (arrays(x_train=image_array(20, 5, 4, first=np.inf)), "NaN or infinite"),
    "large-floats": (arrays(x_train=image_array(20, 5, 4, first=2.5)), "from 0 to 2.5: expected"),
    "large-ints": (arrays(x_train=image_array(20, 5, 4, dtype=np.int64, first=256)), "from 0 to 256"),
    "flat": (arrays(x_train=np.zeros((20, 20), np.uint8)), r"shape \(20, 20\)"),
    "two-channels": (arrays(x_train=np.zeros((20, 2, 5, 4), np.uint8)), r"shape \(20, 2, 5, 4\)"),
    "no-pixels": (arrays(x_train=np.zeros((20, 0, 4), np.uint8)), "shape"),
    "text": (arrays(x_train=np.full((20, 5, 4), "a")), "type"),
    "pickled": (arrays(x_train=np.full((20, 5, 4), None)), "pickled Python objects, which may run code"),
    "large": (arrays(x_train=np.zeros((20, 65, 4), np.uint8)), "65x4"),
    "too-few-labels": (arrays(y_train=np.arange(19) % 2), "20 training images and 19 labels"),
    "no-samples": (arrays(x_train=np.zeros((0, 5, 4), np.uint8), y_train=np.zeros(0, int)), "no training images"),
    "one-class": (arrays(y_train=np.zeros(20, int)), "one class"),
    "negative": (arrays(y_train=np.arange(20) % 2 - 1), "label -1"),
    "gap": (arrays(y_train=np.arange(20) % 2 * 7), "no image of class 1"),
    "half-label": (arrays(y_train=np.arange(20) / 2), "no whole number"),
    "nan-label": (arrays(y_train=np.full(20, np.nan)), "no whole number"),
    "one-hot": (arrays(y_train=np.eye(20)), r"expected .n,. whole numbers from 0. Pass labels.argmax\(1\)"),
    "test-label": (
        arrays(x_test=np.zeros((3, 5, 4), np.uint8), y_test=np.array([0, 1, 2])),
        "test label 2: the training labels are 0 to 1",
    ),
    "test-shape": (arrays(x_test=np.zeros((3, 4, 5), np.uint8), y_test=np.arange(3) % 2), "test images of 4x5"),
    "rare-class": (arrays(y_train=np.array([1, *[0] * 19])), "class 1 has 1 training image when"),
}


@pytest.mark.parametrize(("content", "message"), BAD_ARRAYS.values(), ids=BAD_ARRAYS.keys())
def test_refuses_arrays_that_make_no_data_set(
    tmp_path: Path, cache: Path, content: dict[str, Any], message: str
) -> None:
    np.savez(tmp_path / "set.npz", **content)
    with pytest.raises(DatasetError, match=message) as refused:
        load_dataset(str(tmp_path / "set.npz"), cache=cache)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"hello", pickle.dumps([1]), b"PK\x03\x04 cut short"])
def test_refuses_a_file_that_is_no_npz(tmp_path: Path, cache: Path, content: bytes) -> None:
    (tmp_path / "set.npz").write_bytes(content)
    with pytest.raises(DatasetError, match=r"set.npz cannot be read as an .npz file"):
        load_dataset(str(tmp_path / "set.npz"), cache=cache)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mnits", "unknown data set 'mnits'.*digits, mnist, .*Did you mean mnist"),
        ("CIFAR-10", "Did you mean cifar10"),
        ("/no/such/folder", "unknown data set"),
        ("/no/such/\udcff", r"the path /no/such/.udcff is no UTF-8: rename it"),
        ("", "unknown data set|has no folder train"),
        (__file__, "neither a folder nor an .npz"),
    ],
)
def test_refuses_a_name_that_it_does_not_know(cache: Path, name: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        load_dataset(name, cache=cache)


def test_a_named_set_that_is_not_there_and_cannot_be_downloaded(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr("urllib.request.urlopen", no_network)
    with pytest.raises(
        DatasetError, match=r"cifar10 cannot be read below .* nor downloaded .*--data-root or \$GI_DATA"
    ):
        load_dataset("cifar10", data_root=str(tmp_path), cache=cache)


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "cache").touch()
    with pytest.raises(DatasetError, match=r"cannot be written to .*\$GI_CACHE"):
        load_dataset("digits", cache=tmp_path / "cache")


def test_shares_are_stratified_and_hold_each_class() -> None:
    labels = np.array([0] * 70 + [1] * 28 + [2] * 2)
    counts = np.bincount(labels[stratified_share(labels, 20, seed_name="it")])
    assert counts.tolist() == [14, 6, 1] or counts.tolist() == [14, 5, 1]


@pytest.mark.skipif(
    not Path(os.environ.get("GI_DATA", "/nowhere"), "MNIST/raw").is_dir(), reason="needs MNIST below $GI_DATA"
)
def test_mnist_keeps_its_test_part_and_gives_5000_for_validation(cache: Path) -> None:
    mnist = load_dataset("mnist", cache=cache)
    assert (mnist.num_train, mnist.num_validation, mnist.num_test) == (55_000, 5_000, 10_000)
    assert mnist.task == Task((1, 28, 28), 10)
    assert mnist.class_names[7] == "7 - seven"
    assert mnist.mean == pytest.approx([33.3], abs=0.1)
    assert open_split(mnist.path, "test")[1][:5].tolist() == [7, 2, 1, 0, 4]


@pytest.mark.parametrize("sizes", [(50, 30, 20), (400, 1, 7), (3, 3), (1000,) * 10])
def test_every_beginning_of_the_scoring_order_has_the_classes_in_proportion(sizes: tuple[int, ...]) -> None:
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(sizes)), sizes))
    order = stratified_order(labels)
    assert sorted(order) == list(range(len(labels)))
    for count in range(len(sizes), len(labels), max(1, len(labels) // 50)):
        exact = np.array(sizes) * count / len(labels)
        assert (np.abs(np.bincount(labels[order[:count]], minlength=len(sizes)) - exact) <= len(sizes)).all()
    assert set(labels[order[: len(sizes)]]) == set(range(len(sizes)))


def test_the_scoring_order_is_fixed() -> None:
    assert stratified_order(np.array([0, 1, 0, 1, 0, 1])).tolist() == [2, 5, 0, 1, 4, 3]
