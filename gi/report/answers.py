"""Answers of `--json` on a run, as plain JSON values; their keys are a public interface."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from gi.archive import Archive, FailureGroup, FrontMember, RunRecord, RunSummary, run_summary
from gi.core.objectives import Objective
from gi.report.top_members import top_members


def front_json(archive: Archive, top: int | None = None) -> dict[str, Any]:
    """A run's front with its settings and units; with `top`, only the members that `top_members` chooses."""
    run, summary = archive.run(), run_summary(archive)
    return {
        "run": summary.run,
        "dataset": run.config.dataset,
        "state": summary.state,
        "generation": summary.generations,
        "objectives": [_objective_json(objective) for objective in run.objectives],
        "constraints": _constraints_json(run),
        "reference": list(run.reference) if run.reference else None,
        "hypervolume": summary.hypervolume,
        "from_cache": summary.from_cache,
        "front": [member_json(member) for member in top_members(run, summary.front, top)],
    }


def summary_json(summary: RunSummary) -> dict[str, Any]:
    """The object that `gi evolve --json` prints at its end."""
    # Spelled out in place of `asdict`: a field added to the record must not change a public answer.
    return {
        "run": summary.run,
        "state": summary.state,
        "generations": summary.generations,
        "evaluations": summary.evaluations,
        "cached": summary.cached,
        "from_cache": summary.from_cache,
        "failed": summary.failed,
        "cpu_s": summary.cpu_s,
        "training_cpu_s": summary.training_cpu_s,
        "overhead_cpu_s": summary.overhead_cpu_s,
        "wall_s": summary.wall_s,
        "hypervolume": summary.hypervolume,
        "front": [member_json(member) for member in summary.front],
    }


def member_json(member: FrontMember) -> dict[str, Any]:
    """A front member: objectives on the validation split, and the figures of its final trainings on both splits.

    Errors are by the run's metric; accuracies and AUCs are added.
    """
    retrained = _errors_json("test_error", member.test_errors)
    if retrained:
        retrained |= {"seeds": len(member.test_errors)}
    retrained |= _errors_json("validation_error", member.validation_errors)
    for name, values in member.figures.items():
        retrained |= _errors_json(name if name.startswith("validation_") else f"test_{name}", values)
    feasible = {"feasible": not member.excess}
    return {"id": member.id, "generation": member.generation, **member.values, **retrained, **feasible}


def _errors_json(name: str, errors: Sequence[float]) -> dict[str, Any]:
    """Mean and standard deviation (null for one value); {} for no values."""
    if not errors:
        return {}
    deviation = statistics.stdev(errors) if len(errors) > 1 else None
    return {f"{name}_mean": statistics.mean(errors), f"{name}_sd": deviation}


def failures_json(groups: Sequence[FailureGroup]) -> list[dict[str, Any]]:
    """Failures by stage and reason."""
    return [asdict(group) for group in groups]


def _constraints_json(run: RunRecord) -> dict[str, float]:
    """The limits of the run by the names of what they limit."""
    return {limit.key: limit.limit for limit in run.config.constraints}


def _objective_json(objective: Objective) -> dict[str, Any]:
    return {"name": objective.key, "unit": objective.unit, "goal": "minimise"}
