"""What verbs that read a data set say of it, and the size that images are brought to."""

import json
from pathlib import Path

import numpy as np
import pytest

from gi.cli.data_set import announce, parse_image_size
from gi.core.errors import ConfigError
from gi.core.settings import RunConfig
from gi.data.dataset import load_dataset


@pytest.mark.parametrize(
    ("text", "size"), [(None, None), ("32", (32, 32)), ("24x32", (24, 32)), (" 8X9 ", (8, 9)), ("1", (1, 1))]
)
def test_a_size_is_a_side_or_height_by_width(text: str | None, size: tuple[int, int] | None) -> None:
    assert parse_image_size(text) == size


@pytest.mark.parametrize("text", ["", "0", "8x", "x8", "8x0", "8x8x8", "-4", "8.5", "9999999"])
def test_other_sizes_are_refused_in_one_line(text: str) -> None:
    with pytest.raises(ConfigError, match="is no size: write pixels"):
        parse_image_size(text)


def test_a_run_keeps_its_image_size() -> None:
    config = RunConfig(dataset="pets", image_size=(24, 32))
    stored = json.loads(json.dumps(config.to_json()))
    assert RunConfig.from_json(stored) == config
    for wrong in ([24], [24, 32, 3], [24, "32"], [24, True], 24, ["24", "32"]):
        with pytest.raises(ConfigError, match=r"image size is .*: it must be a list of two whole numbers or none"):
            RunConfig.from_json(stored | {"image_size": wrong})


def test_says_what_was_read_and_warns_a_line_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (80, 5, 4), np.uint8)
    images[60:] = images[0]
    labels = np.array([1, 1] + [0] * 58)
    np.savez(tmp_path / "set.npz", x_train=images[:60], y_train=labels, x_test=images[60:], y_test=labels[40:])
    announce(load_dataset(str(tmp_path / "set.npz"), cache=tmp_path / "cache"))
    first, *warnings = capsys.readouterr().err.splitlines()
    assert first == "gi: set: 2 classes, 48 training / 12 validation / 20 test images of 5x4 grey"
    starts = [
        "20 of 20 test images are ",
        "1 image is in two classes, e.g. ",
        "there are no test images of the class 1",
    ]
    uneven = "the classes are uneven beyond 20 to 1: 58 training images of 0, 2 of 1 (gi evolve --metric balanced-error"
    assert len(warnings) == 4
    for line, start in zip(warnings, [*starts, uneven], strict=True):
        assert line.startswith(f"gi: warning: set: {start}")
