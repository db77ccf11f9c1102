"""Prints a verb's answer to stdout: tables and highlighted source on a terminal, plain text in a pipe."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gi.archive import Archive, FailureGroup, run_summary
from gi.core.errors import ConfigError
from gi.core.objectives import OBJECTIVES
from gi.core.quoting import shown
from gi.core.settings import RunConfig
from gi.core.types import Scored, TypedLine
from gi.explain.provenance.origins import seed_of
from gi.explain.provenance.sources import individual_explanation
from gi.explain.records import Explanation
from gi.report import program, stock
from gi.report.constraints import constraints_lines
from gi.report.explanation import explanation_text
from gi.report.machine import machine_table
from gi.report.plot import PlotPoint, draw_front
from gi.report.table import Shown, console, failures_table, front_table, plain, show

_PANELS = (OBJECTIVES["params"], OBJECTIVES["time"])


def print_front(archive: Archive, top: int | None = None) -> None:
    """Prints the Pareto front or `top` members of it, or a note that there is none yet."""
    run, summary = archive.run(), run_summary(archive)
    if not summary.front:
        show(f"{shown(summary.run)} has no front yet: its first generation has not ended.")
        return
    show(front_table(run, summary, top))
    for line in constraints_lines(archive):
        show(plain(line))
    if summary.from_cache:
        show(f"{summary.from_cache} of {summary.evaluations} trainings were done by earlier runs (gi cache)")


def front_plot(archive: Archive, path: Path) -> None:
    """Draws validation error against parameters and against time into the picture at `path`. Raises `ConfigError`."""
    if path.suffix.lower() not in (".png", ".svg"):
        raise ConfigError(f"--plot {path}: the picture is a PNG or an SVG, name it something.png or something.svg.")
    run, summary = archive.run(), run_summary(archive)
    on_front = {member.id for member in summary.front}
    if not on_front:
        raise ConfigError(f"{summary.run} has no front yet: let its first generation end.")
    panels = [(objective, _points(archive, objective.key, on_front)) for objective in _PANELS]
    title = f"{run.config.dataset_name}: front of {len(on_front)} after generation {summary.generations}"
    # A panel without points is left out: the run has other objectives.
    draw_front(
        [panel for panel in panels if panel[1]], path, title=title, error_axis=run.config.objective("error").axis
    )


def print_individual(archive: Archive, id_: str, view: str) -> None:
    """Prints the source of an individual, or its "diff", "lineage" or "provenance"."""
    out, individual = console(), archive.individuals.by_prefix(id_)
    lineage = {member.id: member for member in archive.individuals.lineage(individual.id)}
    if view == "lineage":
        outcomes = {id_: outcome for id_ in lineage if (outcome := archive.outcome(id_)) is not None}
        show(program.lineage_table([*lineage.values()], outcomes, archive.run().config))
    elif view == "provenance":
        show(explanation_text(individual_explanation(archive, individual.id), archive.run().config.objective))
        if (seeding := archive.outcomes.seeding(individual.id)) is not None:
            show(program.seeding_text(seeding))
    elif view == "diff":
        _print_code(program.diff(seed_of(individual, lineage), individual, coloured=out.is_terminal))
    else:
        _print_code(program.source(individual.text, coloured=out.is_terminal))


def print_explanation(explanation: Explanation, config: RunConfig) -> None:
    """Prints each change of an individual with its decision and effects."""
    show(explanation_text(explanation, config.objective))


def print_failures(groups: Sequence[FailureGroup]) -> None:
    """Prints failures by stage and reason, or a note that there are none."""
    show(failures_table(groups) if groups else "nothing failed.")


def print_lines(lines: Sequence[TypedLine]) -> None:
    """Prints typed lines, or a note that there are none."""
    show(stock.lines_table(lines) if lines else "no typed lines.")


def print_offspring(answer: Mapping[str, Any], parent: str) -> None:
    """Prints one answer of `gi vary`."""
    _print_code(stock.offspring_text(answer, parent))


def print_harvests(answers: Sequence[Mapping[str, Any]], corpus: Path) -> None:
    """Prints the numbers that each harvest added."""
    show(stock.harvests_table(answers))
    show(plain(f"corpus: {corpus}"))


def print_corpus(summary: Mapping[str, Any], corpus: Path) -> None:
    """Prints the counts of a corpus by type, repository and licence."""
    for part in ("types", "repositories", "licences"):
        show(stock.summary_table(summary[part], title=f"by {part}"))
        show("")
    show(plain(f"corpus: {corpus}"))


def print_blocks(blocks: Mapping[str, Any], corpus: Path) -> None:
    """Prints the blocks of a corpus, and the number of classes that are no blocks by reason."""
    if blocks["blocks"]:
        show(stock.blocks_table(blocks["blocks"]))
    if blocks["reasons"]:
        show(stock.summary_table(blocks["reasons"], title="module classes that are no blocks"))
    show(plain(f"{blocks['usable']} of {blocks['tried']} module classes are blocks; corpus: {corpus}"))


def print_machine(machine: Mapping[str, Any]) -> None:
    """Prints the findings of `gi doctor`."""
    show(machine_table(machine))


def _points(archive: Archive, key: str, on_front: set[str]) -> list[PlotPoint]:
    generations = archive.individuals.generation_of()
    return [
        PlotPoint(e.individual, generations[e.individual], e.outcome.values["error"], e.outcome.values[key],
                  e.individual in on_front)
        for e in archive.outcomes.evaluations("validation")
        if isinstance(e.outcome, Scored) and key in e.outcome.values
    ]  # fmt: skip


def _print_code(code: Any) -> None:
    """Prints plain code unchanged, highlighted code through rich.

    Rich would wrap and pad plain text, which would break a piped program.
    """
    if isinstance(code, str):
        sys.stdout.write(f"{code}\n")
    else:
        console().print(Shown(code))
