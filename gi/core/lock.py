"""A lock for one writer to a folder, which is released when its holder dies, on every platform."""

import sqlite3
from pathlib import Path

from gi.core.errors import GiError


def hold(path: Path) -> sqlite3.Connection:
    """Locks the file at `path` until the returned connection is closed.

    SQLite's exclusive lock on an empty file: the kernel releases it when the process dies, child processes do not
    inherit it, and readers of the guarded folder never touch it. Raises `BlockingIOError` where another process holds
    it, `PermissionError` where the file cannot be made.
    """
    try:
        # Without waiting: a run is locked for hours.
        holder = sqlite3.connect(path, isolation_level=None, timeout=0)
    except sqlite3.OperationalError as error:
        raise PermissionError(str(error)) from error
    try:
        holder.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        holder.close()
        raise (BlockingIOError if "locked" in str(error) else PermissionError)(str(error)) from error
    return holder


def is_held(path: Path) -> bool:
    """Whether a process has locked the file at `path`; creates no file and takes no exclusive lock."""
    if not path.is_file():
        return False
    reader = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=0)
    try:
        reader.execute("SELECT 1 FROM sqlite_master").fetchall()
    except sqlite3.OperationalError as error:
        return "locked" in str(error)
    finally:
        reader.close()
    return False


def hold_or_refuse(path: Path, refusal: type[GiError], *, in_use: str, option: str) -> sqlite3.Connection:
    """`hold` with one-line errors that name the `option` of the folder; `in_use` describes the other process's use.

    Raises `refusal` where another process holds the lock, and where the folder cannot be written.
    """
    try:
        return hold(path)
    except BlockingIOError as error:
        raise refusal(f"{path.parent} is {in_use}: wait for it, or pass another {option}.") from error
    except PermissionError as error:
        raise refusal(f"{path.parent} cannot be written ({error}): pass a writable folder as {option}.") from error
