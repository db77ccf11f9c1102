"""Answers by key, the least recently used out first where they outgrow their bound.

The cache only ever saves work, so nothing that befalls it stops a run: what cannot be read counts as not there, what
cannot be written is not kept, and the log has one line on it. A damaged file is set aside and a new one begun.
"""

import contextlib
import hashlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from gi.core.settings import cache_folder
from gi.core.transactions import transaction
from gi.train.cache.file import (
    DEFAULT_LIMIT_BYTES,
    FILE_NAME,
    ForeignFileError,
    connected,
    connected_to_read,
    inode,
    set_aside,
)

_SHARE_KEPT = 0.9  # of the bound when it is reached, so that not every outcome after that puts one out
_LARGEST_SHARE = 1 / 4  # of the bound may be one outcome: it would put out too much else
LARGEST_BYTES = 16_000_000  # of one outcome with its weights

logger = logging.getLogger(__name__)
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class KeptOutcome:
    """An answer as it was put in, and the file of trained weights where these were kept too."""

    answer: str
    weights: bytes | None = None


@dataclass(frozen=True, slots=True)
class CacheUsage:
    """How many outcomes there are, how often they were asked for since, and how many bytes of how many they fill."""

    entries: int
    hits: int
    used_bytes: int
    limit_bytes: int


def outcomes_folder() -> Path:
    """Where the outcomes of all runs are kept (not created here)."""
    return cache_folder() / "outcomes"


