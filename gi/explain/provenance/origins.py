"""The origin of each line of an individual: a seed program, a donor, or the variation itself.

The trace runs from the seed programs down. At each individual a line that equals one of its first parent keeps that
line's origin; a line that is new there is an edit's, the second parent's, or a rewritten line of the first parent, in
this order. What it cannot do: lines are matched by their text, so that of two equal lines either may give the origin.
"""

import difflib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from graphlib import TopologicalSorter
from typing import TypeAlias

from gi.archive import Archive
from gi.core.text_lines import python_lines
from gi.core.types import Edit, Individual, Origin
from gi.explain.provenance.brought import brought_lines

_SIMILAR = 0.6  # a line whose numbers were repaired stays above it, another layer with the same name falls below


@dataclass(frozen=True, slots=True)
class LineOrigin:
    """One line of a text and its origin.

    `origin` is None where the variation wrote the line itself; `operator` is "seed" or the operator of the edit that
    inserted it; `changed` says that a repair or a tweak has rewritten it since.
    """

    line: int
    code: str
    origin: Origin | None
    operator: str
    changed: bool = False


def line_origins(individual: Individual, ancestors: Mapping[str, Individual]) -> tuple[LineOrigin, ...]:
    """The origin of every line of `individual`, traced through `ancestors` (by id) back to the seed programs.

    An ancestor that is missing ends the trace: its descendants' lines then count as written by the variation.
    """
    known: dict[str, tuple[LineOrigin, ...]] = {}
    for member in _oldest_first(individual, ancestors):
        known[member.id] = _traced(member, [known[p] for p in member.parents if p in known])
    return _with_own(known[individual.id], known[seed_of(individual, ancestors).id])


def individual_origins(archive: Archive, id_: str) -> tuple[LineOrigin, ...]:
    """The origin of every line of an individual (full id)."""
    lineage = archive.individuals.lineage(id_)
    return line_origins(lineage[-1], {member.id: member for member in lineage})


def program_origins(archive: Archive, id_: str, text: str) -> tuple[LineOrigin, ...]:
    """The origins of a program between an individual (full id) and the seed program of its main line."""
    lineage = {member.id: member for member in archive.individuals.lineage(id_)}
    origins = line_origins(lineage[id_], lineage)
    if text == lineage[id_].text:
        return origins
    seed = line_origins(seed_of(lineage[id_], lineage), {})
    rows = zip(_alignment([o.code for o in origins], python_lines(text)),
               _alignment([o.code for o in seed], python_lines(text)), strict=True)  # fmt: skip
    return tuple(_between(origins, seed, one, other) for one, other in rows)


def seed_of(individual: Individual, lineage: Mapping[str, Individual]) -> Individual:
    """The seed program at the end of the line of first parents."""
    while individual.parents and individual.parents[0] in lineage:
        individual = lineage[individual.parents[0]]
    return individual


def borrowed_lines(origins: Sequence[LineOrigin]) -> tuple[LineOrigin, ...]:
    """The lines that come from another file than most of the text does, in order."""
    home = home_origin(origins)
    return tuple(o for o in origins if o.origin and o.code.strip() and not (home and same_file(o.origin, home)))


def borrowed_parts(origins: Sequence[LineOrigin]) -> tuple[tuple[LineOrigin, int], ...]:
    """Runs of borrowed lines with one origin: the first line of each, and the number of its last."""
    runs: list[tuple[LineOrigin, int]] = []
    borrowed = {o.line: o for o in borrowed_lines(origins)}
    blank = {o.line for o in origins if not o.code.strip()}
    for line, entry in borrowed.items():
        # Blank lines carry no origin and must not end a run: a class of ten methods is one part, not ten.
        gap = range(runs[-1][1] + 1, line) if runs else ()
        if runs and runs[-1][0].origin == entry.origin and blank.issuperset(gap):
            runs[-1] = (runs[-1][0], line)
        else:
            runs.append((entry, line))
    return tuple(runs)


def part_text(first: LineOrigin, last: int) -> str:
    """A borrowed part in a few words: its first line, or what that defines, and how many more there are."""
    defined = re.match(r"\s*((?:class|def)\s+\w+)", first.code)
    more = last - first.line
    return (defined[1] if defined else first.code.strip()[:60]) + (f" and {more} more lines" if more else "")


def home_origin(origins: Sequence[LineOrigin]) -> Origin | None:
    """The seed program that most lines come from, at its first line; None where no line has one."""
    files = [replace(o.origin, line=1) for o in origins if o.origin is not None and o.operator == "seed"]
    return Counter(files).most_common(1)[0][0] if files else None


def carried_over(origins: Sequence[LineOrigin], text: str) -> tuple[LineOrigin, ...]:
    """The origins of the lines of `text`, another layout of the text that `origins` belongs to."""
    before = [o.code for o in origins]
    return tuple(
        replace(origins[source], line=line, code=code) if source is not None else LineOrigin(line, code, None, "")
        for line, code, source, _ in _alignment(before, python_lines(text))
    )


def origin_text(origin: Origin, *, with_line: bool = True) -> str:
    """An origin in words: repository, commit, path, line and licence."""
    is_version = origin.repository.endswith(f"=={origin.commit}")  # of a package, whose repository names it already
    commit = f"@{origin.commit[:12]}" if origin.commit and not is_version else ""
    line = f":{origin.line}" if with_line else ""
    return f"{origin.repository}{commit} {origin.path}{line} ({origin.licence})"


