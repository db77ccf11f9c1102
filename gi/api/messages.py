"""Messages and progress for the user: lines, which go to Python's `logging` unless a caller passes `tell`."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gi.data.dataset import Dataset

Tell = Callable[[str], None]
#: Called with (stage, done, total); the total is 0 where it is unknown.
OnProgress = Callable[[str, int, int], None]
# Part of the line, since a `tell` such as the terminal's takes lines and no levels.
WARNING = "warning: "


def log(line: str) -> None:
    """Logs a line with the logger "gi", as a warning if it starts with `WARNING`."""
    logger = logging.getLogger("gi")
    if line.startswith(WARNING):
        logger.warning(line.removeprefix(WARNING))
    else:
        logger.info(line)


def no_progress(_stage: str, _done: int, _total: int) -> None:
    """Discards progress: the default of `on_progress`."""


def tell_dataset(dataset: "Dataset", tell: Tell) -> None:
    """Sends a summary of the data set, with what was skipped, and a line for each warning."""
    from gi.data.summary import summary_line, warning_lines

    tell(summary_line(dataset))
    for line in warning_lines(dataset):
        tell(f"{WARNING}{line}")
