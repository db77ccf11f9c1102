"""A run as a whole: its front, and its figures."""

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from gi.archive.archive import Archive
from gi.archive.front import nondominated_rows, violation
from gi.archive.records import FrontMember, RunSummary
from gi.core.objectives import FINAL_FIGURES, OBJECTIVES, Constraint, total_excess

_STATES = ("started", "resumed", "interrupted", "finished")  # other events say what a run reads


def front_members(archive: Archive) -> tuple[FrontMember, ...]:
    """The non-dominated individuals of the highest rung that was reached, by the first objective.

    What was trained for a shorter time is no measure for it. Of individuals with equal values the earliest; empty
    before the first generation closed.
    """
    run, last = archive.run(), archive.generations.last()
    keys = [objective.key for objective in run.objectives]
    scored = {} if last is None else _scored(archive, last.number)
    ids, values = list(scored), _values(scored.values(), keys)
    limits = run.config.constraints
    reference = run.reference or ()
    bounds = [(n, bound) for n, (o, bound) in enumerate(zip(run.objectives, reference, strict=False)) if o.bounded]
    beyond = [0.0] * len(values)
    for row in {row for n, bound in bounds for row, given in enumerate(values) if given[n] > bound}:
        beyond[row] = violation(values[row], reference, run.objectives)
    if limits:
        names = [limit.key for limit in limits]
        figures = (dict(zip(names, row, strict=True)) for row in _values(scored.values(), optional=names))
        beyond = [bound + total_excess(row, limits) for bound, row in zip(beyond, figures, strict=True)]
    rows = nondominated_rows(values, beyond)
    accepted = archive.individuals.accepted(ids[row] for row in rows)
    # By values, and of equal ones the first that came, which is the member.
    rows.sort(key=lambda row: (values[row], accepted[ids[row]]))
    members = [next(equal) for _, equal in groupby(rows, key=values.__getitem__)]
    return _members(archive, {ids[row]: scored[ids[row]] for row in members})


def members_on(archive: Archive, ids: Sequence[str], images: int) -> tuple[FrontMember, ...]:
    """The front of a search that goes on, with its figures on the rung of `images` samples, by the first objective.

    Which `ids` are on it the search decides, as it may not have read yet what the archive holds.
    """
    stored = archive.db.rows(
        "SELECT individual, figures FROM json_each(?) CROSS JOIN outcomes ON individual = value "
        "WHERE split = 'validation' AND images = ? AND figures IS NOT NULL ORDER BY seed DESC",
        json.dumps(list(ids)),
        images,
    )
    members, keys = _members(archive, dict(stored)), [objective.key for objective in archive.run().objectives]
    return tuple(sorted(members, key=lambda member: [member.values[key] for key in keys]))


def _members(archive: Archive, scored: Mapping[str, str]) -> tuple[FrontMember, ...]:
    """Members of a front, in the order of their figures (JSON)."""
    run, accepted = archive.run(), archive.individuals.accepted(scored)
    keys = [objective.key for objective in run.objectives]
    retrained = {id_ for (id_,) in archive.db.rows("SELECT DISTINCT individual FROM outcomes WHERE split = 'test'")}
    return tuple(
        _front_member(archive, id_, accepted[id_][1], _read(figures), keys, run.config.constraints,
                      retrained=id_ in retrained)
        for id_, figures in scored.items()
    )  # fmt: skip


def _read(figures: str) -> dict[str, float]:
    return {key: float(value) for key, value in json.loads(figures).items()}


def _values(
    stored: Iterable[str], keys: Sequence[str] = (), *, optional: Sequence[str] = ()
) -> list[tuple[float, ...]]:
    """The values of `keys`, then those of `optional` ones (0 where missing), in each of the JSON objects `stored`.

    Of 100,000 in a tenth of what reading all their keys takes.
    """
    import msgspec

    record = msgspec.defstruct("Figures", [*((key, float) for key in keys), *((key, float, 0.0) for key in optional)])
    return list(map(msgspec.structs.astuple, map(msgspec.json.Decoder(record).decode, stored)))


