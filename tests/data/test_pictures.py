import io

import numpy as np
import pytest
from PIL import Image

from gi.data.dataset import load_dataset
from gi.data.pictures import validation_pictures


@pytest.fixture
def dataset(tmp_path):
    def made(shape):
        rng = np.random.default_rng(0)
        images = rng.integers(0, 256, (40, *shape)).astype(np.uint8)
        labels = np.arange(40) % 2
        parts = {"train": images, "val": images, "test": images}
        arrays = {f"{part}_{what}": x for part, i in parts.items() for what, x in (("images", i), ("labels", labels))}
        np.savez(tmp_path / "set.npz", **arrays)
        return load_dataset(str(tmp_path / "set.npz"), cache=tmp_path / "cache"), images

    return made


@pytest.mark.parametrize(("shape", "mode"), [((9, 7), "L"), ((9, 7, 3), "RGB")])
def test_a_picture_has_the_samples_pixels(dataset, shape, mode):
    made, images = dataset(shape)
    pictures = validation_pictures(made, [3])
    shown = Image.open(io.BytesIO(pictures[3]))
    assert (shown.mode, shown.size) == (mode, (7, 9))
    assert np.array_equal(np.asarray(shown), images[3])


def test_numbers_that_there_are_not_are_left_out(dataset):
    made, _ = dataset((9, 7))
    assert set(validation_pictures(made, [-1, 0, 39, 40])) == {0, 39}
