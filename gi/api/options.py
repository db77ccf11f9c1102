"""Converts options of a run as users write them to its settings: durations, counts, shares, paths."""

import itertools
import re
from pathlib import Path

from gi.core.settings import parse_count, parse_duration, parse_share


def seconds(given: str | float | None, what: str) -> float | None:
    """A duration in seconds, also from a text such as "20m". Raises `ConfigError` naming `what`."""
    return parse_duration(given, what) if isinstance(given, str) else given


def count(given: str | int | None) -> int | None:
    """An integer, also from a text such as "10k". Raises `ConfigError`."""
    return parse_count(given) if isinstance(given, str) else given


def share(given: str | float | None) -> float | None:
    """A share of 1, also from a text such as "2%". Raises `ConfigError`."""
    return parse_share(given) if isinstance(given, str) else given


def height_and_width(given: int | tuple[int, int] | None) -> tuple[int, int] | None:
    """(height, width) of images; one number means both."""
    return (given, given) if isinstance(given, int) else given


def absolute(path: str | Path | None) -> str | None:
    """The absolute path, so that a run can be resumed from another folder."""
    return None if path is None else str(Path(path).expanduser().absolute())


def next_run_folder(dataset: str) -> Path:
    """The first of runs/DATASET-1, runs/DATASET-2, ... that does not exist."""
    # Without characters that a shell would treat specially: the folder is typed in later commands.
    name = re.sub(r"[^\w.-]+", "-", Path(dataset).name) or "run"
    return next(folder for n in itertools.count(1) if not (folder := Path("runs", f"{name}-{n}")).exists())
