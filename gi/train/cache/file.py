"""The file of the cache: one SQLite file, which several processes may use at once, and what to do with a damaged one.

Its log is written ahead, so that readers never wait and a process that dies leaves a sound file. It may come from a
stranger: one that declares anything but gi's own tables (a trigger would run with our statements) counts as damaged.
"""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gi.core.lock import hold
from gi.core.transactions import transaction

FILE_NAME = "outcomes-1.sqlite"  # the number is the form's: a later gi leaves this file to the earlier ones
DEFAULT_LIMIT_BYTES = 256_000_000

_WAIT_S = 2.0  # for another process that writes
_OPENINGS, _PAUSE_S = 20, 0.05
_TABLES = (
    "CREATE TABLE bounds (bytes INTEGER NOT NULL)",
    "CREATE TABLE outcomes (key TEXT PRIMARY KEY, answer TEXT NOT NULL, weights BLOB, digest TEXT NOT NULL, "
    "hits INTEGER NOT NULL, used REAL NOT NULL)",
    "CREATE INDEX outcomes_by_use ON outcomes (used)",
)


class ForeignFileError(Exception):
    """The file declares other tables than gi's, or something beside tables."""


def connected(path: Path) -> sqlite3.Connection:
    """A connection to the file, with its tables made where it is new.

    Raises `ForeignFileError`, `sqlite3.OperationalError` for a file that cannot be written just now, and another
    `sqlite3.DatabaseError` for a damaged one.
    """
    for left in reversed(range(_OPENINGS)):
        try:
            return _connected(path)
        except sqlite3.OperationalError as error:  # two that make the file at once do not wait for each other
            if "locked" not in str(error) or not left:
                raise
            time.sleep(_PAUSE_S)
    raise AssertionError("the last opening raises")


def _connected(path: Path) -> sqlite3.Connection:
    with _closed_on_failure(_opened(path, "mode=rwc")) as db:
        if _schema(db):
            _refuse_foreign(db)  # before anything is written to what is not gi's
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")  # without effect on a file that has tables
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        with transaction(db):
            if not _schema(db):
                _make_tables(db)
        return db


def connected_to_read(path: Path) -> sqlite3.Connection:
    """A connection that never writes, also in a folder that is read only. Raises what `connected` does."""
    log = path.with_name(f"{path.name}-wal")
    # Without a log SQLite would make one, which it cannot in such a folder; then no other process writes there either.
    option = "mode=ro" if log.exists() else "immutable=1"
    with _closed_on_failure(_opened(path, option)) as db:
        _refuse_foreign(db)
        return db


def set_aside(path: Path, number: int) -> Path | None:
    """Renames the file with its log, if it is still the one whose inode has this `number`; None where it is not.

    Raises `OSError`, also where another process is at it.
    """
    with contextlib.closing(hold(path.with_name(f"{path.name}.lock"))):
        if inode(path) != number:
            return None
        aside = path.with_name(f"{path.name}.damaged")
        for suffix in ("", "-wal", "-shm"):  # a log that stays behind would be played into the new file
            with contextlib.suppress(FileNotFoundError):
                path.with_name(path.name + suffix).replace(aside.with_name(aside.name + suffix))
        return aside


def inode(path: Path) -> int:
    """The number that distinguishes the file from a later one of the same name; 0 for none."""
    try:
        return path.stat().st_ino
    except OSError:
        return 0


def _opened(path: Path, option: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?{option}"
    db = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_WAIT_S, check_same_thread=False)
    db.text_factory = lambda stored: stored.decode("utf-8", "replace")  # what is no text any more is no error here
    return db


@contextlib.contextmanager
def _closed_on_failure(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    try:
        yield db
    except BaseException:
        db.close()
        raise


def _make_tables(db: sqlite3.Connection) -> None:
    for statement in _TABLES:
        db.execute(statement)
    db.execute("INSERT INTO bounds VALUES (?)", (DEFAULT_LIMIT_BYTES,))


def _schema(db: sqlite3.Connection) -> list[Any]:
    return db.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name").fetchall()


def _refuse_foreign(db: sqlite3.Connection) -> None:
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as new:
        _make_tables(new)
        expected = _schema(new)
    if _schema(db) != expected:
        raise ForeignFileError("it declares other tables than gi's")
    bounds = db.execute("SELECT typeof(bytes), bytes > 0 FROM bounds").fetchall()
    if bounds != [("integer", 1)]:
        raise ForeignFileError("it has no bound")
