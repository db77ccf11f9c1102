"""How the interface tells what it does: lines for people, which go to Python's `logging` unless a caller takes them."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gi.data.dataset import Dataset

Tell = Callable[[str], None]
#: Called with what is being done, how much of it is done, and how much there is (0 where nobody can tell).
OnProgress = Callable[[str, int, int], None]
WARNING = "warning: "


def log(line: str) -> None:
    """Hands a line to the logger "gi", as a warning where it is one."""
    logger = logging.getLogger("gi")
    if line.startswith(WARNING):
        logger.warning(line.removeprefix(WARNING))
    else:
        logger.info(line)


def no_progress(_stage: str, _done: int, _total: int) -> None:
    """Takes progress that nobody asked for."""


def tell_dataset(dataset: "Dataset", tell: Tell) -> None:
    """Tells what was read and what was passed over, and warns of what is odd, a line each."""
    from gi.data.summary import summary_line, warning_lines

    tell(summary_line(dataset))
    for line in warning_lines(dataset):
        tell(f"{WARNING}{line}")
