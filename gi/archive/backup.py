"""The copy of a run file as it was when its last generation closed, and the way back to it.

A damaged file cannot be mended: SQLite says no more than that pages do not fit together. So each closed generation
leaves a copy beside the file. SQLite's own backup makes it while readers go on; it is checked and then renamed, so that
a copy is always complete. A resumed run computes what came after that generation again, with the same result.

What this cannot see: a value that was changed into another one that keeps every rule. Nor does the copy outlast the
disk that both lie on.
"""

import itertools
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from gi.archive.folder import LOCK_NAME
from gi.archive.schema import backup_file, connect_reader, explained, refuse_damaged, run_file
from gi.core.errors import ArchiveError, LaterFormatError
from gi.core.files import write_whole
from gi.core.lock import hold_or_refuse

# A copy after each of n generations writes n² in all: beyond this size one is left out where the last took more than
# this share of the time since.
_SMALL_BYTES = 8 << 20
_SHARE = 0.01
_LOGS = ("", "-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class WentBack:
    """The closed `generation` that a run was restored to, the fault of its file, and that file's new path."""

    generation: int
    fault: str
    kept_as: Path

    def __str__(self) -> str:
        kept = f" The damaged file is kept as {self.kept_as.name}." if self.kept_as.exists() else ""
        return (
            f"{self.fault.partition(' `gi evolve')[0]} Going back to the copy after generation {self.generation}; "
            f"what came later is done again.{kept}"
        )


class Backup:
    """Keeps the copy beside a run file that this process writes."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        """Copies nothing yet."""
        self._path, self._connection = path, connection
        self._taken_s, self._ended = 0.0, 0.0

    def keep(self) -> None:
        """Replaces the copy by the file as it is.

        A file over 8 MiB is skipped where the last copy took over 1 % of the time since.

        Raises `ArchiveError` where the file is damaged, which leaves the copy as it was.
        """
        start = time.monotonic()
        is_large = self._path.stat().st_size > _SMALL_BYTES
        if is_large and self._taken_s > _SHARE * (start - self._ended):
            return
        place = backup_file(self._path)
        part = place.with_name(f"{place.name}.part")
        part.unlink(missing_ok=True)
        try:
            with explained(self._path), closing(sqlite3.connect(part, isolation_level=None)) as copy:
                self._connection.backup(copy)
                # One file by itself: the run's own has a log beside it, and its header would ask for one.
                copy.execute("PRAGMA journal_mode = DELETE")
                refuse_damaged(copy, self._path)
            part.replace(place)
        finally:
            part.unlink(missing_ok=True)
        self._ended = time.monotonic()
        self._taken_s = self._ended - start


def go_back(folder: Path) -> WentBack | None:
    """Restores a damaged or missing run file from its copy; None where the file is sound or no sound copy exists.

    The damaged file is kept under another name. Raises `ArchiveError` where another process has the run.
    """
    path = run_file(folder)
    copy = backup_file(path)
    if not copy.is_file() or _fault(path) is None:
        return None
    with closing(hold_or_refuse(path.with_name(LOCK_NAME), ArchiveError, in_use="in use by another gi evolve",
                                option="--out")):  # fmt: skip
        fault = _fault(path)  # once more: another process may have put it right meanwhile
        if fault is None or _fault(copy) is not None:
            return None
        kept_as = next(p for n in itertools.count(1) if not (p := path.with_name(f"run.damaged-{n}.sqlite")).exists())
        for log in _LOGS:
            # The log too: SQLite would play it into the copy, whose pages it does not fit.
            beside = path.with_name(path.name + log)
            if beside.exists():
                beside.rename(kept_as.with_name(kept_as.name + log))
        write_whole(path, copy.read_bytes())
    with closing(connect_reader(path)) as db:
        (generation,) = db.execute("SELECT max(number) FROM generations").fetchone()
    return WentBack(generation, fault, kept_as)


def _fault(path: Path) -> str | None:
    """The fault of a run file; None for a sound one, and for a later format, which this gi cannot judge."""
    if not path.exists():
        return f"{path} is missing."
    try:
        with explained(path), closing(connect_reader(path)) as db:
            refuse_damaged(db, path)
    except LaterFormatError:
        return None
    except ArchiveError as error:
        return str(error)
    return None
