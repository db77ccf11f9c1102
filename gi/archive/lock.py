"""One writer to a run: a lock that the death of its holder sets free, on every platform."""

import sqlite3
from pathlib import Path

from gi.core.errors import ArchiveError

LOCK_NAME = "run.lock"


def lock(folder: Path) -> sqlite3.Connection:
    """Holds the run in `folder` until the answer is closed. Raises `ArchiveError` where another process holds it.

    SQLite's own exclusive lock on an empty file beside the run: the kernel drops it when the process dies, child
    processes do not inherit it, and readers of the run file never meet it.
    """
    holder = sqlite3.connect(folder / LOCK_NAME, isolation_level=None, timeout=0)
    try:
        holder.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        holder.close()
        if "locked" not in str(error):
            raise ArchiveError(f"{folder} cannot be written ({error}): pass a writable folder as --out.") from error
        raise ArchiveError(f"{folder} is in use by another gi evolve: wait for it, or pass another --out.") from error
    return holder
