"""Descent in a run: ancestors, the operators of their edits, and the origins of the front's lines."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gi.archive import Archive
from gi.explain.provenance.origins import borrowed_parts, home_origin, individual_origins, origin_text, part_text
from gi.report.program import edit_text

#: With more individuals the page holds only the sources of the front and its latest ancestors, to keep its file small.
MOST_SOURCES = 1000
#: The ancestors of all traced members together: the lines of each are compared with its parents'.
MOST_TRACED = 2000


def operators(
    archive: Archive, front: Sequence[str], behind: set[str], parents: Mapping[str, Sequence[str]]
) -> list[list[Any]]:
    """For each operator: tries, accepted tries, individuals that it edited; of these parents, members and ancestors.

    Members are on the front, ancestors lead to it. A try counts for its first edit's operator, an individual for each
    operator among its edits.
    """
    edited, tried = archive.individuals.operators(), archive.individuals.tried()
    bred = {parent for pair in parents.values() for parent in pair}
    groups = [edited, bred & edited.keys(), set(front) & edited.keys(), behind & edited.keys()]
    counts = [Counter(name for id_ in group for name in {*edited[id_]}) for group in groups]
    names = dict.fromkeys([*tried, *counts[0]])
    names.pop("seed", None)
    return [[name, *tried.get(name, (0, 0)), *(count[name] for count in counts)] for name in names]


def with_ancestors(ids: Sequence[str], parents: Mapping[str, Sequence[str]]) -> set[str]:
    """`ids` and all their ancestors."""
    related, waiting = set(ids), [*ids]
    while waiting:
        new = set(parents.get(waiting.pop(), ())) - related
        related |= new
        waiting += new
    return related


def with_source(
    place: Mapping[str, int], front: set[str], behind: set[str], parents: Mapping[str, Sequence[str]]
) -> list[str]:
    """The ids whose sources the page holds: all, or `MOST_SOURCES` with the front and its seed programs first."""
    if len(place) <= MOST_SOURCES:
        return [*place]
    return sorted(behind, key=lambda id_: (id_ not in front, id_ in parents, -place[id_]))[:MOST_SOURCES]


def traced(front: Sequence[str], parents: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """The members whose lines are traced: in order, while their ancestors stay within `MOST_TRACED`."""
    left = MOST_TRACED
    for id_ in front:
        ancestors = len(with_ancestors([id_], parents))
        if ancestors <= left:
            left -= ancestors
            yield id_


def edits(archive: Archive, id_: str) -> list[str]:
    """The edits that made an individual (full id), one line each, with origin and licence."""
    individual = archive.individuals.by_id(id_)
    if not individual.parents and individual.origin:
        return [f"seed program of {origin_text(individual.origin, with_line=False)}"]
    return [edit_text(edit) for edit in dict.fromkeys(individual.edits)]


def origins(archive: Archive, id_: str) -> dict[str, Any]:
    """The origins of an individual's lines: the file of most lines, and each part from another file."""
    lines = individual_origins(archive, id_)
    home = home_origin(lines)
    parts = [
        [first.line, last, part_text(first, last), first.operator, origin_text(first.origin), first.origin.licence]
        for first, last in borrowed_parts(lines)
        if first.origin
    ]
    return {"home": origin_text(home, with_line=False) if home else "", "parts": parts}
