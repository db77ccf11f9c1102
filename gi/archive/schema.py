"""The run file: how it is opened, and what SQLite's errors mean to a user. Its tables are those of `migrations`.

The journal is a write-ahead log: a commit survives the death of every process at any moment (the log's pages are with
the kernel by then; only a power cut can take the last commits, and those alone), and readers see a consistent state
while the run goes on. When a run ends the log is folded in, so that a finished run is one file that reads in a
read-only folder too.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from gi.archive.inspected import is_inspected, note_inspected, state_of
from gi.archive.inspection import inspect, refuse_other_than_tables
from gi.archive.migrations import VERSION, migrate, missing_steps
from gi.core.errors import ArchiveError, GiError, LaterFormatError, RunError
from gi.core.transactions import transaction

APPLICATION_ID = 0x67695275  # "giRu"
FILE_NAME = "run.sqlite"
BACKUP_NAME = "run.backup.sqlite"


def run_file(folder: Path) -> Path:
    """The run file that `folder` (or the path of the file itself) stands for."""
    return folder if folder.name == FILE_NAME else folder / FILE_NAME


def backup_file(path: Path) -> Path:
    """Where the copy of the run file at `path` lies."""
    return path.with_name(BACKUP_NAME)


def write_new(path: Path, fill: Callable[[sqlite3.Connection], None]) -> None:
    """Creates a run file, whose tables `fill` fills.

    Under another name first: a process killed in here leaves no run file, never one that holds no run.
    """
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with explained(path):
        # No transactions of Python's own: `transaction` below begins the only one.
        db = sqlite3.connect(part, isolation_level=None)
        try:
            with transaction(db):
                db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                migrate(db)
                fill(db)
            db.close()
            part.rename(path)
        finally:
            db.close()
            part.unlink(missing_ok=True)


def connect_writer(path: Path) -> sqlite3.Connection:
    """The connection of the one process that writes; a file of an earlier format is brought up to date.

    Raises `ArchiveError` for a file that is not a run's.
    """
    with explained(path):
        db = _checked(sqlite3.connect(path, isolation_level=None, timeout=30), path)
        refuse_damaged(db, path)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA foreign_keys = ON")
        with transaction(db):
            migrate(db)
        return db


def connect_reader(path: Path) -> sqlite3.Connection:
    """A connection that never writes, also in a read-only folder and beside a running `gi evolve`.

    What the file holds has been checked (`inspection`). Raises `ArchiveError`.
    """
    if not path.is_file():
        advice = _way_back(path) or f"expected {FILE_NAME}, which `gi evolve --out FOLDER` writes."
        raise ArchiveError(f"{path.parent} holds no run: {advice}")
    with explained(path):
        try:
            db = _checked(sqlite3.connect(_uri(path, "mode=ro"), uri=True, timeout=30), path)
        except sqlite3.OperationalError:
            if path.with_name(f"{path.name}-wal").exists():
                raise
            # Killed without its log: the header still asks for one, which SQLite cannot make in a read-only folder.
            db = _checked(sqlite3.connect(_uri(path, "immutable=1"), uri=True), path)
        return _inspected(_as_of_today(db), path)


def _as_of_today(db: sqlite3.Connection) -> sqlite3.Connection:
    """`db`; for an earlier format a copy in memory, brought to today's format."""
    if not missing_steps(db):
        return db
    copy = sqlite3.connect(":memory:", isolation_level=None)
    with closing(db):
        db.backup(copy)
    with transaction(copy):
        migrate(copy)
    return copy


def _inspected(db: sqlite3.Connection, path: Path) -> sqlite3.Connection:
    # Taken before the file is read: what changes meanwhile was not seen.
    state = state_of(path)
    if is_inspected(path, state):
        return db
    try:
        inspect(db, path)
    except BaseException:
        db.close()
        raise
    note_inspected(path, state)
    return db


def fold_log(db: sqlite3.Connection) -> None:
    """Merges the write-ahead log into the run file; while there are readers the log stays."""
    try:
        # Milliseconds: a reader may stay for hours, and with the log the file is no less whole.
        db.execute("PRAGMA busy_timeout = 200")
        db.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.OperationalError:
        pass


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Raises SQLite's errors about the file at `path` as `ArchiveError` or `RunError`, one line for the user."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise _explanation(error, path) from error


def refuse_damaged(db: sqlite3.Connection, path: Path) -> None:
    """Raises `ArchiveError` where the pages behind `db`, of the file at `path`, do not fit together."""
    (state,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if state != "ok":
        raise _damaged(path, str(state))


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
        # The pragmas read the header alone: a broken table of tables shows at the first query.
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if application != APPLICATION_ID or version < 1:
            raise _foreign(path)
        refuse_other_than_tables(db, path)
        if version > VERSION:
            raise LaterFormatError(
                f"{path} has format {version}: this gi reads up to {VERSION}. Use the gi that wrote it."
            )
    except BaseException:
        db.close()
        raise
    return db


def _foreign(path: Path) -> ArchiveError:
    says = f"{path} is not a run of gi's: expected a file that `gi evolve` wrote."
    return ArchiveError(f"{says} {_way_back(path) or 'Pass a run folder.'}")


def _damaged(path: Path, said: str) -> ArchiveError:
    one_line = " ".join(said.split())
    advice = _way_back(path) or "Restore it from a copy, or start again with another --out."
    return ArchiveError(f"{path} is damaged ({one_line}). {advice}")


def _way_back(path: Path) -> str:
    """The advice to resume from the copy beside the file; "" without a copy."""
    known = path.name != BACKUP_NAME and backup_file(path).is_file()
    return f"`gi evolve --resume {path.parent}` goes back to the copy beside it." if known else ""


def _uri(path: Path, option: str) -> str:
    return f"file:{quote(str(path.absolute()))}?{option}"
