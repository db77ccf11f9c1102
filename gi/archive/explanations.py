"""What was found out about a run's individuals after its end, in tables that the search never reads."""

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from gi.archive import rows
from gi.archive.records import Evaluation


def add_measurement(db: sqlite3.Connection, evaluation: Evaluation) -> None:
    """Writes the outcome of a program that is no individual of the run; `individual` is the digest of its text."""
    e = evaluation
    row = (e.individual, e.split, e.seed, e.images, *rows.outcome_row(e.outcome))
    db.execute(f"INSERT OR REPLACE INTO measurements VALUES ({', '.join('?' * len(row))})", row)


def measurements(db: sqlite3.Connection) -> tuple[Evaluation, ...]:
    """The outcomes of programs between a seed program and an individual, by program, split, images and seed."""
    found = db.execute(
        "SELECT program, split, seed, images, "
        "figures, stage, reason, detail, train_cpu_s, measure_cpu_s, cpu_s, wall_s "
        "FROM measurements ORDER BY program, split, images, seed"
    )
    return tuple(Evaluation(id_, split, seed, images, rows.outcome(rest)) for id_, split, seed, images, *rest in found)


def set_explanation(db: sqlite3.Connection, individual: str, document: Mapping[str, Any]) -> None:
    """Writes what is known of an individual's changes, in place of what was."""
    db.execute("INSERT OR REPLACE INTO explanations VALUES (?, ?)", (individual, rows.to_json(document)))


def explanation(db: sqlite3.Connection, individual: str) -> dict[str, Any] | None:
    """What `set_explanation` wrote of an individual (full id), None for nothing."""
    row = db.execute("SELECT document FROM explanations WHERE individual = ?", (individual,)).fetchone()
    return None if row is None else dict(json.loads(row[0]))
