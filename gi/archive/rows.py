"""Records to database rows and back."""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gi.core.objectives import Objective
from gi.core.settings import RunConfig
from gi.core.types import Cost, Edit, Failed, LineType, Origin, Outcome, Scored, Try

_OBJECTIVE = ("key", "unit", "reference", "log", "bounded")
#: The columns of an outcome in the order in which `outcome` takes them.
OUTCOME = "figures, stage, reason, detail, train_cpu_s, measure_cpu_s, cpu_s, wall_s, cached"

OriginRow = tuple[str | None, str | None, str | None, int | None, str | None]
_NOWHERE: OriginRow = (None, None, None, None, None)


def to_json(value: Any) -> str:
    """`value` as JSON in one canonical spelling. Raises `ValueError` for NaN and infinity."""
    # NaN is no JSON, and a figure that compares with nothing.
    return json.dumps(value, sort_keys=True, allow_nan=False, separators=(",", ":"))


def storable(text: str) -> str:
    """`text` with lone surrogates, which SQLite cannot store, written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def origin_row(origin: Origin | None) -> OriginRow:
    """The five columns of an origin, all NULL for none."""
    if origin is None:
        return _NOWHERE
    return origin.repository, origin.commit, origin.path, origin.line, origin.licence


def origin(row: Sequence[Any]) -> Origin | None:
    """The origin in five columns, None where they are NULL."""
    return None if row[0] is None else Origin(*row)


def edit_row(edit: Edit) -> tuple[Any, ...]:
    """operator, type, line, before, after and the five origin columns."""
    return (edit.operator, str(edit.type), edit.line, edit.before, edit.after, *origin_row(edit.origin))


def edit(row: Sequence[Any]) -> Edit:
    """The edit that `edit_row` wrote."""
    return Edit(row[0], LineType(row[1]), row[2], row[3], row[4], origin(row[5:]))


def try_rows(generation: int, slot: int, tries: Iterable[Try]) -> list[tuple[Any, ...]]:
    """The rows of one slot's tries, numbered from 0."""
    return [
        (generation, slot, n, t.operator, storable(t.stage), storable(t.reason), storable(t.detail))
        for n, t in enumerate(tries)
    ]


def outcome_row(outcome: Outcome) -> tuple[Any, ...]:
    """figures, stage, reason, detail, the four columns of the cost, and whether it came from the cache."""
    cost = outcome.cost
    paid = (cost.train_cpu_s, cost.measure_cpu_s, cost.cpu_s, cost.wall_s, outcome.cached)
    if isinstance(outcome, Scored):
        return (to_json(dict(outcome.values)), None, None, None, *paid)
    return (None, outcome.stage, storable(outcome.reason), storable(outcome.detail), *paid)


def outcome(row: Sequence[Any]) -> Outcome:
    """The outcome that `outcome_row` wrote."""
    figures, stage, reason, detail, *costs, cached = row
    if figures is None:
        return Failed(stage, reason, detail, Cost(*costs), bool(cached))
    return Scored(json.loads(figures), Cost(*costs), cached=bool(cached))


def objective_json(objective: Objective) -> dict[str, Any]:
    """The fields of an objective that decide a run's result, without those for printing."""
    return {name: getattr(objective, name) for name in _OBJECTIVE}


def objective(stored: Mapping[str, Any], config: RunConfig) -> Objective:
    """The objective of a run with these settings: the stored fields, and the others as this gi has them."""
    return dataclasses.replace(config.objective(stored["key"]), **stored)
