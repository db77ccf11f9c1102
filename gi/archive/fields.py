"""Rules for single values of a run file beyond their type: predicates, which never raise."""

import json
import math
import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from gi.core.diagnosis import diagnosis_from_json
from gi.core.objectives import OBJECTIVES

# Up to the length of a SHA-256; no slash, no dot: ids become names of files.
_ID = re.compile(r"[0-9a-f]{1,64}")
_IDS_OF_EXPLANATIONS = ("id", "individual", "seed_program")
_OBJECTIVE_KEYS = {"key", "unit", "reference", "log", "bounded"}


# JSON of Python reads NaN, which sorts anywhere and would win or lose at random.
def as_json(accepts: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """A predicate of texts: JSON whose value `accepts` takes. NaN and infinity, which Python reads, are refused."""

    def question(text: Any) -> bool:
        try:
            return accepts(json.loads(text, parse_constant=_no_number))
        except (ValueError, RecursionError):
            return False

    return question


def inside(folder: Path) -> Callable[[str], bool]:
    """A predicate of paths: relative, and inside `folder` after links are followed.

    Windows' spellings are checked too: a run may be opened on another system than the one that wrote it.
    """

    # A drive letter or a backslash is a path on Windows alone, where the run may be opened.
    def question(path: str) -> bool:
        parts = (PurePosixPath(path), PureWindowsPath(path))
        if not path or "\0" in path or any(p.anchor or ".." in p.parts for p in parts):
            return False
        try:
            return (folder / path).resolve().is_relative_to(folder.resolve())
        except (OSError, RuntimeError):  # links in a circle
            return False

    return question


def is_id(value: Any) -> bool:
    """Whether it is at most 64 hexadecimal digits: ids name files."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def are_ids(value: Any) -> bool:
    """Whether it is a list of ids."""
    return isinstance(value, list) and all(map(is_id, value))


def are_texts(value: Any) -> bool:
    """Whether it is a list of texts."""
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def are_named_texts(value: Any) -> bool:
    """Whether it is an object of texts."""
    return isinstance(value, dict) and are_texts(list(value.values()))


def is_object(value: Any) -> bool:
    """Whether it is an object."""
    return isinstance(value, dict)


def is_explanation(value: Any) -> bool:
    """Whether it is an object whose ids are valid where it has them: the minimised program's id names a file."""
    return isinstance(value, dict) and all(is_id(value[key]) for key in _IDS_OF_EXPLANATIONS if key in value)


def is_diagnosis(value: Any) -> bool:
    """Whether it is the diagnosis of a final training (`gi.core.diagnosis`)."""
    return diagnosis_from_json(value) is not None


def is_picture(value: Any) -> bool:
    """Whether it has the signature of a PNG and at most 64 KiB."""
    return isinstance(value, bytes) and value.startswith(b"\x89PNG\r\n\x1a\n") and len(value) <= 1 << 16


def is_figures(value: Any) -> bool:
    """Whether it is an object of finite numbers of at least 0."""
    return isinstance(value, dict) and all(_is_number(number) and number >= 0 for number in value.values())


def is_reference(value: Any) -> bool:
    """Whether it is a list of finite numbers."""
    return isinstance(value, list) and all(map(_is_number, value))


def are_rungs(value: Any) -> bool:
    """Whether it is a list of at least one positive whole number, each larger than the one before."""
    counts = isinstance(value, list) and bool(value) and all(type(n) is int and n > 0 for n in value)
    return counts and value == sorted(set(value))


def is_objectives(value: Any) -> bool:
    """Whether it is a list of objectives that gi knows."""
    return isinstance(value, list) and all(map(_is_objective, value))


def _is_objective(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() <= _OBJECTIVE_KEYS
        and isinstance(value.get("key"), str)
        and value["key"] in OBJECTIVES
        and isinstance(value.get("unit", ""), str)
        and (value.get("reference") is None or _is_number(value["reference"]))
        and all(isinstance(value.get(key, False), bool) for key in ("log", "bounded"))
    )


def _is_number(value: Any) -> bool:
    """Whether it is a finite number; JSON's integers may be too large for a float, and are refused."""
    try:
        # bool is an int to Python, and no figure.
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(float(value))
    except OverflowError:
        return False


def _no_number(name: str) -> None:
    raise ValueError(name)
