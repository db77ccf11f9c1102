"""Everything that happened in a run: one SQLite file, one writer, any number of readers."""

import json
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from gi.archive import rows
from gi.archive.backup import Backup
from gi.archive.database import Database
from gi.archive.findings import FindingTables
from gi.archive.folder import LOCK_NAME, make_folder, refuse_existing
from gi.archive.generations import GenerationTable
from gi.archive.individuals import IndividualTables
from gi.archive.inspected import note_inspected, state_of
from gi.archive.outcomes import OutcomeTables
from gi.archive.records import Evaluation, RunRecord
from gi.archive.schema import connect_reader, connect_writer, fold_log, run_file, write_new
from gi.archive.sessions import SessionTables
from gi.archive.versions import machine, versions
from gi.core.errors import ArchiveError
from gi.core.lock import hold_or_refuse, is_held
from gi.core.objectives import Objective
from gi.core.settings import RunConfig
from gi.core.types import Individual, Origin, Outcome, Program


class Archive:
    """A run's file, open for queries (`open`) or as its one writer (`create`, `resume`, `annotate`).

    Each group of tables has an attribute that reads and writes it: `individuals`, `outcomes`, `generations`, `sessions`
    and `findings`. The other methods are short cuts for what scripts ask of every run.
    Every write is one transaction, so that the file is consistent whenever the process dies. SQLite's errors are raised
    as `ArchiveError` (the file) or `RunError` (the disk), one line each.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, held: sqlite3.Connection | None = None) -> None:
        """Wraps open connections; use `create`, `resume`, `annotate` or `open`."""
        self.path, self._connection, self._held = path, connection, held
        self.db = Database(path, connection)
        self._backup = Backup(path, connection)
        self.individuals, self.outcomes = IndividualTables(self.db), OutcomeTables(self.db)
        self.generations, self.sessions = GenerationTable(self.db), SessionTables(self.db)
        self.findings = FindingTables(self.db)

    @classmethod
    def create(cls, folder: Path, config: RunConfig, *, objectives: Sequence[Objective], seeds: Sequence[Program],
               rungs: Sequence[int], command: Sequence[str] = ()) -> "Archive":  # fmt: skip
        """Starts the run file of a new run in `folder`. Raises `ArchiveError` where there is a run already."""
        refuse_existing(folder)
        make_folder(folder)

        def write(path: Path) -> None:
            refuse_existing(folder)  # once more: another process may have been faster to the lock
            fill = partial(_start, config=config, objectives=objectives, seeds=seeds, rungs=rungs, command=command)
            write_new(path, lambda db: fill(Database(path, db)))

        return cls._writing(folder, write)

    @classmethod
    def resume(cls, folder: Path, *, command: Sequence[str] = ()) -> "Archive":
        """Opens a run to go on with it. Raises `ArchiveError` where there is none or another process writes to it."""
        archive = cls.annotate(folder)
        with archive.db.transaction():
            archive.sessions.begin("resumed", command)
        return archive

    @classmethod
    def annotate(cls, folder: Path) -> "Archive":
        """Opens a run to add measurements and explanations, without starting a session.

        Raises `ArchiveError` where there is none or another process writes to it.
        """
        # A reader first: it refuses what is no run before the lock is made beside it.
        connect_reader(run_file(folder)).close()
        return cls._writing(folder, lambda _: None)

    @classmethod
    def open(cls, folder: Path) -> "Archive":
        """Opens a run for queries; it may be running, and its folder may be read-only."""
        path = run_file(folder)
        return cls(path, connect_reader(path))

    @classmethod
    def _writing(cls, folder: Path, prepare: Callable[[Path], None]) -> "Archive":
        """Takes the run's lock, calls `prepare` with the path of the file and opens it for writing."""
        path = run_file(folder)
        # Before the file is opened: two writers would each find it free.
        lock = path.with_name(LOCK_NAME)
        held = hold_or_refuse(lock, ArchiveError, in_use="in use by another gi evolve", option="--out")
        try:
            prepare(path)
            return cls(path, connect_writer(path), held)
        except BaseException:
            held.close()
            raise

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.path.parent

    @property
    def is_written(self) -> bool:
        """Whether a process, this one or another, has the run open to write to it."""
        return is_held(self.path.with_name(LOCK_NAME))

    def back_up(self) -> None:
        """Copies the file as it is; `go_back` restores that copy where the file is damaged."""
        self._backup.keep()

    def close(self) -> None:
        """Closes the connection; a writer first merges the write-ahead log into the file."""
        # A reader in a folder that is read-only cannot use the log: without it the file is whole by itself.
        if self._held is not None:
            fold_log(self._connection)
        self._connection.close()
        if self._held is not None:
            # This process wrote it, or inspected it before it did.
            with suppress(OSError):
                note_inspected(self.path, state_of(self.path))
            self._held.close()

    def __enter__(self) -> "Archive":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self) -> RunRecord:
        """The run's settings, objectives, versions, machine and command. Raises `ArchiveError` for a file of no run."""
        row = self.db.row(
            "SELECT config, objectives, reference, versions, machine, command, rungs, started FROM run WHERE id = 1"
        )
        if row is None:
            raise ArchiveError(f"{self.path} holds no run: it was cut off at its start. Pass another --out.")
        config, objectives, reference, made_by, made_on, command, rungs = (
            json.loads(value or "null") for value in row[:7]
        )
        settings = RunConfig.from_json(config)
        return RunRecord(
            settings,
            tuple(rows.objective(stored, settings) for stored in objectives),
            None if reference is None else tuple(reference),
            made_by,
            made_on,
            tuple(command),
            row[7],
            tuple(rungs),
        )

    def set_config(self, config: RunConfig) -> None:
        """Replaces the settings, for a run that goes on with more generations or a larger budget."""
        with self.db.transaction():
            self.db.execute("UPDATE run SET config = ?", rows.to_json(config.to_json()))

    def seeds(self) -> tuple[Program, ...]:
        """The programs that the run started from, as they were given."""
        originals = dict(self.db.rows("SELECT position, content FROM originals"))
        given = self.db.rows("SELECT text, repository, commit_hash, path, line, licence FROM seeds ORDER BY position")
        return tuple(Program(text, Origin(*origin), originals.get(n)) for n, (text, *origin) in enumerate(given))

    def cpu_s(self) -> float:
        """CPU seconds of all sessions together, workers included."""
        return self.sessions.cpu_s()

    def evaluations(self, split: str | None = None) -> tuple[Evaluation, ...]:
        """The outcomes on `split` ("validation" or "test", both for None) in order of acceptance, then by seed."""
        return self.outcomes.evaluations(split)

    def individual(self, id_: str) -> Individual:
        """The individual whose id is `id_` or alone begins with it. Raises `ArchiveError` for none and for several."""
        return self.individuals.by_prefix(id_)

    def text(self, id_: str) -> str:
        """The source of an individual (full id). Raises `ArchiveError`."""
        row = self.db.row("SELECT text FROM individuals WHERE id = ?", id_)
        if row is None:
            raise ArchiveError(f"no individual has the id {id_!r}: give the full id of one.")
        return str(row[0])

    def outcome(self, id_: str, split: str = "validation", *, images: int | None = None) -> Outcome | None:
        """The outcome on `split` of an individual's (full id) training on `images` samples, of the least seed.

        By default of the training with the most samples; None before it was evaluated.
        """
        row = self.db.row(
            f"SELECT {rows.OUTCOME} FROM outcomes WHERE individual = ? AND split = ? AND images = coalesce(?, images) "
            "ORDER BY images DESC, seed LIMIT 1",
            *(id_, split, images),
        )
        return None if row is None else rows.outcome(row)


def _start(db: Database, *, config: RunConfig, objectives: Sequence[Objective], seeds: Sequence[Program],
           rungs: Sequence[int], command: Sequence[str]) -> None:  # fmt: skip
    """Writes the run's settings, seed programs and first session, inside the transaction that creates the file."""
    goals = [rows.objective_json(objective) for objective in objectives]
    made_of = [config.to_json(), goals, versions(), machine(), list(command), list(rungs)]
    db.execute(
        "INSERT INTO run (id, config, objectives, versions, machine, command, rungs, started) "
        "VALUES (1, ?, ?, ?, ?, ?, ?, ?)",
        *(*map(rows.to_json, made_of), time.time()),
    )
    db.insert("seeds", [(n, seed.text, *rows.origin_row(seed.origin)) for n, seed in enumerate(seeds)])
    db.insert("originals", [(n, seed.original) for n, seed in enumerate(seeds) if seed.original is not None])
    SessionTables(db).begin("started", command)
