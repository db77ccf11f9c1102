"""What verbs that read a data set have in common: `--image-size`, and the lines that say what was read."""

import re
from typing import TYPE_CHECKING

import click

from gi.api.messages import tell_dataset
from gi.cli.options import tell
from gi.core.errors import ConfigError

if TYPE_CHECKING:
    from gi.data.dataset import Dataset

image_size_option = click.option(
    "--image-size",
    metavar="N|HxW",
    show_default="as they are",
    help="Bring all images to this size, in pixels; for images over 64x64 or of several sizes.",
)


def parse_image_size(text: str | None) -> tuple[int, int] | None:
    """(height, width) of "32" or "24x32", None of None. Raises `ConfigError`."""
    if text is None:
        return None
    # Six digits at most: int() of a long text is slow, and no image has a million pixels a side.
    match = re.fullmatch(r"([1-9]\d{0,5})(?:[xX]([1-9]\d{0,5}))?", text.strip())
    if match is None:
        raise ConfigError(f"--image-size {text!r} is no size: write pixels, 32 or, as height x width, 24x32.")
    return int(match[1]), int(match[2] or match[1])


def announce(dataset: "Dataset") -> None:
    """Says on stderr what was read and what was passed over, and warns of what is odd, a line each."""
    tell_dataset(dataset, tell)
