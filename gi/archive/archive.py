"""Everything that happened in a run: one SQLite file, one writer, any number of readers."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from gi.archive import explanations, queries, seedings, writes
from gi.archive.folder import make_folder, refuse_existing
from gi.archive.lock import lock
from gi.archive.records import (
    Evaluation,
    Event,
    FailureGroup,
    FrontMember,
    Generation,
    Provenance,
    Retraining,
    RunRecord,
    RunSummary,
    Slot,
)
from gi.archive.schema import connect_reader, connect_writer, explained, fold_log, run_file, transaction, write_new
from gi.archive.text import dump
from gi.core.settings import RunConfig
from gi.core.types import Individual, Objective, Outcome, Program, Seeding, Try

P = ParamSpec("P")
T = TypeVar("T")


class Archive:
    """A run's file, open for queries (`open`) or as its one writer (`create`, `resume`).

    Every write is one transaction, so that the file is consistent whenever the process dies. SQLite's errors come out
    as `ArchiveError` (the file) or `RunError` (the disk), one line each.
    """

    def __init__(self, path: Path, db: sqlite3.Connection, held: sqlite3.Connection | None = None) -> None:
        """Wraps open connections; use `create`, `resume` or `open`."""
        self.path = path
        self._db = db
        self._held = held
        self._session = 0

    @classmethod
    def create(cls, folder: Path, config: RunConfig, *, objectives: Sequence[Objective], seeds: Sequence[Program],
               command: Sequence[str] = ()) -> "Archive":  # fmt: skip
        """Starts the run file of a new run in `folder`. Raises `ArchiveError` where there is a run already."""
        refuse_existing(folder)
        make_folder(folder)
        return cls._locked(folder, lambda db: writes.start(db, config, objectives, seeds, command))

    @classmethod
    def resume(cls, folder: Path, *, command: Sequence[str] = ()) -> "Archive":
        """Opens a run to go on with it. Raises `ArchiveError` where there is none or another process writes to it."""
        connect_reader(run_file(folder)).close()
        return cls._locked(run_file(folder).parent, None, command)

    @classmethod
    def open(cls, folder: Path) -> "Archive":
        """Opens a run for queries; it may be running, and its folder may be read-only."""
        path = run_file(folder)
        return cls(path, connect_reader(path))

    @classmethod
    def annotate(cls, folder: Path) -> "Archive":
        """Opens a run to add what is found out about it, with no session of its own.

        Raises `ArchiveError` where there is none or another process writes to it.
        """
        connect_reader(run_file(folder)).close()
        held = lock(run_file(folder).parent)
        try:
            return cls(run_file(folder), connect_writer(run_file(folder)), held)
        except BaseException:
            held.close()
            raise

    @classmethod
    def _locked(
        cls, folder: Path, start: Callable[[sqlite3.Connection], int] | None, command: Sequence[str] = ()
    ) -> "Archive":
        """The archive that this process alone writes to: a new one where `start` begins it, else the one there."""
        held = lock(folder)
        try:
            path, session = folder / run_file(folder).name, 0
            if start is not None:
                refuse_existing(folder)
                with explained(path):
                    session = write_new(path, start)
            archive = cls(path, connect_writer(path), held)
            archive._session = session or archive._write(writes.begin_session, "resumed", command)
            return archive
        except BaseException:
            held.close()
            raise

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.path.parent

    def close(self) -> None:
        """Lets go of the file; a writer folds the log in first."""
        if self._held is not None:
            fold_log(self._db)
        self._db.close()
        if self._held is not None:
            self._held.close()

    def __enter__(self) -> "Archive":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # What the one writer adds.

    def set_config(self, config: RunConfig) -> None:
        """Replaces the settings, for a run that goes on with more generations or a larger budget."""
        self._write(writes.set_config, config)

    def add_slot(self, generation: int, slot: int, individual: Individual | None, tries: Sequence[Try]) -> None:
        """Records what one slot of a generation gave: an accepted individual or None, and every try."""
        self._write(writes.add_slot, Slot(generation, slot, individual.id if individual else None, tuple(tries)),
                    individual)  # fmt: skip

    def add_outcome(
        self, individual: str, outcome: Outcome, *, seed: int, images: int, split: str = "validation",
        copied_from: str | None = None,
    ) -> None:  # fmt: skip
        """Records what an evaluation gave: its own, or that of an individual which computes the same."""
        self._write(writes.add_outcome, Evaluation(individual, split, seed, images, outcome, copied_from))

    def add_retraining(
        self, individual: str, outcome: Outcome, *, seed: int, images: int, weights: str | None = None
    ) -> None:
        """Records a retraining from scratch; `weights` is where they lie, relative to the folder.

        A scored outcome holds `error` on the test split and `validation_error`.
        """
        self._write(writes.add_retraining, Evaluation(individual, "test", seed, images, outcome), weights)

    def close_generation(self, generation: Generation, *, reference: Sequence[float]) -> None:
        """Records the decisions of a generation: who survived, the front, its hypervolume, the random state."""
        self._write(writes.close_generation, generation, reference)

    def add_event(self, kind: str, **detail: Any) -> None:
        """Records something that happened to the run as a whole."""
        self._write(writes.add_event, kind, detail)

    def add_measurement(self, evaluation: Evaluation) -> None:
        """Records the outcome of a program that is no individual; `evaluation.individual` is its text's digest."""
        self._write(explanations.add_measurement, evaluation)

    def set_explanation(self, individual: str, document: Mapping[str, Any]) -> None:
        """Records what is known of the changes of an individual (full id), in place of what was."""
        self._write(explanations.set_explanation, individual, document)

    def set_session_cost(self, cpu_s: float, wall_s: float) -> None:
        """Records what this process and all that it started have used so far."""
        self._write(writes.set_session_cost, self._session, cpu_s, wall_s)

    # What anybody may ask.

    def run(self) -> RunRecord:
        """The run's settings and what made it."""
        return self._ask(queries.run)

    def seeds(self) -> tuple[Program, ...]:
        """The programs that the run started from, as they were given."""
        return self._ask(queries.seeds)

    def ids(self) -> tuple[str, ...]:
        """Every individual ever accepted, in order."""
        return self._ask(queries.ids)

    def fingerprints(self) -> dict[str, str]:
        """The fingerprint of every individual that has one, by id in order of acceptance."""
        return self._ask(queries.fingerprints)

    def text(self, id_: str) -> str:
        """The source of an individual (full id). Raises `ArchiveError`."""
        return self._ask(queries.text, id_)

    def outcome(self, id_: str, split: str = "validation") -> Outcome | None:
        """The outcome of an individual (full id) on `split`; None where it has none yet."""
        return self._ask(queries.outcome, id_, split)

    def individual(self, prefix: str) -> Individual:
        """The one individual whose id starts with `prefix`. Raises `ArchiveError` for none and for several."""
        return self._ask(queries.by_prefix, prefix)

    def lineage(self, id_: str) -> tuple[Individual, ...]:
        """An individual (full id) and all its ancestors in order of acceptance, itself last."""
        return self._ask(queries.lineage, id_)

    def provenance(self, id_: str) -> tuple[Provenance, ...]:
        """Every edit between the seed programs and an individual (full id), in order of acceptance."""
        return self._ask(queries.provenance, id_)

    def slots(self, generation: int) -> tuple[Slot, ...]:
        """The slots of a generation that are decided, in order."""
        return self._ask(queries.slots, generation)

    def pending(self, generation: int) -> tuple[Individual, ...]:
        """The individuals of a generation with no outcome on the validation split: what is left to evaluate."""
        return self._ask(queries.pending, generation)

    def evaluations(self, split: str | None = None) -> tuple[Evaluation, ...]:
        """The outcomes on `split` (all without it) in order of the individuals' acceptance."""
        return self._ask(queries.evaluations, split)

    def generations(self) -> tuple[Generation, ...]:
        """The closed generations in order."""
        return self._ask(queries.generations)

    def retrainings(self, id_: str | None = None) -> tuple[Retraining, ...]:
        """The retrainings from scratch of one individual (full id), or of all in order of acceptance."""
        return self._ask(queries.retrainings, id_)

    def front(self) -> tuple[FrontMember, ...]:
        """The front as of the last closed generation, by the first objective; empty before that."""
        return self._ask(queries.front)

    def failures(self) -> tuple[FailureGroup, ...]:
        """Failed evaluations and seed programs that could not be fitted, by stage and reason."""
        return self._ask(queries.failures)

    def refusals(self) -> tuple[FailureGroup, ...]:
        """Refused tries of the variation by stage and reason; `example` is the operator of the first."""
        return self._ask(queries.refusals)

    def measurements(self) -> tuple[Evaluation, ...]:
        """The outcomes of programs that are no individuals, which `gi export --minimise` trained."""
        return self._ask(explanations.measurements)

    def explanation(self, individual: str) -> dict[str, Any] | None:
        """What was recorded of the changes of an individual (full id), None for nothing."""
        return self._ask(explanations.explanation, individual)

    def seeding(self, individual: str, split: str = "validation") -> Seeding | None:
        """How an individual's (full id) training began; None where it had only its program."""
        return self._ask(seedings.seeding, individual, split)

    def events(self) -> tuple[Event, ...]:
        """What happened to the run as a whole, in order."""
        return self._ask(queries.events)

    def summary(self) -> RunSummary:
        """The run in figures."""
        return self._ask(queries.summary, str(self.folder))

    def cpu_s(self) -> float:
        """CPU seconds of all sessions so far, the driver's and those of everything it started."""
        return float(self._ask(queries.scalar, "SELECT coalesce(sum(cpu_s), 0) FROM sessions"))

    def dump(self) -> str:
        """The run as canonical text without times, costs and events: equal for equal runs."""
        return self._ask(dump)

    def _ask(self, query: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        with explained(self.path):
            return query(self._db, *args, **kwargs)

    def _write(self, write: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        with explained(self.path), transaction(self._db):
            return write(self._db, *args, **kwargs)
