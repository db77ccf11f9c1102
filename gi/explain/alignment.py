"""Alignment of two program texts: which rows are equal, replaced, inserted or deleted."""

import difflib
import re
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

from gi.core.alignment import aligned_pairs
from gi.core.text_lines import python_lines
from gi.explain.rows import Section, sections

_RELATED = 0.5  # ratio from which two rows pair: a layer with other arguments, or another one of its family, reaches it
_MOST_PAIRS = 2500  # rows of one stretch times rows of the other: each pair costs a sequence match of its own
# `self.act = nn.ReLU()` and `layers.append(nn.ReLU())` hold one layer: where it is put must not lower the likeness.
_WRAPPING = re.compile(r"^\s*(?:[\w.]+\s*=\s*|\w+\.append\()")


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows of both texts that are aligned with each other; one side may be empty.

    `names` holds what a module-level statement binds that only one of the texts has; empty for everything else.
    """

    before: str
    after: str
    names: frozenset[str] = frozenset()

    @property
    def equal(self) -> bool:
        """Whether nothing but white space and comments differs."""
        return _bare(self.before) == _bare(self.after)


def stretches(before: str, after: str) -> Iterator[Stretch]:
    """Both texts, cut into stretches in their order; a row is never cut. Raises `SyntaxError`."""
    old, new = sections(before), sections(after)
    for tag, i1, i2, j1, j2 in _opcodes([s.key for s in old], [s.key for s in new]):
        if tag == "equal":
            for one, other in zip(old[i1:i2], new[j1:j2], strict=True):
                yield from _in_section(one.rows, other.rows)
        else:
            # Statements are matched by key alone: a class that was renamed is one deletion and one insertion.
            yield from (_alone(section, gone=True) for section in old[i1:i2])
            yield from (_alone(section, gone=False) for section in new[j1:j2])


def _alone(section: Section, *, gone: bool) -> Stretch:
    before, after = (section.text, "") if gone else ("", section.text)
    return Stretch(before, after, section.names)


def _in_section(old: Sequence[str], new: Sequence[str]) -> Iterator[Stretch]:
    for tag, i1, i2, j1, j2 in _opcodes([r.rstrip() for r in old], [r.rstrip() for r in new]):
        if tag == "equal":
            yield Stretch("".join(old[i1:i2]), "".join(new[j1:j2]))
        else:
            yield from paired(old[i1:i2], new[j1:j2])


def _opcodes(old: Sequence[Hashable], new: Sequence[Hashable]) -> Sequence[tuple[str, int, int, int, int]]:
    # From 200 rows on, autojunk ignores those that recur most, which in a network are its activations.
    return difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()


def paired(old: Sequence[str], new: Sequence[str]) -> Iterator[Stretch]:
    """Pairs old rows with new ones so that the sum of likenesses is maximal; rows without a partner stand alone."""
    if len(old) == len(new) == 1 and "(" in old[0] and "(" in new[0]:  # one layer in another's place
        yield Stretch(old[0], new[0])
        return
    i, j = 0, 0
    for row, partner in [*_pairs(old, new), (len(old), len(new))]:
        yield from (Stretch(gone, "") for gone in old[i:row])
        yield from (Stretch("", added) for added in new[j:partner])
        if row < len(old):
            yield Stretch(old[row], new[partner])
        i, j = row + 1, partner + 1


def _pairs(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """The rows that belong together; none where there are too many to compare, so that each row is a change."""
    return [] if len(old) * len(new) > _MOST_PAIRS else aligned_pairs(old, new, _likeness)


def _likeness(old: str, new: str) -> float:
    """Similarity in 0..1 for related rows; 0 for rows that must not pair."""
    one, other = _WRAPPING.sub("", old).strip(), _WRAPPING.sub("", new).strip()
    same_target = _target(old) == _target(new) != ""
    ratio = difflib.SequenceMatcher(None, one, other, autojunk=False).ratio()
    return max(ratio, _RELATED) if same_target or ratio >= _RELATED else 0.0


def _target(row: str) -> str:
    match = re.match(r"\s*([\w.]+)\s*=[^=]", row)
    return match[1] if match else ""


def _bare(text: str) -> str:
    rows = (line.split("#")[0].rstrip() for line in python_lines(text))
    return "\n".join(row for row in rows if row.strip())
