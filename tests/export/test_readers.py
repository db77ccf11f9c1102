"""What gi decodes is what the exported file decodes: one contract for the readers of every kind of data set."""

import ast
import gzip
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from gi.core.compat import allow_torchvision
from gi.data.dataset import load_dataset, open_split
from gi.export.data import companion_name, data_facts, write_splits
from gi.export.reader_source import reader_source
from tests.data.image_kinds import KINDS, write_kind

IMAGES = np.arange(2 * 5 * 4, dtype=np.uint8).reshape(2, 5, 4)
LABELS = np.array([3, 1], dtype=np.uint8)


def reader(name, **constants):
    """The names of an exported reader with its constants set."""
    names = {}
    exec(compile(reader_source(name), f"{name}.py", "exec"), names)
    assert set(constants) <= set(names)
    names.update(constants)
    return names


@pytest.mark.parametrize("name", ["folder", "idx", "named", "npz"])
def test_only_reading_takes_more_than_torch(name):
    found = {alias.name.partition(".")[0] if isinstance(node, ast.Import) else node.module.partition(".")[0]
             for node in ast.parse(reader_source(name)).body
             if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names}  # fmt: skip
    assert found - sys.stdlib_module_names == {"torch"}


def exported(dataset, given, place):
    """What the exported file trains and is scored on: (images, labels) of its training and test parts."""
    facts = data_facts(dataset, str(given))
    companion = companion_name(dataset, str(given))
    if companion is not None:
        write_splits(dataset, place / companion)
    names = reader(facts.reader, **facts.settings)
    folder = place if companion is not None else given
    train, test = (names["read_split"](str(folder), split) for split in ("train", "test"))
    if facts.holdout:
        train = reader("training_part")["without_validation"](*train)
    return [[array.numpy() for array in part] for part in (train, test)]


class ReaderContract:
    """`assert_equal(given, tmp_path)` holds for whatever gi reads."""

    def assert_equal(self, given, place, image_size=None):
        dataset = load_dataset(str(given), image_size=image_size, cache=place / "cache")
        (train, train_labels), (test, test_labels) = exported(dataset, given, place)
        expected, expected_labels = open_split(dataset.path, "test")
        assert np.array_equal(test, expected)
        assert np.array_equal(test_labels, expected_labels)
        images, labels = open_split(dataset.path, "train")
        assert train.dtype == np.uint8
        assert np.array_equal(train, images)
        assert np.array_equal(train_labels, labels)
        return dataset


def write_set(folder, kinds, *, parts=("train", "test"), classes=("ant", "bee"), count=4):
    for part in parts:
        for label, name in enumerate(classes):
            for i in range(count):
                kind = kinds[(i + label) % len(kinds)]
                write_kind(kind, folder / part / name / f"{i}-{kind}", seed=len(part) + 10 * i + label)


