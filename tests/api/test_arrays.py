"""A data set given as arrays."""

from contextlib import ExitStack

import numpy as np
import pytest

from gi.api.arrays import keep_arrays
from gi.core.errors import ArchiveError, DatasetError
from gi.data.dataset import load_dataset

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 6, 5), np.uint8)
LABELS = np.arange(40) % 2


def kept(arrays, tmp_path):
    with ExitStack() as held:
        path = keep_arrays(arrays, tmp_path / "run", held)
        return load_dataset(str(path), cache=tmp_path / "cache")


def test_arrays_are_a_data_set(tmp_path):
    dataset = kept((IMAGES, LABELS), tmp_path)
    assert dataset.task.input_shape == (1, 6, 5)
    assert dataset.class_names == ("0", "1")


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (np.where(LABELS, "dog", "cat"), ("cat", "dog")),
        (np.where(LABELS, "dog", "cat").astype(object), ("cat", "dog")),
        (LABELS + 3, ("3", "4")),
        (LABELS.astype(bool), ("False", "True")),
    ],
)
def test_labels_that_do_not_count_from_0_name_their_classes(labels, names, tmp_path):
    assert kept((IMAGES, labels), tmp_path).class_names == names


def test_parts_may_be_given_by_name(tmp_path):
    arrays = {"train_images": IMAGES, "train_labels": LABELS, "test_images": IMAGES[:7], "test_labels": LABELS[:7]}
    assert kept(arrays, tmp_path).num_test == 7


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ((IMAGES, LABELS[:-1]), "there are 40 images and 39 labels"),
        ((IMAGES * 2.0, LABELS), "images goes from 0 to 510: expected uint8, or real numbers from 0 to 1. Divide by"),
        ((IMAGES - 1.0, LABELS), "images goes from -1 to .* from 0 to 1. Bring them to that range"),
        ((IMAGES.reshape(40, -1), LABELS), r"\(40, 30\): expected .* Pass images\.reshape\(-1, height, width\)"),
        ((np.zeros((40, 64)), LABELS), r"\(40, 64\): expected .* Pass images\.reshape\(-1, 8, 8\)"),
        ((IMAGES[0], LABELS[:6]), r"images has the shape \(6, 5\)"),
        (7, "the data set is a int: pass a name, a folder"),
        ({"train_images": np.array([None])}, "train_images has the type object"),
    ],
)
def test_other_arrays_are_refused_and_leave_nothing(arrays, told, tmp_path):
    with pytest.raises(DatasetError, match=told):
        kept(arrays, tmp_path)
    assert not (tmp_path / "run").exists()


def test_the_arrays_of_a_run_that_never_began_go_again(tmp_path):
    with ExitStack() as held:
        path = keep_arrays((IMAGES, LABELS), tmp_path / "run", held)
        assert path.is_file()
    assert not path.parent.exists()


def test_a_file_of_that_name_is_left_alone(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "data.npz").write_text("mine")
    with pytest.raises(ArchiveError, match=r"data\.npz exists"):
        kept((IMAGES, LABELS), tmp_path)
    assert (tmp_path / "run" / "data.npz").read_text() == "mine"