class OutcomeCache:
    """The cache in a folder. Any thread may ask and put in; close it, or use it as a context manager."""

    def __init__(self, folder: Path) -> None:
        """Opens the file in `folder`; both are made where they are missing."""
        self.path = folder / FILE_NAME
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._can_write, self._inode = True, 0
        self._open()

    def get(self, key: str) -> KeptOutcome | None:
        """The outcome stored under this key; None where there is none, and where its digest does not fit."""
        with self._lock:
            row = self._tried(lambda db: db.execute(_GET, (key,)).fetchone(), None)
            if row is None or row[2] != _digest(key, row[0], row[1]):
                return None
            if self._can_write:
                self._tried(lambda db: db.execute(_TOUCH, (time.time(), key)), None)
            return KeptOutcome(row[0], row[1])

    def put(self, key: str, kept: KeptOutcome) -> None:
        """Keeps an answer. One without weights does not replace one of the same training that has them."""
        with self._lock:
            if self._can_write:
                self._tried(lambda db: _put(db, key, kept), None)

    def usage(self) -> CacheUsage:
        """The number and the bytes of the stored outcomes; zeros where the file cannot be read."""
        with self._lock:
            return self._tried(_usage, CacheUsage(0, 0, 0, DEFAULT_LIMIT_BYTES))

    def clear(self) -> bool:
        """Deletes every outcome; returns whether the file could be written."""
        with self._lock:
            return self._can_write and self._tried(_clear, False)

    def set_limit(self, limit_bytes: int) -> bool:
        """Sets the bound of the file and deletes what is beyond; returns whether the file could be written."""
        with self._lock:
            return self._can_write and self._tried(lambda db: _set_limit(db, limit_bytes), False)

    def close(self) -> None:
        """Closes the file; afterwards the cache knows nothing."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    def __enter__(self) -> "OutcomeCache":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._inode = inode(self.path)
            # Its inode before, for a damaged file to be set aside, and after, for one that was made.
            self._db = connected(self.path)
            self._inode = inode(self.path)
        except (sqlite3.OperationalError, OSError) as error:
            self._give_up(error)
        except (sqlite3.DatabaseError, ForeignFileError) as error:
            self._replace(error)

    def _tried(self, ask: Callable[[sqlite3.Connection], Result], otherwise: Result) -> Result:
        """What `ask` answers; `otherwise` where there is no file, or it cannot be used for that."""
        try:
            return otherwise if self._db is None else ask(self._db)
        except sqlite3.OperationalError as error:  # of this moment: a full disk, a folder that is read only, a lock
            if "locked" not in str(error):
                self._give_up(error)
        except sqlite3.DatabaseError as error:
            self._replace(error)
        return otherwise

    def _give_up(self, error: Exception) -> None:
        """Writes nothing more in this process; what can be read still is."""
        if self._can_write:
            logger.warning("gi: no outcomes are kept in %s: %s", self.path, _one_line(error))
        self._can_write = False
        if self._db is None:
            with contextlib.suppress(sqlite3.Error, ForeignFileError):
                self._db = connected_to_read(self.path)

    def _replace(self, error: Exception) -> None:
        """Sets the damaged file aside and begins a new one."""
        if self._db is not None:
            self._db.close()
            self._db = None
        try:
            aside = set_aside(self.path, self._inode)
            self._db, self._inode = connected(self.path), inode(self.path)
        except (OSError, sqlite3.Error, ForeignFileError) as second:
            self._give_up(second)
        else:
            if aside is not None:
                logger.warning("gi: %s is damaged (%s): set aside as %s", self.path, _one_line(error), aside.name)


_GET = "SELECT answer, weights, digest FROM outcomes WHERE key = ?"
_TOUCH = "UPDATE outcomes SET hits = hits + 1, used = ? WHERE key = ?"
_PUT = (
    "INSERT INTO outcomes VALUES (?, ?, ?, ?, 0, ?) ON CONFLICT (key) DO UPDATE SET answer = excluded.answer, "
    "weights = excluded.weights, digest = excluded.digest, used = excluded.used "
    "WHERE excluded.weights IS NOT NULL OR outcomes.weights IS NULL"
)
_OLDEST = "SELECT key FROM outcomes ORDER BY used LIMIT max(1, (SELECT count(*) / 20 FROM outcomes))"


def _put(db: sqlite3.Connection, key: str, kept: KeptOutcome) -> None:
    if len(kept.answer) + len(kept.weights or b"") > min(LARGEST_BYTES, _LARGEST_SHARE * _limit_bytes(db)):
        return
    db.execute(_PUT, (key, kept.answer, kept.weights, _digest(key, kept.answer, kept.weights), time.time()))
    _put_out(db)


def _put_out(db: sqlite3.Connection) -> None:
    """Deletes what was least recently used until the file is within its bound, and gives the pages back."""
    limit = _limit_bytes(db)
    if _used_bytes(db) <= limit:
        return
    with transaction(db):
        while _used_bytes(db) > _SHARE_KEPT * limit and db.execute("SELECT 1 FROM outcomes LIMIT 1").fetchone():
            db.execute(f"DELETE FROM outcomes WHERE key IN ({_OLDEST})")
    _give_back(db)


def _clear(db: sqlite3.Connection) -> bool:
    db.execute("DELETE FROM outcomes")
    _give_back(db)
    return True


def _set_limit(db: sqlite3.Connection, limit_bytes: int) -> bool:
    db.execute("UPDATE bounds SET bytes = ?", (limit_bytes,))
    _put_out(db)
    return True


def _give_back(db: sqlite3.Connection) -> None:
    """Shortens the file by its free pages."""
    db.executescript("PRAGMA incremental_vacuum")  # `execute` gives back one page and stops


def _usage(db: sqlite3.Connection) -> CacheUsage:
    entries, hits = db.execute("SELECT count(*), coalesce(sum(hits), 0) FROM outcomes").fetchone()
    return CacheUsage(entries, hits, _used_bytes(db), _limit_bytes(db))


def _used_bytes(db: sqlite3.Connection) -> int:
    pages, free, size = (
        db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def _limit_bytes(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT bytes FROM bounds").fetchone()[0])


def _digest(key: str, answer: Any, weights: Any) -> str:
    """What shows that a row is as it was put in: of damaged pages SQLite sees only some. "" for what no row holds."""
    if not isinstance(answer, str) or not isinstance(weights, bytes | None):
        return ""
    return hashlib.sha256(f"{key}\n{answer}\n".encode() + (weights or b"")).hexdigest()[:16]


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
