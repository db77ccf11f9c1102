"""The figures of a run for the page: an axis for each measured figure, and their history by generation."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from gi.archive import Archive, Evaluation, Generation, RunRecord
from gi.core.objectives import OBJECTIVES, Objective
from gi.core.types import Scored


def searched_axes(run: RunRecord, scored: Sequence[Evaluation]) -> Iterator[dict[str, Any]]:
    """The axes of the search's figures, the run's objectives first; each value is from one training."""
    objectives = [o.key for o in run.objectives]
    measured = {key for e in scored for key in _values(e)}
    for key in [*objectives, *(key for key in OBJECTIVES if key in measured and key not in objectives)]:
        objective = run.config.objective(key)
        values = [_rounded(_values(e).get(key)) for e in scored]
        once = "" if objective.figure == "count" else ", 1 training (1 seed)"
        yield _axis(objective, key, f"{objective.axis or objective.title}{once}", values)


def final_axes(archive: Archive, run: RunRecord, scored: Sequence[Evaluation]) -> Iterator[dict[str, Any]]:
    """The axes of mean errors of final trainings, on both splits, at each individual's longest training."""
    finals: dict[str, list[tuple[float | None, float | None]]] = {}
    for retraining in archive.outcomes.retrainings():
        finals.setdefault(retraining.individual, []).append((retraining.validation_error, retraining.test_error))
    last = {e.individual: number for number, e in enumerate(scored)}
    error = run.config.objective("error")
    for side, split in enumerate(("validation", "test")):
        values: list[float | None] = [None] * len(scored)
        seeds = 0
        for id_, errors in finals.items():
            measured = [pair[side] for pair in errors]
            known = [value for value in measured if value is not None]
            if known and id_ in last:
                values[last[id_]], seeds = _rounded(sum(known) / len(known)), max(seeds, len(known))
        if seeds:
            title = f"{split} {error.title}, mean of the final trainings (up to {number_text(seeds, 'seed')})"
            yield _axis(error, f"final {split}", title, values)


def _axis(objective: Objective, key: str, title: str, values: list[float | None]) -> dict[str, Any]:
    return {
        "key": key,
        "title": title,
        "unit": objective.unit,
        "log": objective.log,
        "figure": objective.figure,
        "least": objective.least,
        "values": values,
    }


def history(run: RunRecord, generations: Sequence[Generation], scored: Sequence[Evaluation]) -> dict[str, Any]:
    """Hypervolume and the front's best of each objective by closed generation, over the run's CPU seconds."""
    values = {(e.individual, e.images): _values(e) for e in reversed(scored)}  # with several seeds the first one stays
    best = {o.key: [_best(o.key, g.front, g.images, values) for g in generations] for o in run.objectives}
    return {
        "number": [g.number for g in generations],
        "cpu_s": [_rounded(g.cpu_s) for g in generations],
        "hypervolume": [_rounded(g.hypervolume) for g in generations],
        "images": [g.images for g in generations],
        "best": best,
    }


def _best(
    key: str, front: Iterable[str], images: int, values: Mapping[tuple[str, int], Mapping[str, float]]
) -> float | None:
    measured = (values.get((id_, images), {}).get(key) for id_ in front)
    return _rounded(min((value for value in measured if value is not None), default=None))


def number_text(count: int, noun: str) -> str:
    """A count with its noun: 1 seed, 3 seeds."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _values(evaluation: Evaluation) -> Mapping[str, float]:
    return evaluation.outcome.values if isinstance(evaluation.outcome, Scored) else {}


def _rounded(value: float | None) -> float | None:
    """The value with five digits, to keep 20,000 points small."""
    return None if value is None else float(f"{value:.5g}")
