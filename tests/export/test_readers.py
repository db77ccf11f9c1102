import gzip
import struct

import numpy as np
import pytest
from PIL import Image

from gi.core.compat import allow_torchvision
from gi.export.readers import idx, npz

IMAGES = np.arange(2 * 5 * 4, dtype=np.uint8).reshape(2, 5, 4)
LABELS = np.array([3, 1], dtype=np.uint8)


def idx_bytes(array):
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.mark.parametrize("place", [".", "raw", "MNIST/raw"])
@pytest.mark.parametrize("packed", [False, True])
def test_idx_files_are_found_where_people_keep_them(tmp_path, place, packed):
    folder = tmp_path / place
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in (("train-images-idx3-ubyte", IMAGES), ("train-labels-idx1-ubyte", LABELS)):
        content = idx_bytes(array)
        (folder / (name + ".gz" * packed)).write_bytes(gzip.compress(content) if packed else content)
    images, labels = idx.read_split(str(tmp_path), "train")
    assert images.tolist() == IMAGES[:, None].tolist()
    assert labels.tolist() == [3, 1]


def test_missing_idx_files_are_one_line(tmp_path):
    with pytest.raises(SystemExit, match="holds no t10k-images-idx3-ubyte: pass the folder"):
        idx.read_split(str(tmp_path), "test")


@pytest.mark.parametrize(
    ("images", "spelling"),
    [
        (IMAGES, ("train_images", "train_labels")),
        (IMAGES[:, None], ("x_train", "y_train")),
        (IMAGES[..., None], ("train_images", "train_labels")),
        (IMAGES / 255, ("x_train", "y_train")),
        ((IMAGES / 255).astype(np.float32), ("x_train", "y_train")),
        (IMAGES.astype(np.int64), ("x_train", "y_train")),
    ],
)
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_files_are_read_in_every_layout(tmp_path, images, spelling, save):
    save(tmp_path / "data.npz", **{spelling[0]: images, spelling[1]: LABELS[:, None]})
    for place in (tmp_path, tmp_path / "data.npz"):
        read, labels = npz.read_split(str(place), "train")
        assert read.tolist() == IMAGES[:, None].tolist()
        assert labels.tolist() == [3, 1]


def test_npz_files_without_the_split_are_one_line(tmp_path):
    np.savez(tmp_path / "data.npz", a=IMAGES)
    with pytest.raises(SystemExit, match="holds no array test_images"):
        npz.read_split(str(tmp_path), "test")


def test_image_folders_are_read_in_the_order_of_their_classes(tmp_path):
    allow_torchvision()
    from gi.export.readers import folder

    for label, name in enumerate(["ant", "bee"]):
        (tmp_path / "train" / name).mkdir(parents=True)
        Image.fromarray(np.stack([IMAGES[label]] * 3, axis=-1)).save(tmp_path / "train" / name / "0.png")
    images, labels = folder.read_split(str(tmp_path), "train")
    assert images.shape == (2, 3, 5, 4)
    assert images[:, 0].tolist() == IMAGES.tolist()
    assert labels.tolist() == [0, 1]
    with pytest.raises(SystemExit, match="has no folder test"):
        folder.read_split(str(tmp_path), "test")


def test_files_of_a_named_set_that_are_missing_are_one_line(tmp_path):
    allow_torchvision()
    from gi.export.readers import named

    with pytest.raises(SystemExit, match="does not hold the files of CIFAR10"):
        named.read_split(str(tmp_path), "train")