def same_file(one: Origin, other: Origin) -> bool:
    """Whether two origins are lines of one file at one commit."""
    return (one.repository, one.commit, one.path) == (other.repository, other.commit, other.path)


def _oldest_first(individual: Individual, ancestors: Mapping[str, Individual]) -> list[Individual]:
    """The individual and its known ancestors, each after its parents."""
    known = {**ancestors, individual.id: individual}
    parents: dict[str, list[str]] = {}
    queue = [individual.id]
    while queue:
        id_ = queue.pop()
        parents[id_] = [parent for parent in known[id_].parents if parent in known]
        queue.extend(parent for parent in parents[id_] if parent not in parents)
    return [known[id_] for id_ in TopologicalSorter(parents).static_order()]


def _traced(individual: Individual, parents: Sequence[tuple[LineOrigin, ...]]) -> tuple[LineOrigin, ...]:
    lines = python_lines(individual.text)
    if not individual.parents:
        return tuple(_seed_line(n, code, individual.origin) for n, code in enumerate(lines, 1))
    first: Sequence[LineOrigin] = parents[0] if parents else ()
    brought = brought_lines(individual.text, ["\n".join(o.code for o in p) for p in parents], individual.edits)
    return tuple(
        _brought_line(n, code, brought[n])
        if n in brought
        else replace(first[source], line=n, code=code)
        if equal and source is not None
        else _new_line(n, code, individual.edits, parents[1:], first[source] if source is not None else None)
        for n, code, source, equal in _alignment([o.code for o in first], lines)
    )


def _with_own(origins: tuple[LineOrigin, ...], seed: tuple[LineOrigin, ...]) -> tuple[LineOrigin, ...]:
    """The origins, with the seed program's for every line that equals one of its lines in order.

    A deletion and a later insertion of the same line, or a cut, would otherwise claim a line that never changed.
    """
    rows = _alignment([o.code for o in seed], [o.code for o in origins])
    return tuple(
        replace(seed[source], line=line, code=code) if equal and source is not None else origin
        for origin, (line, code, source, equal) in zip(origins, rows, strict=True)
    )


def _brought_line(line: int, code: str, edit: Edit) -> LineOrigin:
    return LineOrigin(line, code, edit.origin if code.strip() else None, edit.operator if code.strip() else "")


def _between(origins: Sequence[LineOrigin], seed: Sequence[LineOrigin], one: "_Row", other: "_Row") -> LineOrigin:
    """The origin of one line: the individual's where its text has the line, else the seed program's."""
    line, code, source, equal = one
    # An equal line of either text comes before a line that is merely alike.
    if source is not None and (equal or not other[3]):
        return replace(origins[source], line=line, code=code, changed=origins[source].changed or not equal)
    if other[2] is not None:
        return replace(seed[other[2]], line=line, code=code, changed=not other[3])
    return LineOrigin(line, code, None, "repair" if code.strip() else "")


def _seed_line(line: int, code: str, origin: Origin | None) -> LineOrigin:
    return LineOrigin(line, code, replace(origin, line=line) if origin else None, "seed")


def _new_line(
    line: int, code: str, edits: Sequence[Edit], others: Sequence[tuple[LineOrigin, ...]], rewritten: LineOrigin | None
) -> LineOrigin:
    """The origin of a line that the first parent does not have: an edit, another parent, or a rewritten line."""
    if not code.strip():
        return LineOrigin(line, code, None, "")
    edit = max((e for e in edits if e.origin), key=lambda e: closeness(code, e.after), default=None)
    if edit and closeness(code, edit.after) >= _SIMILAR:
        return LineOrigin(line, code, edit.origin, edit.operator, changed=closeness(code, edit.after) < 1)
    for origin in (o for other in others for o in other):
        if origin.code.strip() == code.strip():
            return replace(origin, line=line, code=code, operator="crossover")
    if rewritten:
        return replace(rewritten, line=line, code=code, changed=True)
    return LineOrigin(line, code, None, next((e.operator for e in edits if code.strip() in e.after), "repair"))


_Row: TypeAlias = tuple[int, str, int | None, bool]


def _alignment(before: Sequence[str], after: Sequence[str]) -> list[_Row]:
    """For each line of `after`: number, text, the index of its counterpart in `before`, whether the two are equal."""
    # Without indentation: a line that moved into or out of a block is the same line.
    old, new = [b.strip() for b in before], [a.strip() for a in after]
    rows: list[_Row] = []
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        for j in range(j1, j2):
            source = i1 + j - j1 if tag == "equal" else _closest(new[j], old, i1, i2)
            rows.append((j + 1, after[j], source, tag == "equal"))
    return rows


def _closest(line: str, candidates: Sequence[str], start: int, end: int) -> int | None:
    best = max(range(start, end), key=lambda i: _ratio(line, candidates[i]), default=None)
    return best if best is not None and _ratio(line, candidates[best]) >= _SIMILAR else None


def closeness(code: str, text: str) -> float:
    """The largest similarity of a line to any line of `text`, in 0..1."""
    return max((_ratio(code.strip(), line.strip()) for line in python_lines(text)), default=0.0)


def _ratio(a: str, b: str) -> float:
    return difflib.SequenceMatcher(None, a, b, autojunk=False).ratio()
