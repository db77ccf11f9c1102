"""The origin of a line of an individual, which an offspring that takes the line carries on."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import cache

from gi.archive import Archive
from gi.core.text_lines import python_lines
from gi.core.types import Individual, Origin
from gi.explain.provenance.brought import brought_lines


def origins_in(archive: Archive, id_: str) -> Callable[[int], Origin | None]:
    """Gives the origin of a line (1-based) of an individual (full id), None where it is unknown.

    The individual and its ancestors are read when the first line is asked for.
    """

    @cache
    def lineage() -> Mapping[str, Individual]:
        return {member.id: member for member in archive.individuals.lineage(id_)}

    return lambda line: line_origin(lineage()[id_], line, lineage())


def line_origin(individual: Individual, line: int, known: Mapping[str, Individual]) -> Origin | None:
    """The origin of a line (1-based): of the edit that inserted it, else of the same line in a parent, else None."""
    lines = python_lines(individual.text)
    if not 0 < line <= len(lines):
        return None
    if not individual.parents:
        return dataclasses.replace(individual.origin, line=line) if individual.origin else None
    code, parents = lines[line - 1].strip(), [known[p] for p in individual.parents if p in known]
    # A borrowed class brings definitions that no edit's own text holds, hence the look at them before the edits.
    definition = brought_lines(individual.text, [p.text for p in parents], individual.edits).get(line)
    borrowing = (e for e in individual.edits if e.origin and e.after and python_lines(e.after)[0].strip() in code)
    if edit := definition or next(borrowing, None):
        return edit.origin
    above = ((p, at) for p in parents if (at := _nearest(python_lines(p.text), code, line)))
    return next((origin for p, at in above if (origin := line_origin(p, at, known))), None)


def _nearest(lines: Sequence[str], code: str, line: int) -> int:
    """The number of the line that has this code, of several the one that stands nearest to `line`; 0 for none."""
    alike = [n for n, other in enumerate(lines, 1) if other.strip() == code]
    return min(alike, key=lambda n: abs(n - line), default=0)
