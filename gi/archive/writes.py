"""What the one writer adds to a run file, each a function of the connection, inside the caller's transaction."""

import dataclasses
import sqlite3
import time
from collections.abc import Mapping, Sequence
from typing import Any

from gi.archive import rows
from gi.archive.records import Evaluation, Generation, Slot
from gi.archive.seedings import add_seeding
from gi.archive.versions import machine, versions
from gi.core.settings import RunConfig
from gi.core.types import Individual, Objective, Program


def start(
    db: sqlite3.Connection,
    config: RunConfig,
    objectives: Sequence[Objective],
    seeds: Sequence[Program],
    command: Sequence[str],
) -> int:
    """Writes what a run is made of and begins its first session, whose number it returns."""
    made_of = [config.to_json(), [dataclasses.asdict(o) for o in objectives], versions(), machine(), list(command)]
    db.execute(
        "INSERT INTO run (id, config, objectives, versions, machine, command, started) VALUES (1, ?, ?, ?, ?, ?, ?)",
        (*map(rows.to_json, made_of), time.time()),
    )
    _insert(db, "seeds", [(n, seed.text, *rows.origin_row(seed.origin)) for n, seed in enumerate(seeds)])
    _insert(db, "originals", [(n, seed.original) for n, seed in enumerate(seeds) if seed.original is not None])
    return begin_session(db, "started", command)


def begin_session(db: sqlite3.Connection, kind: str, command: Sequence[str]) -> int:
    """Notes that a process took the run on, and returns the session's number."""
    add_event(db, kind, {"command": list(command)})
    session = db.execute(
        "INSERT INTO sessions (started, command, versions) VALUES (?, ?, ?)",
        (time.time(), rows.to_json(list(command)), rows.to_json(versions())),
    ).lastrowid
    return session or 0


def set_session_cost(db: sqlite3.Connection, session: int, cpu_s: float, wall_s: float) -> None:
    """What a session has used so far."""
    db.execute("UPDATE sessions SET cpu_s = ?, wall_s = ? WHERE id = ?", (cpu_s, wall_s, session))


def set_config(db: sqlite3.Connection, config: RunConfig) -> None:
    """Replaces the settings."""
    db.execute("UPDATE run SET config = ?", (rows.to_json(config.to_json()),))


def add_slot(db: sqlite3.Connection, slot: Slot, individual: Individual | None) -> None:
    """A decided slot with its tries, and the individual that took it."""
    if individual is not None:
        _add_individual(db, individual, slot.slot)
    _insert(db, "slots", [(slot.generation, slot.slot, slot.individual)])
    _insert(db, "tries", rows.try_rows(slot.generation, slot.slot, slot.tries))


def add_outcome(db: sqlite3.Connection, evaluation: Evaluation) -> None:
    """The outcome of one evaluation."""
    e = evaluation
    where = (e.individual, e.split, e.seed, e.images)
    _insert(db, "outcomes", [(*where, *rows.outcome_row(e.outcome), e.copied_from)])
    add_seeding(db, e)


def add_retraining(db: sqlite3.Connection, evaluation: Evaluation, weights: str | None) -> None:
    """A retraining from scratch: its outcome, which holds the errors on both splits, and its weights' path."""
    add_outcome(db, evaluation)
    _insert(db, "retrainings", [(evaluation.individual, evaluation.seed, evaluation.images, weights)])


def close_generation(db: sqlite3.Connection, generation: Generation, reference: Sequence[float]) -> None:
    """The decisions of a generation, and the reference point that its hypervolume stands on."""
    g = generation
    lists = rows.to_json(list(g.population)), rows.to_json(list(g.front))
    state = rows.to_json(dict(g.random_state))
    db.execute("UPDATE run SET reference = ?", (rows.to_json(list(reference)),))
    _insert(db, "generations", [(g.number, *lists, g.hypervolume, state, g.cpu_s, time.time())])


def add_event(db: sqlite3.Connection, kind: str, detail: Mapping[str, Any]) -> None:
    """Something that happened to the run as a whole, now."""
    db.execute("INSERT INTO events (at, kind, detail) VALUES (?, ?, ?)", (time.time(), kind, rows.to_json(detail)))


def _add_individual(db: sqlite3.Connection, individual: Individual, slot: int) -> None:
    i = individual
    db.execute(
        "INSERT INTO individuals "
        "(id, text, generation, slot, repository, commit_hash, path, line, licence, fingerprint) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (i.id, i.text, i.generation, slot, *rows.origin_row(i.origin), i.fingerprint),
    )
    _insert(db, "parents", [(i.id, n, parent) for n, parent in enumerate(i.parents)])
    _insert(db, "edits", [(i.id, n, *rows.edit_row(edit)) for n, edit in enumerate(i.edits)])


def _insert(db: sqlite3.Connection, table: str, values: Sequence[tuple[Any, ...]]) -> None:
    """Adds complete rows to `table`."""
    if values:
        db.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values[0]))})", values)