class TestFolders(ReaderContract):
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("image_size", [None, (5, 8)])
    def test_files_of_every_kind(self, tmp_path, kind, image_size):
        write_set(tmp_path / "pets", [kind])
        self.assert_equal(tmp_path / "pets", tmp_path, image_size)

    def test_kinds_mixed_in_one_set(self, tmp_path):
        write_set(tmp_path / "pets", list(KINDS), count=len(KINDS))
        self.assert_equal(tmp_path / "pets", tmp_path)

    @pytest.mark.parametrize(
        "parts", [("train", "test"), ("Training", "Testing"), ("a/train", "a/valid", "a/TEST"), ("train",), ("",)]
    )
    def test_layouts(self, tmp_path, parts):
        write_set(tmp_path / "pets", ["png-rgb"], parts=parts, count=8)
        self.assert_equal(tmp_path / "pets", tmp_path)

    def test_a_test_part_that_lacks_the_first_class_and_a_hidden_folder_move_no_label(self, tmp_path):
        write_set(tmp_path / "pets", ["png-rgb"], classes=("ant", "bee", "cat"))
        for path in (tmp_path / "pets" / "test" / "ant").iterdir():
            path.unlink()
        (tmp_path / "pets" / "test" / ".ipynb_checkpoints").mkdir()
        dataset = self.assert_equal(tmp_path / "pets", tmp_path)
        assert set(open_split(dataset.path, "test")[1].tolist()) == {1, 2}

    @pytest.mark.parametrize(
        "names", [("große Katze", 'it\'s 100% "eel"'), ("a\nb", '"""'), ("\\n", "#"), ("cafe\u0301", "犬")]
    )
    def test_class_names_of_every_kind(self, tmp_path, names):
        write_set(tmp_path / "pets", ["png-rgb"], classes=names)
        self.assert_equal(tmp_path / "pets", tmp_path)

    def test_two_spellings_of_one_letter_are_one_class(self, tmp_path):
        write_set(tmp_path / "pets", ["png-rgb"], parts=("train",), classes=("caf\u00e9", "tea"))
        write_set(tmp_path / "pets", ["png-rgb"], parts=("test",), classes=("cafe\u0301", "tea"))
        assert self.assert_equal(tmp_path / "pets", tmp_path).class_names == ("caf\u00e9", "tea")

    @pytest.mark.parametrize(
        ("damage", "message"),
        [
            (lambda d: (d / "test" / "ant" / "x.png").write_bytes(b"no"), "x.png is no image"),
            (lambda d: write_kind("png-rgb", d / "test" / "cow" / "x", seed=0), "holds the class 'cow'"),
            (lambda d: write_kind("png-rgb", d / "test" / "ant" / "x", seed=0, size=(9, 9)), "is 9x9, the network"),
            (lambda d: (d / "test").rename(d / "tset"), "has no folder test"),
            (lambda d: (d / "test" / "ant" / "x.png").symlink_to("nowhere"), "is a link to nowhere"),
            (lambda d: [p.unlink() for p in (d / "test").glob("*/*")], "holds no images"),
        ],
    )  # fmt: skip
    def test_what_it_cannot_read_is_one_line(self, tmp_path, damage, message):
        write_set(tmp_path / "pets", ["png-rgb"])
        dataset = load_dataset(str(tmp_path / "pets"), cache=tmp_path / "cache")
        damage(tmp_path / "pets")
        with pytest.raises(SystemExit, match=message) as refused:
            exported(dataset, tmp_path / "pets", tmp_path)
        assert "\n" not in str(refused.value)

    def test_a_network_for_grey_images_refuses_colour(self, tmp_path):
        write_set(tmp_path / "pets", ["png-l"])
        dataset = load_dataset(str(tmp_path / "pets"), cache=tmp_path / "cache")
        write_kind("png-rgb", tmp_path / "pets" / "test" / "ant" / "x", seed=0)
        with pytest.raises(SystemExit, match="is in colour, the network takes grey images"):
            exported(dataset, tmp_path / "pets", tmp_path)


NUMBER_TYPES = ("|b1", "|u1", "|i1", "<u2", ">u2", "<i2", ">i4", "<u4", ">u8", "<i8", "<f2", ">f2", "<f4", ">f4", "<f8")
LABEL_TYPES = ("|u1", "|b1", ">i2", "<u2", "<i8", ">u8", "<f4", ">f8")


@st.composite
def npz_contents(draw):
    """The arrays of an .npz file in any type, byte order, memory order and order of axes that gi reads."""
    shape = draw(st.sampled_from([(5, 4), (5, 4, 1), (5, 4, 3), (1, 5, 4), (3, 5, 4)]))
    spelling = draw(st.sampled_from([("train_{}", "test_{}"), ("{}_train", "{}_test")]))
    images, labels = ("images", "labels") if spelling[0] == "train_{}" else (draw(st.sampled_from("xX")), "y")
    rng, content = np.random.default_rng(draw(st.integers(0, 99))), {}
    for part, count in zip(spelling, draw(st.sampled_from([(12, 3), (12, 0)])), strict=True):
        dtype = np.dtype(draw(st.sampled_from(NUMBER_TYPES)))
        most = {"b": 1, "i": 127, "f": 1000}.get(dtype.kind, 255)
        pixels = rng.integers(0, most + 1, (count, *shape)) / (1000 if dtype.kind == "f" else 1)
        order = draw(st.sampled_from("CF"))
        column = (count, 1) if draw(st.booleans()) else (count,)
        if count:
            content[part.format(images)] = np.asarray(pixels.astype(dtype), order=order)
            content[part.format(labels)] = (
                (np.arange(count) % 2).astype(draw(st.sampled_from(LABEL_TYPES))).reshape(column)
            )
    return content


