"""The run file: its tables, how it is opened, and what SQLite's errors mean to a user.

The journal is a write-ahead log: a commit survives the death of every process at any moment (the log's pages are with
the kernel by then; only a power cut can take the last commits, and those alone), and readers see a consistent state
while the run goes on. When a run ends the log is folded in, so that a finished run is one file that reads in a
read-only folder too.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from gi.core.errors import ArchiveError, GiError, RunError

T = TypeVar("T")

APPLICATION_ID = 0x67695275  # "giRu"
VERSION = 2
FILE_NAME = "run.sqlite"

TABLES = """
CREATE TABLE run (
    id INTEGER PRIMARY KEY CHECK (id = 1), config TEXT NOT NULL, objectives TEXT NOT NULL, reference TEXT,
    versions TEXT NOT NULL, machine TEXT NOT NULL, command TEXT NOT NULL, started REAL NOT NULL
);
CREATE TABLE seeds (
    position INTEGER PRIMARY KEY, text TEXT NOT NULL,
    repository TEXT NOT NULL, commit_hash TEXT NOT NULL, path TEXT NOT NULL, line INTEGER NOT NULL,
    licence TEXT NOT NULL
);
CREATE TABLE originals (position INTEGER PRIMARY KEY REFERENCES seeds (position), content BLOB NOT NULL);
CREATE TABLE individuals (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, text TEXT NOT NULL, generation INTEGER NOT NULL,
    slot INTEGER NOT NULL,
    repository TEXT, commit_hash TEXT, path TEXT, line INTEGER, licence TEXT, fingerprint TEXT NOT NULL DEFAULT ''
);
CREATE TABLE slots (
    generation INTEGER NOT NULL, slot INTEGER NOT NULL, individual TEXT REFERENCES individuals (id),
    PRIMARY KEY (generation, slot)
) WITHOUT ROWID;
CREATE TABLE tries (
    generation INTEGER NOT NULL, slot INTEGER NOT NULL, number INTEGER NOT NULL,
    operator TEXT NOT NULL, stage TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL,
    PRIMARY KEY (generation, slot, number)
) WITHOUT ROWID;
CREATE TABLE parents (
    individual TEXT NOT NULL REFERENCES individuals (id), position INTEGER NOT NULL, parent TEXT NOT NULL,
    PRIMARY KEY (individual, position)
) WITHOUT ROWID;
CREATE TABLE edits (
    individual TEXT NOT NULL REFERENCES individuals (id), position INTEGER NOT NULL,
    operator TEXT NOT NULL, type TEXT NOT NULL, at_line INTEGER NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL,
    repository TEXT, commit_hash TEXT, path TEXT, line INTEGER, licence TEXT,
    PRIMARY KEY (individual, position)
) WITHOUT ROWID;
CREATE TABLE outcomes (
    individual TEXT NOT NULL REFERENCES individuals (id), split TEXT NOT NULL, seed INTEGER NOT NULL,
    images INTEGER NOT NULL, figures TEXT, stage TEXT, reason TEXT, detail TEXT,
    train_cpu_s REAL NOT NULL, measure_cpu_s REAL NOT NULL, cpu_s REAL NOT NULL, wall_s REAL NOT NULL,
    copied_from TEXT REFERENCES individuals (id),
    PRIMARY KEY (individual, split, seed, images)
);
CREATE TABLE generations (
    number INTEGER PRIMARY KEY, population TEXT NOT NULL, front TEXT NOT NULL, hypervolume REAL NOT NULL,
    random_state TEXT NOT NULL, cpu_s REAL NOT NULL, closed REAL NOT NULL
);
CREATE TABLE retrainings (
    individual TEXT NOT NULL REFERENCES individuals (id), seed INTEGER NOT NULL, images INTEGER NOT NULL,
    test_error REAL, validation_error REAL, weights TEXT,
    PRIMARY KEY (individual, seed, images)
);
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY, started REAL NOT NULL, command TEXT NOT NULL, versions TEXT NOT NULL,
    cpu_s REAL NOT NULL DEFAULT 0, wall_s REAL NOT NULL DEFAULT 0
);
CREATE TABLE events (id INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, detail TEXT NOT NULL);
CREATE INDEX individuals_by_generation ON individuals (generation, seq);
"""

# How a run file of an earlier format becomes one of the next, by the earlier format's number; and how it is read while
# nobody may write to it: a temporary view stands in front of the table.
MIGRATIONS = {
    1: """
        ALTER TABLE individuals ADD COLUMN fingerprint TEXT NOT NULL DEFAULT '';
        ALTER TABLE outcomes ADD COLUMN copied_from TEXT REFERENCES individuals (id);
    """,
}
_VIEWS = {
    1: """
        CREATE TEMP VIEW individuals AS SELECT *, '' AS fingerprint FROM main.individuals;
        CREATE TEMP VIEW outcomes AS SELECT *, NULL AS copied_from FROM main.outcomes;
    """,
}


def run_file(folder: Path) -> Path:
    """The run file that `folder` (or the path of the file itself) stands for."""
    return folder if folder.name == FILE_NAME else folder / FILE_NAME


def write_new(path: Path, fill: Callable[[sqlite3.Connection], T]) -> T:
    """Writes a run file with what `fill` puts in, and returns what that returns.

    Under another name first: a process killed in here leaves no run file, never one that holds no run.
    """
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    db = sqlite3.connect(part, isolation_level=None)
    try:
        db.executescript(
            f"BEGIN; PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION}; {TABLES} COMMIT;"
        )
        with transaction(db):
            filled = fill(db)
        db.close()
        part.rename(path)
    finally:
        db.close()
        part.unlink(missing_ok=True)
    return filled


def connect_writer(path: Path) -> sqlite3.Connection:
    """The connection of the one process that writes; a file of an earlier format is brought up to date.

    Raises `ArchiveError` for a file that is not a run's.
    """
    with explained(path):
        db = _checked(sqlite3.connect(path, isolation_level=None, timeout=30), path)
        (state,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if state != "ok":
            raise _damaged(path, str(state))
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA foreign_keys = ON")
        _migrate(db)
        return db


def _migrate(db: sqlite3.Connection) -> None:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    for earlier in range(version, VERSION):
        db.executescript(f"BEGIN IMMEDIATE; {MIGRATIONS[earlier]} PRAGMA user_version = {earlier + 1}; COMMIT;")


def _as_of_today(db: sqlite3.Connection) -> sqlite3.Connection:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    db.executescript(_VIEWS.get(version, ""))
    return db


def connect_reader(path: Path) -> sqlite3.Connection:
    """A connection that never writes, also in a read-only folder and beside a running `gi evolve`."""
    if not path.is_file():
        raise ArchiveError(f"{path.parent} holds no run: expected {FILE_NAME}, which `gi evolve --out FOLDER` writes.")
    with explained(path):
        try:
            return _as_of_today(_checked(sqlite3.connect(_uri(path, "mode=ro"), uri=True, timeout=30), path))
        except sqlite3.OperationalError:
            if path.with_name(f"{path.name}-wal").exists():
                raise
            # Killed without its log: the header still asks for one, which SQLite cannot make in a read-only folder.
            return _as_of_today(_checked(sqlite3.connect(_uri(path, "immutable=1"), uri=True), path))


def fold_log(db: sqlite3.Connection) -> None:
    """Makes the run file one file again; with readers about, the log simply stays."""
    try:
        db.execute("PRAGMA busy_timeout = 200")
        db.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.OperationalError:
        pass


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns what SQLite says about the file at `path` into one line for the user."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise _explanation(error, path) from error


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All that is written inside, or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _explanation(error: sqlite3.DatabaseError, path: Path) -> GiError:
    said = str(error)
    again = f"What was done is kept: mend that, then gi evolve --resume {path.parent}"
    if "disk is full" in said or "disk I/O" in said:
        return RunError(f"{path} cannot grow ({said}): is the disk full? {again}")
    if "readonly" in said or "unable to open" in said:
        return RunError(f"{path} cannot be written or opened ({said}): the folder must be writable. {again}")
    if "locked" in said:
        return RunError(f"{path} is locked by another process: a run has one writer. {again}")
    if "not a database" in said:
        return _foreign(path)
    return _damaged(path, said)


def _checked(db: sqlite3.Connection, path: Path) -> sqlite3.Connection:
    try:
        (application,) = db.execute("PRAGMA application_id").fetchone()
        (version,) = db.execute("PRAGMA user_version").fetchone()
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if application != APPLICATION_ID:
            raise _foreign(path)
        if version > VERSION:
            raise ArchiveError(f"{path} has format {version}: this gi reads up to {VERSION}. Use the gi that wrote it.")
    except BaseException:
        db.close()
        raise
    return db


def _foreign(path: Path) -> ArchiveError:
    return ArchiveError(f"{path} is not a run of gi's: expected a file that `gi evolve` wrote. Pass a run's folder.")


def _damaged(path: Path, said: str) -> ArchiveError:
    one_line = " ".join(said.split())
    return ArchiveError(f"{path} is damaged ({one_line}): restore it from a copy, or start again with another --out.")


def _uri(path: Path, option: str) -> str:
    return f"file:{quote(str(path.absolute()))}?{option}"
