"""The outcomes of a run's trainings: those of the search, and those from scratch at its end."""

import dataclasses
import json
from collections.abc import Mapping

from gi.archive import rows
from gi.archive.database import Database
from gi.archive.records import Evaluation, FailureGroup, Retraining
from gi.core.diagnosis import Diagnosis, diagnosis_from_json
from gi.core.objectives import FINAL_FIGURES
from gi.core.types import BEYOND_MAX_PARAMS, Outcome, Scored, SeededLayer, Seeding

_REFUSED = f"operator != 'seed' OR reason = '{BEYOND_MAX_PARAMS}'"


class OutcomeTables:
    """The tables of outcomes, retrainings, diagnoses, pictures and seeded layers."""

    def __init__(self, db: Database) -> None:
        """Reads from and writes to `db`."""
        self._db = db

    def add(self, individual: str, outcome: Outcome, *, seed: int, images: int, copied_from: str | None = None) -> None:
        """Records an outcome of the search: the individual's own, or copied from one that computes the same."""
        with self._db.transaction():
            self._add(Evaluation(individual, "validation", seed, images, outcome, copied_from))

    def add_retraining(
        self,
        individual: str,
        outcome: Outcome,
        *,
        seed: int,
        images: int,
        weights: str | None = None,
        on_rung: Outcome | None = None,
    ) -> None:
        """Records a retraining from scratch; `weights` is their path, relative to the run's folder.

        A scored outcome holds `error` on the test split and, as far as they were measured, `FINAL_FIGURES`; its
        diagnosis is kept, too. `on_rung` is the search's outcome of the same training on the top rung; a failure
        is then recorded as the search's alone.
        """
        with self._db.transaction():
            if on_rung is not None:
                self._add(Evaluation(individual, "validation", seed, images, on_rung))
            if on_rung is None or isinstance(outcome, Scored):
                self._add(Evaluation(individual, "test", seed, images, outcome))
                self._db.insert("retrainings", [(individual, seed, images, weights)])
                if isinstance(outcome, Scored) and outcome.diagnosis is not None:
                    document = rows.to_json(dataclasses.asdict(outcome.diagnosis))
                    self._db.insert("diagnoses", [(individual, seed, images, document)])

    def evaluations(self, split: str | None = None) -> tuple[Evaluation, ...]:
        """The outcomes on `split` ("validation" or "test", both for None) in order of acceptance, then by seed."""
        trained = self._db.rows(
            f"SELECT individual, split, seed, images, copied_from, {rows.OUTCOME} "
            "FROM outcomes JOIN individuals ON id = individual "
            "WHERE split = coalesce(?, split) ORDER BY seq, split, images, seed",
            split,
        )
        return tuple(
            Evaluation(id_, on, seed, images, rows.outcome(rest), copied)
            for id_, on, seed, images, copied, *rest in trained
        )

    def longest(self, id_: str) -> tuple[int, Scored] | None:
        """(images, outcome) of an individual's (full id) training of the search with the most samples of those that
        were scored; None for none."""
        row = self._db.row(
            f"SELECT images, {rows.OUTCOME} FROM outcomes "
            "WHERE individual = ? AND split = 'validation' AND figures IS NOT NULL ORDER BY images DESC, seed LIMIT 1",
            id_,
        )
        if row is None:
            return None
        outcome = rows.outcome(row[1:])
        assert isinstance(outcome, Scored)
        return row[0], outcome

    def retrainings(self, id_: str | None = None) -> tuple[Retraining, ...]:
        """The retrainings from scratch of one individual (full id), or of all in order of acceptance; then by seed."""
        # From the few retrainings to their outcomes, by CROSS JOIN: SQLite would go through all outcomes of the run,
        # once for each member of a front.
        one, which = ("WHERE r.individual = ? ", (id_,)) if id_ is not None else ("", ())
        retrained = self._db.rows(
            "SELECT r.individual, r.seed, r.images, figures, weights FROM retrainings r "
            "CROSS JOIN outcomes o ON o.individual = r.individual AND o.seed = r.seed AND o.images = r.images "
            f"AND split = 'test' CROSS JOIN individuals ON id = r.individual {one}ORDER BY seq, r.images, r.seed",
            *which,
        )
        return tuple(_retraining(*row) for row in retrained)

    def diagnoses(self) -> tuple[tuple[str, int, int, Diagnosis], ...]:
        """The (individual, seed, images, diagnosis) of every final training, in order of acceptance, then by seed.

        A run of an earlier gi kept none.
        """
        kept = self._db.rows(
            "SELECT individual, d.seed, d.images, document FROM diagnoses d JOIN individuals ON id = individual "
            "ORDER BY seq, d.images, d.seed"
        )
        read = ((id_, seed, images, diagnosis_from_json(json.loads(document))) for id_, seed, images, document in kept)
        return tuple((id_, seed, images, diagnosis) for id_, seed, images, diagnosis in read if diagnosis is not None)

    def add_pictures(self, pictures: Mapping[int, bytes]) -> None:
        """Keeps pictures (PNG) of validation samples, by their numbers."""
        with self._db.transaction():
            self._db.insert("pictures", [*pictures.items()], replace=True)

    def pictures(self) -> dict[int, bytes]:
        """The pictures (PNG) of validation samples that were kept, by their numbers."""
        return dict(self._db.rows("SELECT sample, png FROM pictures"))

    def seeding(self, individual: str, split: str = "validation") -> Seeding | None:
        """The layers that began with weights in an individual's (full id) first training on `split`; None for none.

        For a copied outcome they are those of the individual that was trained.
        """
        copied = self._db.row(
            "SELECT copied_from FROM outcomes WHERE individual = ? AND split = ? AND copied_from IS NOT NULL",
            *(individual, split),
        )
        trained = copied[0] if copied else individual
        row = self._db.row(
            "SELECT seed, images, won, cpu_s FROM seedings WHERE individual = ? AND split = ? ORDER BY rowid LIMIT 1",
            *(trained, split),
        )
        if row is None:
            return None
        layers = self._db.rows(
            "SELECT layer, network, donor_layer, channels, how FROM seeded_layers "
            "WHERE individual = ? AND split = ? AND seed = ? AND images = ? ORDER BY position",
            *(trained, split, row[0], row[1]),
        )
        return Seeding(tuple(SeededLayer(*layer) for layer in layers), bool(row[2]), row[3])

    def failures(self) -> tuple[FailureGroup, ...]:
        """Failed evaluations and seed programs that could not be fitted, by stage and reason, most frequent first.

        A seed program of more parameters than the run allows is no failure: it was left out.
        """
        return self._groups(
            "SELECT stage, reason, individual, detail, seq AS place FROM outcomes JOIN individuals ON id = individual "
            "WHERE figures IS NULL UNION ALL "
            f"SELECT stage, reason, '', detail, slot FROM tries WHERE stage != '' AND NOT ({_REFUSED})"
        )

    def refusals(self) -> tuple[FailureGroup, ...]:
        """Refused tries by stage and reason: the variation's, and seed programs of too many parameters.

        `example` is the operator of the first.
        """
        return self._groups(
            "SELECT stage, reason, operator AS individual, detail, "
            "generation * 1000000000 + slot * 1000 + number AS place FROM tries "
            f"WHERE stage != '' AND ({_REFUSED})"
        )

    def _groups(self, failed: str) -> tuple[FailureGroup, ...]:
        # SQLite takes the bare columns of an aggregate from the row that min() found.
        groups = self._db.rows(
            f"SELECT stage, reason, count(*) AS n, individual, detail, min(place) FROM ({failed}) "
            "GROUP BY stage, reason ORDER BY n DESC, stage, reason"
        )
        return tuple(FailureGroup(*row[:5]) for row in groups)

    def _add(self, evaluation: Evaluation) -> None:
        e = evaluation
        where = (e.individual, e.split, e.seed, e.images)
        self._db.insert("outcomes", [(*where, *rows.outcome_row(e.outcome), e.copied_from)])
        # A copy trained nothing: `seeding` looks up the individual that it was copied from.
        seeding = e.outcome.seeding if isinstance(e.outcome, Scored) else None
        if seeding is not None and e.copied_from is None:
            self._db.insert("seedings", [(*where, seeding.won, seeding.cpu_s)], replace=True)
            layers = [(x.layer, x.network, x.donor_layer, x.channels, x.how) for x in seeding.layers]
            self._db.insert("seeded_layers", [(*where, n, *x) for n, x in enumerate(layers)], replace=True)


def _retraining(id_: str, seed: int, images: int, figures: str | None, weights: str | None) -> Retraining:
    values = json.loads(figures or "{}")
    measured = {name: values[name] for name in FINAL_FIGURES if name in values}
    return Retraining(id_, seed, images, values.get("error"), values.get("validation_error"), weights, measured)
