"""Questions to a run file, each a function of the connection."""

import dataclasses
import json
import sqlite3
import statistics
from collections.abc import Sequence
from typing import Any

from gi.archive import rows
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
from gi.core.errors import ArchiveError
from gi.core.settings import RunConfig
from gi.core.types import Individual, Objective, Outcome, Program

_INDIVIDUAL = (
    "SELECT id, text, generation, slot, repository, commit_hash, path, line, licence, fingerprint FROM individuals"
)
_OUTCOME = "figures, stage, reason, detail, train_cpu_s, measure_cpu_s, cpu_s, wall_s"
_LINEAGE = """
WITH RECURSIVE ancestors (id) AS (
    SELECT ? UNION SELECT parent FROM parents JOIN ancestors ON individual = ancestors.id
)
"""


def run(db: sqlite3.Connection) -> RunRecord:
    """The run's settings and what made it."""
    row = db.execute(
        "SELECT config, objectives, reference, versions, machine, command, started FROM run WHERE id = 1"
    ).fetchone()
    if row is None:
        raise ArchiveError("the run file holds no run: it was cut off at its start. Start again with another --out.")
    config, objectives, reference, versions, machine, command = (json.loads(v or "null") for v in row[:6])
    return RunRecord(
        RunConfig.from_json(config),
        tuple(Objective(**objective) for objective in objectives),
        None if reference is None else tuple(reference),
        versions,
        machine,
        tuple(command),
        row[6],
    )


def seeds(db: sqlite3.Connection) -> tuple[Program, ...]:
    """The programs that the run started from, as they were given."""
    found = db.execute("SELECT text, repository, commit_hash, path, line, licence FROM seeds ORDER BY position")
    contents = originals(db)
    return tuple(dataclasses.replace(rows.program(row), original=contents.get(n)) for n, row in enumerate(found))


def originals(db: sqlite3.Connection) -> dict[int, bytes]:
    """The files that seed programs were made from, by position; none in a run that an earlier gi wrote."""
    return dict(db.execute("SELECT position, content FROM originals"))


def ids(db: sqlite3.Connection) -> tuple[str, ...]:
    """Every individual ever accepted, in order."""
    return tuple(id_ for (id_,) in db.execute("SELECT id FROM individuals ORDER BY seq"))


def fingerprints(db: sqlite3.Connection) -> dict[str, str]:
    """The fingerprint of every individual that has one, by id in order of acceptance."""
    return dict(db.execute("SELECT id, fingerprint FROM individuals WHERE fingerprint != '' ORDER BY seq"))


def text(db: sqlite3.Connection, id_: str) -> str:
    """The source of the individual with exactly this id. Raises `ArchiveError`."""
    row = db.execute("SELECT text FROM individuals WHERE id = ?", (id_,)).fetchone()
    if row is None:
        raise ArchiveError(f"no individual has the id {id_!r}: give the full id of one.")
    return str(row[0])


def by_prefix(db: sqlite3.Connection, prefix: str) -> Individual:
    """The one individual whose id starts with `prefix`. Raises `ArchiveError` for none and for several."""
    found = db.execute(f"{_INDIVIDUAL} WHERE substr(id, 1, ?) = ? ORDER BY seq", (len(prefix), prefix)).fetchall()
    exact = [row for row in found if row[0] == prefix]
    if len(exact or found) == 1:
        return rows.individual(db, (exact or found)[0])
    if not found:
        raise ArchiveError(f"no individual's id starts with {prefix!r}: `gi front RUN` lists the ids of the front.")
    examples = ", ".join(row[0] for row in found[:3])
    raise ArchiveError(f"{len(found)} individuals' ids start with {prefix!r} ({examples}, ...): give more characters.")


def lineage(db: sqlite3.Connection, id_: str) -> tuple[Individual, ...]:
    """The individual `id_` and all its ancestors in order of acceptance: seed programs first, itself last."""
    found = db.execute(f"{_LINEAGE} {_INDIVIDUAL} WHERE id IN (SELECT id FROM ancestors) ORDER BY seq", (id_,))
    return tuple(rows.individual(db, row) for row in found.fetchall())


def provenance(db: sqlite3.Connection, id_: str) -> tuple[Provenance, ...]:
    """Every edit between the seed programs and the individual `id_`, in order of acceptance."""
    return tuple(Provenance(i.id, i.generation, edit) for i in lineage(db, id_) for edit in i.edits)


