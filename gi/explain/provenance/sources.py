"""Which edits made each change of an explanation, and where they took their lines from."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from gi.archive import Archive
from gi.core.text_lines import python_lines
from gi.core.types import Edit, Origin
from gi.explain.difference import Change, changes, difference
from gi.explain.provenance.origins import LineOrigin, borrowed_lines, closeness, individual_origins, seed_of
from gi.explain.records import Explanation, Verdict
from gi.explain.search import untried

_SAME_EDIT = 0.75  # an edit's text and the row that it made, whose numbers repairs and later edits have changed


def individual_explanation(archive: Archive, id_: str) -> Explanation:
    """What is known of the changes of an individual (full id): what was noted, else the changes alone."""
    noted = archive.findings.explanation(id_)
    if noted is not None:
        return Explanation.from_json(noted)
    lineage = {member.id: member for member in archive.individuals.lineage(id_)}
    individual = lineage[id_]
    seed = seed_of(individual, lineage)
    verdicts = untried(changes(difference(seed.text, individual.text)))
    made = Explanation(id_, seed.id, id_, individual.text, 0, verdicts, finished=False)
    return with_sources(made, archive)


def with_sources(explanation: Explanation, archive: Archive) -> Explanation:
    """The explanation, its verdicts with the operators and the origins of their changes."""
    edits = [step.edit for step in archive.individuals.provenance(explanation.individual)]
    borrowed = borrowed_lines(individual_origins(archive, explanation.individual))
    made = _made(edits, [verdict.change for verdict in explanation.verdicts])
    return replace(explanation, verdicts=tuple(_told(v, made[v.change.number], borrowed) for v in explanation.verdicts))


def _told(verdict: Verdict, found: Sequence[Edit], borrowed: Sequence[LineOrigin]) -> Verdict:
    change = verdict.change
    rows = [row.strip() for row in python_lines(change.after)]
    lines = [_line(row, change.lines, borrowed) for row in rows]
    operators = dict.fromkeys([*(e.operator for e in found), *(o.operator for o in lines if o)])
    origins = dict.fromkeys(_origins(found, lines, change.after))
    return replace(verdict, operators=tuple(operators), origins=tuple(origins))


def _origins(edits: Sequence[Edit], lines: Sequence[LineOrigin | None], after: str) -> Iterator[Origin]:
    """Those of the lines that are there; of the edits only where the lines themselves tell none."""
    told = [line.origin for line in lines if line and line.origin]
    yield from told or [edit.origin for edit in edits if edit.origin and after]


def _line(row: str, numbers: Sequence[int], borrowed: Sequence[LineOrigin]) -> LineOrigin | None:
    """The borrowed line that a row is; of several equal ones that with the row's number."""
    same = [o for o in borrowed if o.code.strip() == row]
    return min(same, key=lambda o: o.line not in numbers, default=None)


def _made(edits: Sequence[Edit], found: Sequence[Change]) -> dict[int, list[Edit]]:
    """For each change the edits that made it: each edit goes with what is most like what it brought, or took."""
    made: dict[int, list[Edit]] = {change.number: [] for change in found}
    for edit in edits:
        likeness = {change.number: _likeness(edit, change) for change in found}
        most = max(likeness.values(), default=0.0)
        for number in (n for n, like in likeness.items() if like == most >= _SAME_EDIT):
            made[number].append(edit)
    return made


def _likeness(edit: Edit, change: Change) -> float:
    """1 where the change holds what the edit brought, or where what it took is gone; less for rows that are alike."""
    text, side = (edit.after, change.after) if edit.after else (edit.before, change.before)
    text = " ".join(text.split())
    if not text or (not edit.after and text in change.after):
        return 0.0
    rows = [" ".join(row.split()) for row in python_lines(side)]
    return max((1.0 if text in row else closeness(_call(row), text) for row in rows), default=0.0)


def _call(row: str) -> str:
    """A row without what it hands its layer to: `layers.append(nn.ReLU())` is `nn.ReLU()`."""
    row = row.strip().rstrip(",")
    if ".append(" in row:
        return row.partition(".append(")[2].removesuffix(")")
    name, _, value = row.partition(" = ")
    return value if value and "(" not in name else row
