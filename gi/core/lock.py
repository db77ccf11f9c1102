"""One writer to a folder: a lock that the death of its holder sets free, on every platform."""

import sqlite3
from pathlib import Path

from gi.core.errors import GiError


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


def is_held(path: Path) -> bool:
    """Whether a process holds the lock file at `path`; nothing is made, and nobody kept from holding it."""
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
    """`hold`, with a line for whoever gave the folder by `option`; `in_use` says what the other process does with it.

    Raises `refusal` where another process holds the lock, and where the folder cannot be written.
    """
    try:
        return hold(path)
    except BlockingIOError as error:
        raise refusal(f"{path.parent} is {in_use}: wait for it, or pass another {option}.") from error
    except PermissionError as error:
        raise refusal(f"{path.parent} cannot be written ({error}): pass a writable folder as {option}.") from error
