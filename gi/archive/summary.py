"""A run as a whole: its front, and its figures."""

import json
import statistics
from collections.abc import Sequence

from gi.archive.archive import Archive
from gi.archive.records import FrontMember, RunSummary


def front_members(archive: Archive) -> tuple[FrontMember, ...]:
    """The front as of the last closed generation, by the first objective; empty before that.

    It was decided when the generation closed and is only read here.
    """
    last, keys = archive.generations.last(), [objective.key for objective in archive.run().objectives]
    members = (_front_member(archive, id_, keys) for id_ in (last.front if last else ()))
    return tuple(sorted(members, key=lambda member: tuple(member.values[key] for key in keys)))


def _front_member(archive: Archive, id_: str, keys: Sequence[str]) -> FrontMember:
    generation, figures = archive.db.row(
        "SELECT generation, figures FROM individuals JOIN outcomes ON individual = id "
        "WHERE id = ? AND split = 'validation'",
        id_,
    )
    trained, values = archive.outcomes.retrainings(id_), json.loads(figures)
    return FrontMember(
        id_,
        generation,
        {key: values[key] for key in (*keys, *(k for k in values if k not in keys))},
        tuple(r.test_error for r in trained if r.test_error is not None),
        tuple(r.validation_error for r in trained if r.validation_error is not None),
        next((r.weights for r in trained if r.weights), None),
        _finals(archive, id_, keys),
    )


def _finals(archive: Archive, id_: str, keys: Sequence[str]) -> dict[str, float]:
    """The mean of each objective over an individual's final trainings; the test error has no part in it.

    Runs of gi 0.1 never measured a final training's validation error: their members keep the search's.
    """
    stored = archive.db.rows(
        "SELECT figures FROM outcomes WHERE individual = ? AND split = 'test' AND figures IS NOT NULL", id_
    )
    finals = [json.loads(figures) for (figures,) in stored]
    names = {key: "validation_error" if key == "error" else key for key in keys}
    measured = {key: [final[name] for final in finals if name in final] for key, name in names.items()}
    return {key: statistics.fmean(values) for key, values in measured.items() if values}


def run_summary(archive: Archive) -> RunSummary:
    """The run in figures; copied outcomes count as cached, not as evaluations."""
    last, happened, db = archive.generations.last(), archive.sessions.events(), archive.db
    evaluated, failed, training_cpu_s = db.row(
        "SELECT count(*), coalesce(sum(figures IS NULL), 0), coalesce(sum(train_cpu_s + measure_cpu_s), 0) "
        "FROM outcomes WHERE copied_from IS NULL"
    )
    cpu_s = archive.sessions.cpu_s()
    return RunSummary(
        run=str(archive.folder),
        state=happened[-1].kind if happened else "started",
        generations=last.number if last else -1,
        evaluations=evaluated,
        cached=db.value("SELECT count(*) FROM tries WHERE reason = 'known already'")
        + db.value("SELECT count(*) FROM outcomes WHERE copied_from IS NOT NULL"),
        failed=failed,
        cpu_s=cpu_s,
        training_cpu_s=training_cpu_s,
        overhead_cpu_s=max(cpu_s - training_cpu_s, 0.0),
        wall_s=archive.sessions.wall_s(),
        hypervolume=last.hypervolume if last else 0.0,
        front=front_members(archive),
    )
