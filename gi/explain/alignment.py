"""Two texts side by side: which rows are equal, which became which, which came and which went."""

import difflib
import re
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

from gi.core.text_lines import python_lines
from gi.explain.rows import Section, sections

_RELATED = 0.5  # a layer with other arguments stays above it, and one of the same family
_MOST_PAIRS = 2500  # of rows of one stretch that are compared each with each
_WRAPPING = re.compile(r"^\s*(?:[\w.]+\s*=\s*|\w+\.append\()")


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows of both texts that belong together; one side may be empty.

    `names` is what a statement of the module binds that only one of the texts has; empty for everything else.
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
    return difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()


def paired(old: Sequence[str], new: Sequence[str]) -> Iterator[Stretch]:
    """Old rows beside the new ones that they became, so that the pairs are as alike as possible in all."""
    if len(old) == len(new) == 1 and "(" in old[0] and "(" in new[0]:  # one layer in another's place
        yield Stretch(old[0], new[0])
        return
    score = _scores(old, new)
    i, j = 0, 0
    while i < len(old) or j < len(new):
        if i < len(old) and j < len(new) and score[i][j] == score[i + 1][j + 1] + _likeness(old[i], new[j]):
            yield Stretch(old[i], new[j])
            i, j = i + 1, j + 1
        elif i < len(old) and score[i][j] == score[i + 1][j]:
            yield Stretch(old[i], "")
            i += 1
        else:
            yield Stretch("", new[j])
            j += 1


def _scores(old: Sequence[str], new: Sequence[str]) -> list[list[float]]:
    """The likeness in all of the best pairing of the rows from each pair of places on (Needleman and Wunsch, 1970)."""
    score = [[0.0] * (len(new) + 1) for _ in range(len(old) + 1)]
    if len(old) * len(new) > _MOST_PAIRS:
        return score
    for i in reversed(range(len(old))):
        for j in reversed(range(len(new))):
            pair = score[i + 1][j + 1] + _likeness(old[i], new[j])
            score[i][j] = max(pair, score[i + 1][j], score[i][j + 1])
    return score


def _likeness(old: str, new: str) -> float:
    """0 to 1 for related rows, far below 0 for rows that must not be paired."""
    one, other = _WRAPPING.sub("", old).strip(), _WRAPPING.sub("", new).strip()
    same_target = _target(old) == _target(new) != ""
    ratio = difflib.SequenceMatcher(None, one, other, autojunk=False).ratio()
    return max(ratio, _RELATED) if same_target or ratio >= _RELATED else -1e9


def _target(row: str) -> str:
    found = re.match(r"\s*([\w.]+)\s*=[^=]", row)
    return found[1] if found else ""


def _bare(text: str) -> str:
    rows = (line.split("#")[0].rstrip() for line in python_lines(text))
    return "\n".join(row for row in rows if row.strip())
