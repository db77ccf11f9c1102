"""Measurements and explanations made after a run's end, in tables that the search never reads."""

import json
from collections.abc import Mapping
from typing import Any

from gi.archive import rows
from gi.archive.database import Database
from gi.archive.records import Evaluation


class FindingTables:
    """The tables of measurements and explanations."""

    def __init__(self, db: Database) -> None:
        """Reads from and writes to `db`."""
        self._db = db

    def add_measurement(self, evaluation: Evaluation) -> None:
        """Records the outcome of a program that is no individual; `evaluation.individual` is its text's digest."""
        e = evaluation
        with self._db.transaction():
            where = (e.individual, e.split, e.seed, e.images)
            # Replaced, since a call that was interrupted measures the last one again.
            self._db.insert("measurements", [(*where, *rows.outcome_row(e.outcome))], replace=True)

    def measurements(self) -> tuple[Evaluation, ...]:
        """The outcomes of programs between a seed program and an individual, by program, split, images and seed."""
        measured = self._db.rows(
            f"SELECT program, split, seed, images, {rows.OUTCOME} FROM measurements "
            "ORDER BY program, split, images, seed"
        )
        return tuple(
            Evaluation(id_, split, seed, images, rows.outcome(rest)) for id_, split, seed, images, *rest in measured
        )

    def set_explanation(self, individual: str, document: Mapping[str, Any]) -> None:
        """Stores the explanation of an individual's (full id) changes, in place of an earlier one."""
        with self._db.transaction():
            self._db.insert("explanations", [(individual, rows.to_json(document))], replace=True)

    def explanation(self, individual: str) -> dict[str, Any] | None:
        """The stored explanation of an individual's (full id) changes, None where there is none."""
        row = self._db.row("SELECT document FROM explanations WHERE individual = ?", individual)
        return None if row is None else dict(json.loads(row[0]))