class TestArrayFiles(ReaderContract):
    @settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(content=npz_contents(), compressed=st.booleans())
    def test_every_type_and_layout(self, tmp_path_factory, content, compressed):
        place = tmp_path_factory.mktemp("npz")
        (np.savez_compressed if compressed else np.savez)(place / "set.npz", **content)
        self.assert_equal(place / "set.npz", place)

    @pytest.mark.parametrize("image_size", [None, (7, 9)])
    def test_official_validation_stays_out_of_training(self, tmp_path, image_size):
        rng = np.random.default_rng(0)
        parts = {"train": 12, "val": 5, "test": 4}
        arrays = {f"{part}_images": rng.integers(0, 256, (n, 5, 4, 3), np.uint8) for part, n in parts.items()}
        labels = {f"{part}_labels": np.arange(n) % 2 for part, n in parts.items()}
        np.savez(tmp_path / "set.npz", **arrays, **labels)
        self.assert_equal(tmp_path / "set.npz", tmp_path, image_size)

    def test_the_file_beside_the_model_never_has_the_name_of_the_users_own(self, tmp_path):
        np.savez(tmp_path / "set.npz", train_images=np.zeros((20, 5, 4), np.uint8), train_labels=np.arange(20) % 2)
        dataset = load_dataset(str(tmp_path / "set.npz"), cache=tmp_path / "cache")
        assert companion_name(dataset, str(tmp_path / "set.npz")) == "set-splits.npz"

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ({"train_images": IMAGES}, "holds no array train_labels"),
            ({"train_images": IMAGES[:, :2], "train_labels": LABELS}, r"shape \(2, 1, 2, 4\)"),
            ({"train_images": IMAGES / 2, "train_labels": LABELS}, "beyond 0 to 1"),
            ({"train_images": IMAGES * np.nan, "train_labels": LABELS}, "beyond 0 to 1"),
            ({"train_images": IMAGES.astype(int) + 250, "train_labels": LABELS}, "beyond 0 to 255"),
            ({"train_images": IMAGES, "train_labels": LABELS + 5}, "not below 4"),
            ({"train_images": IMAGES, "train_labels": LABELS / 2}, "no whole number"),
            ({"train_images": IMAGES, "train_labels": LABELS[:1]}, "do not fit"),
            ({"train_images": IMAGES.astype(complex), "train_labels": LABELS}, "has the type <c16"),
            ({"train_images": IMAGES.astype("U"), "train_labels": LABELS}, "has the type <U"),
            ({"train_images": np.array([{}, []], object), "train_labels": LABELS}, "has the type |O"),
        ],
    )
    def test_arrays_that_do_not_fit_are_one_line(self, tmp_path, content, message):
        np.savez(tmp_path / "data.npz", **content)
        names = reader("npz", CLASSES=tuple("abcd"), INPUT_SHAPE=(1, 5, 4))
        with pytest.raises(SystemExit, match=message) as refused:
            names["read_split"](str(tmp_path), "train")
        assert "\n" not in str(refused.value)

    @pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 cut short"])
    def test_a_file_that_is_no_npz_is_one_line(self, tmp_path, content):
        (tmp_path / "data.npz").write_bytes(content)
        with pytest.raises(SystemExit, match=r"data.npz cannot be read: .+"):
            reader("npz")["read_split"](str(tmp_path / "data.npz"), "train")

    def test_a_file_that_is_cut_short_anywhere_is_one_line(self, tmp_path):
        np.savez_compressed(tmp_path / "data.npz", train_images=IMAGES, train_labels=LABELS)
        whole = (tmp_path / "data.npz").read_bytes()
        names = reader("npz", CLASSES=tuple("abcd"), INPUT_SHAPE=(1, 5, 4))
        for end in range(0, len(whole), 7):
            (tmp_path / "data.npz").write_bytes(whole[:end])
            with pytest.raises(SystemExit, match="cannot be read"):
                names["read_split"](str(tmp_path), "train")


def idx_bytes(array):
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_idx(folder, *, packed=False, prefix="train", images=IMAGES):
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in ((f"{prefix}-images-idx3-ubyte", images), (f"{prefix}-labels-idx1-ubyte", LABELS)):
        content = idx_bytes(array)
        (folder / (name + ".gz" * packed)).write_bytes(gzip.compress(content) if packed else content)


@pytest.mark.parametrize("place", [".", "raw", "MNIST/raw"])
@pytest.mark.parametrize("packed", [False, True])
def test_idx_files_are_found_where_people_keep_them(tmp_path, place, packed):
    write_idx(tmp_path / place, packed=packed)
    names = reader("idx", CLASSES=tuple("abcd"), INPUT_SHAPE=(1, 5, 4))
    images, labels = names["read_split"](str(tmp_path), "train")
    assert images.tolist() == IMAGES[:, None].tolist()
    assert labels.tolist() == [3, 1]


