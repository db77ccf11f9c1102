"""The folder of a run: the names of its files, and the checks before a new run uses a folder."""

import os
from pathlib import Path

from gi.archive.schema import FILE_NAME, run_file
from gi.core.errors import ArchiveError, RunError

WEIGHTS = "weights"
# Beside the run file and not it: SQLite's own locks come and go with each transaction.
LOCK_NAME = "run.lock"
DATA = "data.npz"  # where the data of a run lies that was given arrays
# What a new run may find: its data, and what a process that was killed before its first transaction leaves, with
# SQLite's own files beside it.
_LEFTOVERS = (DATA, LOCK_NAME, f"{FILE_NAME}.part")


def refuse_unfit(folder: Path) -> None:
    """Raises `ArchiveError` where `folder` cannot become a new run's; makes and changes nothing."""
    refuse_existing(folder)
    # Of a folder that is to be made, what it is made in decides.
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not nearest.is_dir():
        raise ArchiveError(f"{nearest} is a file: pass a folder as --out.")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise ArchiveError(f"{nearest} is read-only: pass a writable folder as --out.")
    foreign = (
        # Other files would be mixed with the run's own, and `gi export` would take them for its own.
        sorted(path.name for path in folder.iterdir() if not path.name.startswith(_LEFTOVERS))
        if folder.is_dir()
        else []
    )
    if foreign:
        raise ArchiveError(f"{folder} holds other files ({foreign[0]}, ...): pass a new or empty folder as --out.")


def refuse_existing(folder: Path) -> None:
    """Raises `ArchiveError` where `folder` holds a run already."""
    if run_file(folder).exists():
        raise ArchiveError(
            f"{folder} holds a run already: go on with it by `gi evolve --resume {folder}`, or pass another --out."
        )


def make_weights_folder(run: Path) -> None:
    """Makes the folder of weights of the run in the folder `run`. Raises `RunError` where that has gone."""
    try:
        (run / WEIGHTS).mkdir(
            exist_ok=True
        )  # without its parents: a folder of weights alone would be in a new run's way
    except FileNotFoundError as error:
        raise gone(run) from error
    except OSError as error:
        raise ArchiveError(
            f"{run / WEIGHTS} cannot be made ({error.strerror}): the folder must be writable."
        ) from error


def gone(run: Path) -> RunError:
    """The error of a run whose folder somebody deleted or replaced."""
    return RunError(f"{run} has gone while the run went on: what was found went with it.")


def make_folder(folder: Path) -> None:
    """Makes `folder` where it is missing. Raises `ArchiveError`."""
    # Between the check and this another process may have made it.
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArchiveError(
            f"{folder} cannot be made ({error.strerror}): pass a folder on a writable disk with space as --out."
        ) from error
