"""Licence and notice files of harvested sources, stored beside the lines that they apply to."""

import sqlite3
from collections.abc import Iterable
from pathlib import PurePosixPath

from gi.core.types import Origin
from gi.harvest import LicenceFile

TABLE = """
CREATE TABLE licence_files (
    source INTEGER NOT NULL REFERENCES sources ON DELETE CASCADE,
    path TEXT NOT NULL,
    text TEXT NOT NULL,
    UNIQUE (source, path)
);
"""


def insert_terms(connection: sqlite3.Connection, source: int, files: Iterable[LicenceFile]) -> None:
    """Writes the licence files of a source (its row's id); the caller holds the transaction."""
    rows = [(source, file.path, file.text) for file in files]
    # A package may have a file of one name in its folder and in its metadata: the latter, which comes last, stays.
    connection.executemany("INSERT OR REPLACE INTO licence_files VALUES (?, ?, ?)", rows)


def terms_of(connection: sqlite3.Connection, origin: Origin) -> tuple[LicenceFile, ...]:
    """The licence files that apply to a file: those of the nearest folder above it that has any, by path.

    An origin's commit may be "" where the repository's name holds the version. Empty where none were harvested.
    """
    rows = connection.execute(
        "SELECT path, text FROM licence_files JOIN sources ON sources.id = source "
        "WHERE repository = ? AND commit_hash = ? ORDER BY path",
        (origin.repository, origin.commit),
    ).fetchall()
    by_folder: dict[str, list[LicenceFile]] = {}
    for path, text in rows:
        by_folder.setdefault(str(PurePosixPath(path).parent), []).append(LicenceFile(path, text))
    folders = (str(folder) for folder in PurePosixPath(origin.path).parents)
    return next((tuple(by_folder[folder]) for folder in folders if folder in by_folder), ())
