"""One writer to a run."""

import sqlite3
from pathlib import Path

from gi.core.errors import ArchiveError
from gi.core.lock import hold

# Beside the run file and not it: SQLite's own locks come and go with each transaction.
LOCK_NAME = "run.lock"


def lock(folder: Path) -> sqlite3.Connection:
    """Holds the run in `folder` until the answer is closed. Raises `ArchiveError` where another process holds it."""
    try:
        return hold(folder / LOCK_NAME)
    except BlockingIOError as error:
        raise ArchiveError(f"{folder} is in use by another gi evolve: wait for it, or pass another --out.") from error
    except PermissionError as error:
        raise ArchiveError(f"{folder} cannot be written ({error}): pass a writable folder as --out.") from error
