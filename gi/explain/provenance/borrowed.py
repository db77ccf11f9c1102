"""Origins of the lines that an offspring took from its second parent, looked up in that parent's own records."""

import dataclasses
from collections.abc import Mapping, Sequence

from gi.core.text_lines import python_lines
from gi.core.types import Edit, Individual, Origin
from gi.explain.provenance.brought import brought_lines

_SELF_MADE = frozenset({"deletion", "tweak"})  # edits that borrow nothing


def takes_from_parent(edits: Sequence[Edit]) -> bool:
    """Whether an offspring took any line from its second parent."""
    return any(_is_parents(e) or (e.origin is None and e.operator not in _SELF_MADE) for e in edits)


def with_origins(edits: Sequence[Edit], donor: str, lineage: Sequence[Individual]) -> tuple[Edit, ...]:
    """The edits, with the origin that the second parent's lines have there in place of the parent; None where unknown.

    `donor` is that parent's id, `lineage` holds it and its ancestors.
    """
    known = {member.id: member for member in lineage}
    return tuple(_resolved(edit, known[donor], known) if _is_parents(edit) else edit for edit in edits)


def _is_parents(edit: Edit) -> bool:
    # Variation marks a line of the second parent by an origin without a repository: it knows the text, not its past.
    return edit.origin is not None and not edit.origin.repository


def _resolved(edit: Edit, donor: Individual, known: Mapping[str, Individual]) -> Edit:
    assert edit.origin is not None
    return dataclasses.replace(edit, origin=line_origin(donor, edit.origin.line, known))


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