def _scored(archive: Archive, generation: int) -> dict[str, str]:
    """The figures (JSON) on the highest rung of what was scored up to `generation`, by id, in no order."""
    # The outcomes alone: of 100,000 evaluations the individuals, with their texts, are 200 MB.
    query = (
        "SELECT individual, figures FROM outcomes WHERE split = 'validation' AND figures IS NOT NULL AND images = ("
        "SELECT max(images) FROM outcomes WHERE split = 'validation' AND figures IS NOT NULL)"
    )
    stored = archive.db.rows(query)
    scored: dict[str, str] = dict(stored)
    if len(scored) < len(stored):  # some on several seeds, of which the least counts
        scored = dict(archive.db.rows(f"{query} ORDER BY seed DESC"))
    for (id_,) in archive.db.rows("SELECT individual FROM slots WHERE generation > ?", generation):
        scored.pop(id_, None)
    return scored


def _front_member(
    archive: Archive,
    id_: str,
    generation: int,
    values: Mapping[str, float],
    keys: Sequence[str],
    limits: Sequence[Constraint],
    *,
    retrained: bool,
) -> FrontMember:
    trained = archive.outcomes.retrainings(id_) if retrained else ()
    finals = _finals(archive, id_, [*keys, *(c.key for c in limits)]) if retrained else {}
    return FrontMember(
        id_,
        generation,
        {key: values[key] for key in (*keys, *(k for k in values if k not in keys))},
        tuple(r.test_error for r in trained if r.test_error is not None),
        tuple(r.validation_error for r in trained if r.validation_error is not None),
        next((r.weights for r in trained if r.weights), None),
        finals,
        total_excess({**values, **finals}, limits),
        {name: tuple(r.figures[name] for r in trained if name in r.figures) for name in FINAL_FIGURES[1:]},
    )


def _finals(archive: Archive, id_: str, keys: Sequence[str]) -> dict[str, float]:
    """The mean of each objective over an individual's final trainings; the test error has no part in it.

    Runs of gi 0.1 never measured a final training's validation error: their members keep the search's.
    """
    stored = archive.db.rows(
        "SELECT figures FROM outcomes WHERE individual = ? AND split = 'test' AND figures IS NOT NULL", id_
    )
    finals = [json.loads(figures) for (figures,) in stored]
    names = {key: OBJECTIVES[key].final_key or key for key in keys}
    measured = {key: [final[name] for final in finals if name in final] for key, name in names.items()}
    return {key: statistics.fmean(values) for key, values in measured.items() if values}


def run_summary(archive: Archive, front: tuple[FrontMember, ...] | None = None) -> RunSummary:
    """The run in figures, with its `front`, by default `front_members`.

    Outcomes copied within it count as cached, not as evaluations.
    """
    last, happened, db = archive.generations.last(), archive.sessions.events(), archive.db
    evaluated, failed, from_cache, training_cpu_s = db.row(
        "SELECT count(*), coalesce(sum(figures IS NULL), 0), coalesce(sum(cached), 0), "
        "coalesce(sum((train_cpu_s + measure_cpu_s) * (NOT cached)), 0) FROM outcomes o WHERE copied_from IS NULL "
        # A training on the top rung is a final training as well: one training, two rows.
        "AND (split = 'validation' OR NOT EXISTS (SELECT 1 FROM outcomes v WHERE v.split = 'validation' "
        "AND v.individual = o.individual AND v.seed = o.seed AND v.images = o.images))"
    )
    cpu_s = archive.sessions.cpu_s()
    return RunSummary(
        run=str(archive.folder),
        state=next((event.kind for event in reversed(happened) if event.kind in _STATES), "started"),
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
        front=front_members(archive) if front is None else front,
        from_cache=from_cache,
    )
