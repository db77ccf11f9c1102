"""The corpus as a SQLite file: its tables, and the check that refuses foreign files and other versions."""

import sqlite3
from pathlib import Path

from gi.core.errors import CorpusError
from gi.corpus.terms import TABLE as TERMS

#: "giCo" in ASCII; `file` and SQLite both show it, so that no other program's file is taken for a corpus.
APPLICATION_ID = 0x6769436F
#: Raised with the tables and with the rule for what becomes a block: a cached corpus keeps blocks that are refused now.
VERSION = 7

_TABLES = """
CREATE TABLE sources (
    id INTEGER PRIMARY KEY,
    repository TEXT NOT NULL,
    commit_hash TEXT NOT NULL,
    digest TEXT NOT NULL,
    UNIQUE (repository, commit_hash)
);
CREATE TABLE programs (
    id INTEGER PRIMARY KEY,
    source INTEGER NOT NULL REFERENCES sources ON DELETE CASCADE,
    path TEXT NOT NULL,
    licence TEXT NOT NULL,
    digest TEXT NOT NULL,
    num_lines INTEGER NOT NULL,
    UNIQUE (source, path)
);
CREATE TABLE refused (
    source INTEGER NOT NULL REFERENCES sources ON DELETE CASCADE,
    path TEXT NOT NULL,
    reason TEXT NOT NULL,
    UNIQUE (source, path)
);
CREATE TABLE ingredients (
    id INTEGER PRIMARY KEY,
    type TEXT NOT NULL,
    symbol TEXT NOT NULL,
    call TEXT NOT NULL,
    refused TEXT NOT NULL,
    UNIQUE (type, symbol, call)
);
CREATE TABLE origins (
    ingredient INTEGER NOT NULL REFERENCES ingredients,
    program INTEGER NOT NULL REFERENCES programs ON DELETE CASCADE,
    line INTEGER NOT NULL,
    place INTEGER NOT NULL,
    code TEXT NOT NULL,
    names TEXT NOT NULL
);
CREATE TABLE classes (
    program INTEGER NOT NULL REFERENCES programs ON DELETE CASCADE,
    name TEXT NOT NULL,
    line INTEGER NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    source TEXT NOT NULL,
    block TEXT NOT NULL,
    UNIQUE (program, name, line)
);
CREATE INDEX origins_of_an_ingredient ON origins (ingredient);
CREATE INDEX origins_of_a_program ON origins (program);
"""


def create(path: Path) -> None:
    """Writes an empty corpus to a file that does not exist yet."""
    connection = sqlite3.connect(path)
    try:
        marks = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION};"
        connection.executescript(f"BEGIN; {marks} {_TABLES} {TERMS} COMMIT;")
    finally:
        connection.close()


def connect(path: Path) -> sqlite3.Connection:
    """A connection to the corpus at `path`, for reading alone where the file may not be written.

    Raises `CorpusError` where the file is missing, foreign or of another version.
    """
    if not path.is_file():
        raise CorpusError(f"there is no corpus at {path}: make one with `gi harvest SOURCE --corpus {path}`.")
    # mode=rw opens a file that may not be written for reading, and never creates one. A writer waits for another.
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=60.0, isolation_level=None)
    try:
        _check(connection, path)
        # SQLite forgets this with each connection; without it a source that is replaced leaves its rows behind.
        connection.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection, path: Path) -> None:
    try:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.DatabaseError as error:
        raise CorpusError(f"{path} is no corpus ({error}): pass a file that `gi harvest` made.") from error
    if application != APPLICATION_ID:
        raise CorpusError(f"{path} is no corpus of gi: pass a file that `gi harvest` made.")
    if version != VERSION:
        what = "a later" if version > VERSION else "an earlier"
        raise CorpusError(
            f"{path} is a corpus of {what} version ({version}, this gi reads {VERSION}): "
            f"use the gi that made it, or harvest again into a new file."
        )
