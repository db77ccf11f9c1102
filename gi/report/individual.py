"""An individual as JSON values and as rows of CSV; their keys are a public interface."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from gi.archive import Archive
from gi.core.types import Failed, Individual, Scored
from gi.explain.provenance.origins import individual_origins
from gi.explain.provenance.sources import individual_explanation
from gi.explain.records import Explanation


def show_json(archive: Archive, id_: str) -> dict[str, Any]:
    """An individual with its outcome, its ancestors' edits and the origin of each of its lines."""
    individual = archive.individuals.by_prefix(id_)
    outcome = archive.outcome(individual.id)
    lines = individual_origins(archive, individual.id)
    seeding = archive.outcomes.seeding(individual.id)
    return {
        **_individual_json(individual),
        "text": individual.text,
        "values": dict(outcome.values) if isinstance(outcome, Scored) else None,
        "failure": {"stage": outcome.stage, "reason": outcome.reason, "detail": outcome.detail}
        if isinstance(outcome, Failed)
        else None,
        "lineage": [_individual_json(member) for member in archive.individuals.lineage(individual.id)],
        "provenance": [asdict(line) for line in lines],
        "explanation": explanation_json(individual_explanation(archive, individual.id)),
        "seeding": None if seeding is None else asdict(seeding),
    }


def show_rows(answer: Mapping[str, Any], view: str | None) -> Sequence[Mapping[str, Any]]:
    """The rows of an individual: its ancestors ("lineage"), its changes ("provenance"), else itself in one row."""
    if view == "lineage":
        return list(answer["lineage"])
    if view == "provenance":
        return list(answer["explanation"]["changes"])
    return [{key: value for key, value in answer.items() if key not in ("lineage", "provenance", "explanation")}]


def explanation_json(explanation: Explanation) -> dict[str, Any]:
    """The explanation as JSON values, with `within_noise` for each effect."""
    stored = explanation.to_json()
    # So that readers of the JSON need not know how noise and difference decide it.
    for verdict, values in zip(explanation.verdicts, stored["verdicts"], strict=True):
        for effect, row in zip(verdict.effects, values["effects"], strict=True):
            row["within_noise"] = effect.within_noise
    return {**stored, "changes": stored.pop("verdicts")}


def _individual_json(individual: Individual) -> dict[str, Any]:
    return {
        "id": individual.id,
        "generation": individual.generation,
        "parents": list(individual.parents),
        "edits": [asdict(edit) for edit in individual.edits],
        "tries": len(individual.tries),
        "origin": asdict(individual.origin) if individual.origin else None,
    }
