"""What people write as options of a run, as its settings hold it: durations, counts, shares, places."""

import itertools
import re
from pathlib import Path

from gi.core.settings import parse_count, parse_duration, parse_share


def seconds(given: str | float | None, what: str) -> float | None:
    """A duration in seconds, of "20m" and the like too. Raises `ConfigError` naming `what`."""
    return parse_duration(given, what) if isinstance(given, str) else given


def count(given: str | int | None) -> int | None:
    """A whole number, of "10k" and the like too. Raises `ConfigError`."""
    return parse_count(given) if isinstance(given, str) else given


def share(given: str | float | None) -> float | None:
    """A share of 1, of "2%" and the like too. Raises `ConfigError`."""
    return parse_share(given) if isinstance(given, str) else given


def height_and_width(given: int | tuple[int, int] | None) -> tuple[int, int] | None:
    """The size of images: one number stands for both sides."""
    return (given, given) if isinstance(given, int) else given


def absolute(path: str | Path | None) -> str | None:
    """A path that means the same when the run goes on from another folder."""
    return None if path is None else str(Path(path).expanduser().absolute())


def next_run_folder(dataset: str) -> Path:
    """The first of runs/DATASET-1, runs/DATASET-2, ... that does not exist."""
    name = re.sub(r"[^\w.-]+", "-", Path(dataset).name) or "run"
    return next(folder for n in itertools.count(1) if not (folder := Path("runs", f"{name}-{n}")).exists())