def test_missing_idx_files_are_one_line(tmp_path):
    with pytest.raises(SystemExit, match="holds no t10k-images-idx3-ubyte: pass the folder"):
        reader("idx")["read_split"](str(tmp_path), "test")


@pytest.mark.parametrize("content", [b"", b"\0\0", b"hello", gzip.compress(b"hello", mtime=0)[:-4]])
def test_damaged_idx_files_are_one_line(tmp_path, content):
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(content)
    with pytest.raises(SystemExit, match="no IDX file, or cut short") as refused:
        reader("idx")["read_split"](str(tmp_path), "train")
    assert "\n" not in str(refused.value)


def test_idx_files_of_another_set_are_one_line(tmp_path):
    write_idx(tmp_path)
    with pytest.raises(SystemExit, match="not the files of MNIST"):
        reader("idx", CLASSES=tuple("abcd"))["read_split"](str(tmp_path), "train")


def test_files_of_a_named_set_that_are_missing_are_one_line(tmp_path):
    allow_torchvision()
    with pytest.raises(SystemExit, match="does not hold the files of CIFAR10"):
        reader("named")["read_split"](str(tmp_path), "train")


class TestNamedSets(ReaderContract):
    def test_digits_come_with_the_file_that_holds_them(self, tmp_path):
        assert self.assert_equal("digits", tmp_path).class_names == tuple("0123456789")

    def test_usps_as_torchvision_keeps_it(self, tmp_path):
        import bz2

        rng = np.random.default_rng(0)
        for name, count in (("usps.bz2", 60), ("usps.t.bz2", 20)):
            rows = [
                f"{i % 10 + 1} " + " ".join(f"{k + 1}:{v:.3f}" for k, v in enumerate(rng.uniform(-1, 1, 256)))
                for i in range(count)
            ]
            (tmp_path / name).write_bytes(bz2.compress("\n".join(rows).encode()))
        allow_torchvision()
        dataset = load_dataset("usps", data_root=str(tmp_path), cache=tmp_path / "cache")
        _, (test, labels) = exported(dataset, tmp_path, tmp_path)
        assert np.array_equal(test, open_split(dataset.path, "test")[0])
        assert labels.tolist() == open_split(dataset.path, "test")[1].tolist()


HOSTILE = "a\x1b[2J\nb\u202e"
REFUSED = {
    "npz": {"DATA_NAME": HOSTILE},
    "folder": {"PARTS": {"train": HOSTILE}},
    "idx": {"DATA_NAME": HOSTILE},
    "named": {"DATA_NAME": "MNIST"},
}


@pytest.mark.parametrize(("name", "constants"), REFUSED.items())
def test_what_a_reader_refuses_shows_the_names_of_others_on_one_line(tmp_path, name, constants):
    allow_torchvision()
    (tmp_path / HOSTILE).mkdir()
    with pytest.raises(SystemExit, match=r"a\\x1b\[2J\\nb\\u202e") as refused:
        reader(name, **constants)["read_split"](str(tmp_path / HOSTILE), "train")
    assert str(refused.value).isprintable()


def test_a_damaged_picture_is_shown_by_its_name_on_one_line(tmp_path):
    (tmp_path / "train" / "ant").mkdir(parents=True)
    (tmp_path / "train" / "ant" / f"{HOSTILE}.png").write_bytes(b"no picture")
    with pytest.raises(SystemExit, match=r"a\\x1b\[2J\\nb\\u202e\.png is no image") as refused:
        reader("folder", CLASSES=("ant",))["read_split"](str(tmp_path), "train")
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("name", ["folder", "npz", "idx", "named"])
def test_a_readers_text_stands_alone(name):
    text = reader_source(name)
    assert "gi." not in "".join(line for line in text.splitlines() if "import" in line)
    compile(text, name, "exec")


def test_image_files_shown_by_the_exported_file_are_those_of_gi(tmp_path: Path) -> None:
    from gi.data.readers import image_file

    names = reader("folder")
    write_kind("png-rgba", tmp_path / "x", seed=1)
    path = next(tmp_path.iterdir())
    assert isinstance(names["read_image"](path), Image.Image)
    assert names["read_image"](path).tobytes() == image_file.read_image(path).tobytes()
