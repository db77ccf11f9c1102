"""One writer to a folder: a lock that the death of its holder sets free, on every platform."""

import sqlite3
from pathlib import Path


def hold(path: Path) -> sqlite3.Connection:
    """Holds the lock file at `path` until the answer is closed.

    SQLite's own exclusive lock on an empty file: the kernel drops it when the process dies, child processes do not
    inherit it, and readers of what it guards never meet it. Raises `BlockingIOError` where another process holds it,
    `PermissionError` where it cannot be made.
    """
    try:
        # Without waiting: who holds a run holds it for hours.
        holder = sqlite3.connect(path, isolation_level=None, timeout=0)
    except sqlite3.OperationalError as error:
        raise PermissionError(str(error)) from error
    try:
        holder.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        holder.close()
        raise (BlockingIOError if "locked" in str(error) else PermissionError)(str(error)) from error
    return holder