def slots(db: sqlite3.Connection, generation: int) -> tuple[Slot, ...]:
    """The slots of a generation that are decided, in order."""
    found = db.execute(
        "SELECT slot, individual FROM slots WHERE generation = ? ORDER BY slot", (generation,)
    ).fetchall()
    return tuple(Slot(generation, slot, id_, rows.tries(db, generation, slot)) for slot, id_ in found)


def pending(db: sqlite3.Connection, generation: int) -> tuple[Individual, ...]:
    """The individuals of a generation that have no outcome on the validation split, in order: what is left to do."""
    found = db.execute(
        f"{_INDIVIDUAL} WHERE generation = ? AND id NOT IN "
        "(SELECT individual FROM outcomes WHERE split = 'validation') ORDER BY seq",
        (generation,),
    )
    return tuple(rows.individual(db, row) for row in found.fetchall())


def outcome(db: sqlite3.Connection, id_: str, split: str = "validation") -> Outcome | None:
    """The first outcome of an individual (full id) on `split`, by images and seed; None where it has none yet."""
    row = db.execute(
        f"SELECT {_OUTCOME} FROM outcomes WHERE individual = ? AND split = ? ORDER BY images, seed LIMIT 1",
        (id_, split),
    ).fetchone()
    return None if row is None else rows.outcome(row)


def evaluations(db: sqlite3.Connection, split: str | None = None) -> tuple[Evaluation, ...]:
    """The outcomes on `split` (all without it) in order of the individuals' acceptance, then by seed."""
    found = db.execute(
        f"SELECT individual, split, seed, images, copied_from, {_OUTCOME} "
        "FROM outcomes JOIN individuals ON id = individual "
        "WHERE split = coalesce(?, split) ORDER BY seq, split, images, seed",
        (split,),
    )
    return tuple(
        Evaluation(id_, on, seed, images, rows.outcome(rest), copied)
        for id_, on, seed, images, copied, *rest in found.fetchall()
    )


def generations(db: sqlite3.Connection) -> tuple[Generation, ...]:
    """The closed generations in order."""
    found = db.execute(
        "SELECT number, population, front, hypervolume, random_state, cpu_s FROM generations ORDER BY number"
    )
    return tuple(
        Generation(n, tuple(json.loads(pop)), tuple(json.loads(front)), volume, json.loads(state), cpu)
        for n, pop, front, volume, state, cpu in found
    )


def last_generation(db: sqlite3.Connection) -> Generation | None:
    """The generation that closed last, None before the first."""
    found = generations(db)
    return found[-1] if found else None


def retrainings(db: sqlite3.Connection, id_: str | None = None) -> tuple[Retraining, ...]:
    """The retrainings from scratch of one individual, or of all in order of acceptance; each one's by seed."""
    found = db.execute(
        "SELECT r.individual, r.seed, r.images, figures, weights FROM retrainings r "
        "JOIN outcomes o ON o.individual = r.individual AND o.seed = r.seed AND o.images = r.images "
        "AND split = 'test' JOIN individuals ON id = r.individual "
        "WHERE id = coalesce(?, id) ORDER BY seq, r.images, r.seed",
        (id_,),
    )
    return tuple(_retraining(*row) for row in found)


def _retraining(id_: str, seed: int, images: int, figures: str | None, weights: str | None) -> Retraining:
    values = json.loads(figures or "{}")
    return Retraining(id_, seed, images, values.get("error"), values.get("validation_error"), weights)


def front(db: sqlite3.Connection) -> tuple[FrontMember, ...]:
    """The front as of the last closed generation, by the first objective; empty before that.

    It was decided when the generation closed and is only read here.
    """
    last, keys = last_generation(db), [objective.key for objective in run(db).objectives]
    members = (_front_member(db, id_, keys) for id_ in (last.front if last else ()))
    return tuple(sorted(members, key=lambda member: tuple(member.values[key] for key in keys)))


def failures(db: sqlite3.Connection) -> tuple[FailureGroup, ...]:
    """Failed evaluations, and seed programs that could not be fitted, by stage and reason, the most frequent first."""
    return _groups(
        db,
        "SELECT stage, reason, individual, detail, seq AS place FROM outcomes JOIN individuals ON id = individual "
        "WHERE figures IS NULL UNION ALL "
        "SELECT stage, reason, '', detail, slot FROM tries WHERE operator = 'seed' AND stage != ''",
    )


