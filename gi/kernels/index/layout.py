"""The folder of an index: its files, and the state file with the valid length of each."""

import dataclasses
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gi.core.errors import WeightsError
from gi.core.files import write_whole
from gi.core.lock import hold_or_refuse
from gi.kernels.records import TABLES

VERSION = 1
_STATE = "index.json"
_LOCK = "index.lock"


@dataclass(frozen=True, slots=True)
class State:
    """The valid lengths after a finished addition: readers ignore anything beyond, writers append there."""

    version: int = VERSION
    num_networks: int = 0
    num_layers: int = 0
    num_kernels: int = 0
    num_vector_values: int = 0
    stored: Mapping[str, int] = field(default_factory=dict)
    parts: tuple[str, ...] = ()


def kernel_file(folder: Path, shape: str) -> Path:
    """The file of the kernels of one shape, float32."""
    return folder / "kernels" / f"{shape}.f32"


def vector_file(folder: Path) -> Path:
    """The file of biases and normalisation statistics, float32."""
    return folder / "vectors.f32"


def part_file(folder: Path, table: str, part: str) -> Path:
    """The file of one part of a table; a table is the folder of its parts."""
    return folder / table / f"{part}.parquet"


def has_state(folder: Path) -> bool:
    """Whether there is an index in `folder`."""
    return (folder / _STATE).exists()


def read_state(folder: Path) -> State:
    """The state of the index in `folder`. Raises `WeightsError` where there is none, or one of another version."""
    try:
        stored = json.loads((folder / _STATE).read_text("utf-8"))
        version = stored["version"]
    except (FileNotFoundError, NotADirectoryError):
        raise WeightsError(f"{folder} holds no index: make one by `gi index build FILE... --index {folder}`.") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{folder / _STATE} cannot be read ({error}): build the index again elsewhere.") from error
    if version != VERSION:
        raise WeightsError(
            f"{folder} is an index of version {version}, this gi reads version {VERSION}: build it again elsewhere."
        )
    try:
        return State(**{**stored, "parts": tuple(stored["parts"])})
    except (KeyError, TypeError) as error:
        raise WeightsError(f"{folder / _STATE} is damaged ({error}): build the index again elsewhere.") from error


def write_state(folder: Path, state: State) -> None:
    """Commits an addition atomically."""
    write_whole(folder / _STATE, json.dumps(dataclasses.asdict(state)).encode())


def make_folder(folder: Path) -> None:
    """Makes the folder of a new index. Raises `WeightsError` where it cannot be made, or holds other files."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if names - {_LOCK} and not names & {_STATE, "kernels"}:  # kernels/ alone is left by a killed first build
        raise WeightsError(f"{folder} holds other files and no index: pass a new folder as --index.")
    try:
        for name in ("kernels", *TABLES):
            (folder / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WeightsError(f"{folder} cannot be made ({error.strerror}): pass a writable folder as --index.") from error


def lock(folder: Path) -> sqlite3.Connection:
    """Locks the index for writing until the result is closed. Raises `WeightsError` where another process has it."""
    return hold_or_refuse(folder / _LOCK, WeightsError, in_use="being built by another gi", option="--index")
