"""The content of a run's page: plain JSON values from its archive, in columns where there may be thousands."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import gi
from gi.archive import Archive, Evaluation, FrontMember, RunRecord, RunSummary, run_summary
from gi.archive.front import ranked
from gi.core.figures import duration_text, spread_text
from gi.core.types import Scored
from gi.report.page.descent import edits, operators, origins, traced, with_ancestors, with_source
from gi.report.page.figures import final_axes, history, number_text, searched_axes
from gi.report.page.learning import diagnoses, pictures

_DETAIL = 300  # characters of one failure's message
_MOST_LISTED = 20  # class names, for one


def page_content(archive: Archive) -> dict[str, Any]:
    """Everything that the page shows. Individuals are given by their indices in `individuals`."""
    run, summary = archive.run(), run_summary(archive)
    generations, evaluations = archive.generations.all(), archive.outcomes.evaluations("validation")
    # Read last: a running search stores an individual before its other rows, so that each of these is found here.
    place = {id_: number for number, id_ in enumerate(archive.individuals.ids())}
    parents, front = archive.individuals.parents(), [member.id for member in summary.front]
    scored = [e for e in evaluations if isinstance(e.outcome, Scored)]
    behind = with_ancestors(front, parents)
    shown = with_source(place, set(front), behind, parents)
    diagnosed, data = diagnoses(archive, {*shown}, place), _data(archive)
    return {
        "title": run.config.dataset_name,
        "facts": _facts(run, summary, len(place), is_written=archive.is_written),
        "individuals": {
            "id": [*place],
            "generation": [*archive.individuals.generation_of().values()][: len(place)],  # read later, it may have more
            "parents": [[place[parent] for parent in parents.get(id_, ())] for id_ in place],
        },
        "axes": [*searched_axes(run, scored), *final_axes(archive, run, scored)],
        "points": {"individual": [place[e.individual] for e in scored], "images": [e.images for e in scored]},
        "front": [place[id_] for id_ in front],
        "members": _members(run, summary.front, place),
        "generations": history(run, generations, scored),
        "failed": _failed(evaluations, place),
        "failures": [_group(group) for group in archive.outcomes.failures()],
        "refusals": [_group(group) for group in archive.outcomes.refusals()],
        "operators": operators(archive, front, behind, parents),
        "sources": {place[id_]: archive.text(id_) for id_ in shown},
        "edits": {place[id_]: edits(archive, id_) for id_ in shown},
        "origins": {place[id_]: origins(archive, id_) for id_ in traced(front, parents)},
        "classes": _class_names(data),
        "diagnoses": diagnosed,
        "pictures": pictures(archive, diagnosed),
        "made": _made(data, run),
    }


def _facts(run: RunRecord, summary: RunSummary, individuals: int, *, is_written: bool) -> list[list[str]]:
    # A run that ends in order records its state; a killed one has recorded none, and no process holds its lock.
    ended = summary.state in ("finished", "interrupted")
    return [
        ["state", summary.state if ended else "running" if is_written else "cut off; it can be resumed"],
        ["generations", str(summary.generations + 1)],
        ["individuals", f"{individuals:,}"],
        ["front", number_text(len(summary.front), "member")],
        ["hypervolume", f"{summary.hypervolume:.4f}"],
        ["trainings", f"{summary.evaluations:,}, {summary.failed:,} failed"],
        ["CPU time", f"{duration_text(summary.cpu_s)}, {duration_text(summary.training_cpu_s)} of it trainings"],
        ["wall time", duration_text(summary.wall_s)],
        ["top rung", f"{run.top_images:,} training samples presented"],
    ]


def _members(run: RunRecord, front: Sequence[FrontMember], place: Mapping[str, int]) -> dict[str, Any]:
    """The front as a table, the best by the first objective first."""
    seeds = max((len(member.test_errors) for member in front), default=0)
    metric = run.config.objective("error").title
    finals = (
        [f"{split} {metric}, final ({number_text(seeds, 'seed')})" for split in ("validation", "test")] if seeds else []
    )
    # Only a front of which nothing keeps the limits has members beyond them: else it would be a column of nothing.
    limits = ["limits"] if any(member.excess for member in front) else []
    rows = []
    for member in ranked(front, run.objectives, run.objectives[0]):
        cells = [o.text(member.values[o.key]) for o in run.objectives]
        errors = (member.validation_errors, member.test_errors) if finals else ()
        cells += [spread_text(values, seeds=seeds) for values in errors]
        cells += ["beyond the limits" if member.excess else ""] if limits else []
        rows.append([place[member.id], cells])
    return {"headings": [*(o.axis or o.title for o in run.objectives), *finals, *limits], "rows": rows}


def _failed(evaluations: Sequence[Evaluation], place: Mapping[str, int]) -> dict[int, list[str]]:
    """The failed trainings of each individual by its index, a line each."""
    lines: dict[int, list[str]] = {}
    for e in evaluations:
        if not isinstance(e.outcome, Scored):
            line = f"{e.outcome.stage}: {e.outcome.reason}, on {e.images:,} images. {e.outcome.detail}"
            lines.setdefault(place[e.individual], []).append(" ".join(line.split())[:_DETAIL])
    return lines


def _group(group: Any) -> dict[str, Any]:
    return {**asdict(group), "detail": " ".join(group.detail.split())[:_DETAIL]}


def _data(archive: Archive) -> Mapping[str, Any]:
    """The run's record of its data set; {} in runs of versions without one."""
    return next((e.detail for e in reversed(archive.sessions.events()) if e.kind == "data"), {})


def _class_names(data: Mapping[str, Any]) -> list[str]:
    """The names of the classes; [] in runs of versions without them."""
    names = data.get("class_names")
    return [*map(str, names)] if isinstance(names, list) else []


def _made(data: Mapping[str, Any], run: RunRecord) -> list[list[Any]]:
    """Tables of the run's data, settings, versions and machine."""
    started = datetime.fromtimestamp(run.started).astimezone()
    run_rows = {"started": f"{started:%Y-%m-%d %H:%M %Z}", "command": " ".join(run.command), **run.machine}
    rungs = {"rungs": ", ".join(f"{images:,}" for images in run.rungs), "final trainings": f"{run.final_images:,}"}
    tables = (
        (
            "Data",
            {"data set": run.config.dataset_name, **{name.replace("_", " "): value for name, value in data.items()}},
        ),
        ("Training samples presented", rungs),
        ("Configuration", run.config.to_json()),
        ("Versions", {**run.versions, "gi that wrote this page": gi.__version__}),
        ("Machine", run_rows),
    )
    return [[title, [[name, _text(value)] for name, value in rows.items()]] for title, rows in tables]


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if not isinstance(value, list | tuple):
        return str(value)
    more = [f"{len(value) - _MOST_LISTED} more"] if len(value) > _MOST_LISTED else []
    return ", ".join([*map(str, value[:_MOST_LISTED]), *more])
