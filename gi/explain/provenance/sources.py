"""Attributes the changes of an explanation to recorded edits, and to the origins of the lines that they inserted."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from gi.archive import Archive
from gi.core.text_lines import python_lines
from gi.core.types import Edit, Origin
from gi.explain.difference import Change, changes, difference
from gi.explain.provenance.origins import LineOrigin, borrowed_lines, closeness, individual_origins, seed_of
from gi.explain.records import Explanation, Verdict, unmeasured

_SAME_EDIT = 0.75  # likeness of an edit's text to its row, whose numbers repairs and later edits have rewritten


def individual_explanation(archive: Archive, id_: str) -> Explanation:
    """The explanation noted for an individual (full id); without one, its changes with no verdict measured."""
    noted = archive.findings.explanation(id_)
    if noted is not None:
        return Explanation.from_json(noted)
    lineage = {member.id: member for member in archive.individuals.lineage(id_)}
    individual = lineage[id_]
    seed = seed_of(individual, lineage)
    verdicts = unmeasured(changes(difference(seed.text, individual.text)))
    explanation = Explanation(id_, seed.id, id_, individual.text, 0, verdicts, finished=False)
    return with_sources(explanation, archive)


def with_sources(explanation: Explanation, archive: Archive) -> Explanation:
    """The explanation, its verdicts with the operators and the origins of their changes."""
    edits = [step.edit for step in archive.individuals.provenance(explanation.individual)]
    borrowed = borrowed_lines(individual_origins(archive, explanation.individual))
    edits_of_change = _edits_by_change(edits, [verdict.change for verdict in explanation.verdicts])
    verdicts = (_attributed(v, edits_of_change[v.change.number], borrowed) for v in explanation.verdicts)
    return replace(explanation, verdicts=tuple(verdicts))


def _attributed(verdict: Verdict, edits: Sequence[Edit], borrowed: Sequence[LineOrigin]) -> Verdict:
    change = verdict.change
    rows = [row.strip() for row in python_lines(change.after)]
    lines = [_line(row, change.lines, borrowed) for row in rows]
    operators = dict.fromkeys([*(e.operator for e in edits), *(o.operator for o in lines if o)])
    origins = dict.fromkeys(_origins(edits, lines, change.after))
    return replace(verdict, operators=tuple(operators), origins=tuple(origins))


def _origins(edits: Sequence[Edit], lines: Sequence[LineOrigin | None], after: str) -> Iterator[Origin]:
    """The origins of the change's lines; those of its edits only where no line has one."""
    from_lines = [line.origin for line in lines if line and line.origin]
    yield from from_lines or [edit.origin for edit in edits if edit.origin and after]


def _line(row: str, numbers: Sequence[int], borrowed: Sequence[LineOrigin]) -> LineOrigin | None:
    """The borrowed line with this code; of several equal ones, one whose number is among `numbers`."""
    same = [o for o in borrowed if o.code.strip() == row]
    return min(same, key=lambda o: o.line not in numbers, default=None)


def _edits_by_change(edits: Sequence[Edit], candidates: Sequence[Change]) -> dict[int, list[Edit]]:
    """The edits behind each change, by its number: an edit goes to the changes that are most like its text."""
    edits_of_change: dict[int, list[Edit]] = {change.number: [] for change in candidates}
    for edit in edits:
        likeness = {change.number: _likeness(edit, change) for change in candidates}
        most = max(likeness.values(), default=0.0)
        # Every change that ties for the best: which of two equal rows came from the edit is not recorded.
        for number in (n for n, like in likeness.items() if like == most >= _SAME_EDIT):
            edits_of_change[number].append(edit)
    return edits_of_change


def _likeness(edit: Edit, change: Change) -> float:
    """Likeness in 0..1: 1 where the change inserts the edit's text, or deletes the text that the edit deleted."""
    text, side = (edit.after, change.after) if edit.after else (edit.before, change.before)
    text = " ".join(text.split())
    # A deleted text that the change inserts again was moved, not deleted.
    if not text or (not edit.after and text in change.after):
        return 0.0
    rows = [" ".join(row.split()) for row in python_lines(side)]
    return max((1.0 if text in row else closeness(_call(row), text) for row in rows), default=0.0)


def _call(row: str) -> str:
    """The call that a row appends or assigns: `layers.append(nn.ReLU())` gives `nn.ReLU()`."""
    row = row.strip().rstrip(",")
    if ".append(" in row:
        return row.partition(".append(")[2].removesuffix(")")
    name, _, value = row.partition(" = ")
    return value if value and "(" not in name else row