def refusals(db: sqlite3.Connection) -> tuple[FailureGroup, ...]:
    """Tries of the variation that were refused, by stage and reason; `example` is the operator of the first."""
    return _groups(
        db,
        "SELECT stage, reason, operator AS individual, detail, "
        "generation * 1000000000 + slot * 1000 + number AS place FROM tries WHERE operator != 'seed' AND stage != ''",
    )


def events(db: sqlite3.Connection) -> tuple[Event, ...]:
    """What happened to the run as a whole, in order."""
    found = db.execute("SELECT at, kind, detail FROM events ORDER BY id")
    return tuple(Event(at, kind, json.loads(detail)) for at, kind, detail in found)


def scalar(db: sqlite3.Connection, query: str, arguments: Sequence[Any] = ()) -> Any:
    """The one value that `query` gives."""
    return db.execute(query, arguments).fetchone()[0]


def _front_member(db: sqlite3.Connection, id_: str, keys: Sequence[str]) -> FrontMember:
    generation, figures = db.execute(
        "SELECT generation, figures FROM individuals JOIN outcomes ON individual = id "
        "WHERE id = ? AND split = 'validation'",
        (id_,),
    ).fetchone()
    trained, values = retrainings(db, id_), json.loads(figures)
    return FrontMember(
        id_,
        generation,
        {key: values[key] for key in (*keys, *(k for k in values if k not in keys))},
        tuple(r.test_error for r in trained if r.test_error is not None),
        tuple(r.validation_error for r in trained if r.validation_error is not None),
        next((r.weights for r in trained if r.weights), None),
        _finals(db, id_, keys),
    )


def _finals(db: sqlite3.Connection, id_: str, keys: Sequence[str]) -> dict[str, float]:
    """The mean of each objective over an individual's final trainings; the test error has no part in it.

    Runs of gi 0.1 never measured a final training's validation error: their members keep the search's.
    """
    stored = db.execute(
        "SELECT figures FROM outcomes WHERE individual = ? AND split = 'test' AND figures IS NOT NULL", (id_,)
    )
    finals = [json.loads(figures) for (figures,) in stored]
    names = {key: "validation_error" if key == "error" else key for key in keys}
    measured = {key: [final[name] for final in finals if name in final] for key, name in names.items()}
    return {key: statistics.fmean(values) for key, values in measured.items() if values}


def _groups(db: sqlite3.Connection, failed: str) -> tuple[FailureGroup, ...]:
    # SQLite takes the bare columns of an aggregate from the row that min() found.
    found = db.execute(
        f"SELECT stage, reason, count(*) AS n, individual, detail, min(place) FROM ({failed}) "
        "GROUP BY stage, reason ORDER BY n DESC, stage, reason"
    )
    return tuple(FailureGroup(*row[:5]) for row in found)


def summary(db: sqlite3.Connection, name: str) -> RunSummary:
    """The run called `name` in figures."""
    last, happened = last_generation(db), events(db)
    evaluated, failed, training_cpu_s = db.execute(
        "SELECT count(*), coalesce(sum(figures IS NULL), 0), coalesce(sum(train_cpu_s + measure_cpu_s), 0) "
        "FROM outcomes WHERE copied_from IS NULL"
    ).fetchone()
    cpu_s, wall_s = db.execute("SELECT coalesce(sum(cpu_s), 0), coalesce(sum(wall_s), 0) FROM sessions").fetchone()
    return RunSummary(
        run=name,
        state=happened[-1].kind if happened else "started",
        generations=last.number if last else -1,
        evaluations=evaluated,
        cached=scalar(
            db,
            "SELECT (SELECT count(*) FROM tries WHERE reason = 'known already') "
            "+ (SELECT count(*) FROM outcomes WHERE copied_from IS NOT NULL)",
        ),
        failed=failed,
        cpu_s=cpu_s,
        training_cpu_s=training_cpu_s,
        overhead_cpu_s=max(cpu_s - training_cpu_s, 0.0),
        wall_s=wall_s,
        hypervolume=last.hypervolume if last else 0.0,
        front=front(db),
    )
