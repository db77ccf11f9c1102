"""The connection to a run file, whose errors are one line each."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gi.archive.folder import gone
from gi.archive.schema import explained
from gi.core.transactions import transaction


class Database:
    """An open run file. SQLite's errors are raised as `ArchiveError` (the file) or `RunError` (the disk)."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        """Takes over the connection to the file at `path`."""
        self.path, self._connection = path, connection
        self._file = _identity(path)

    def rows(self, query: str, *arguments: Any) -> list[Any]:
        """All rows that `query` gives."""
        # Fetched in here: SQLite meets a damaged page only when it comes to it.
        with explained(self.path):
            return self._connection.execute(query, arguments).fetchall()

    def row(self, query: str, *arguments: Any) -> Any:
        """The first row that `query` gives, None for none."""
        return next(iter(self.rows(query, *arguments)), None)

    def value(self, query: str, *arguments: Any) -> Any:
        """The first value of the first row that `query` gives. Raises `IndexError` for no row."""
        return self.rows(query, *arguments)[0][0]

    def execute(self, statement: str, *arguments: Any) -> int:
        """Runs a statement and returns the id of the row that it inserted, 0 for none."""
        with explained(self.path):
            return self._connection.execute(statement, arguments).lastrowid or 0

    def insert(self, table: str, rows: Sequence[Sequence[Any]], *, replace: bool = False) -> None:
        """Adds complete rows to `table`, in place of those with the same key where `replace` says so."""
        # An empty list has no first row whose columns could be counted.
        if rows:
            verb, marks = "INSERT OR REPLACE" if replace else "INSERT", ", ".join("?" * len(rows[0]))
            with explained(self.path):
                self._connection.executemany(f"{verb} INTO {table} VALUES ({marks})", rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commits all that is written inside, or rolls it back. Raises `RunError` where the file has gone."""
        # SQLite goes on writing to a deleted file without a word, and hours of trainings would go with it.
        if _identity(self.path) != self._file:
            raise gone(self.path.parent)
        with explained(self.path), transaction(self._connection):
            yield

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of a file; None where there is none, as before a new run file has its name."""
    try:
        file = path.stat()
    except OSError:
        return None
    return file.st_dev, file.st_ino
