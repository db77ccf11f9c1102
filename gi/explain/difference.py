"""The difference between a seed program and an individual, split into changes that can be dropped one by one.

Both texts become one sequence of pieces. A piece holds the seed program's text, the individual's text, and the number
of the change that turns the first into the second. A set of changes is applied by joining, for each piece, one of its
two texts; nothing is patched, so that any set of changes gives a text. Say that the individual has one layer more and
another learning rate:

    piece    before                     after                      change
    1        ... nn.Flatten(),          ... nn.Flatten(),          -
    2                                   nn.Dropout(0.1),           1
    3        ... SGD(p, lr=             ... SGD(p, lr=             -
    4        0.1                        0.05                       2
    5        ) ...                      ) ...                      -

`text({2})` is the seed program with the learning rate alone. An import, a class or a constant is no change: it comes
along where a piece that is kept mentions it. Two pieces that share a name which only one of the programs binds have one
number.

What it cannot do: it sees rows and calls, not the recorded edits, so that an edit whose row a later one rewrote is part
of that row's change. A text made of some changes need not run; `gi.explain.variants` repairs it or says why it cannot.
"""

import itertools
import re
import textwrap
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from gi.core.errors import SourceError
from gi.core.text_lines import python_lines
from gi.explain.alignment import Stretch, stretches
from gi.explain.inline import parts
from gi.explain.names import joined

# Mentions are looked for in any text, comments too: to bring a class along in vain costs less than to miss it.
_IDENTIFIER = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of both texts: the seed program's version and the individual's.

    `change` is the number of the change between them; None where there is nothing to decide: the two are equal, or
    differ in white space and comments. `names` marks support, a module-level statement that only one of the texts has
    (an import, a class, a constant), by the names that it binds; it is kept where a kept piece mentions one of them.
    """

    before: str
    after: str
    change: int | None = None
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Change:
    """One change: the rows that it deletes from the seed program (`before`) and inserts (`after`).

    `lines` are the lines of `after` in the individual (1-based); `line` is the first of them, or, for a deletion, the
    line at which the deleted rows would be.
    """

    number: int
    line: int
    lines: tuple[int, ...]
    before: str
    after: str


@dataclass(frozen=True)
class Difference:
    """All pieces of both texts in order. Keeping every change gives the individual, keeping none the seed program."""

    pieces: tuple[Piece, ...]

    @cached_property
    def numbers(self) -> frozenset[int]:
        """The numbers of the changes."""
        return frozenset(p.change for p in self.pieces if p.change is not None)

    @cached_property
    def before(self) -> str:
        """The seed program."""
        return "".join(piece.before for piece in self.pieces)

    @cached_property
    def after(self) -> str:
        """The individual."""
        return "".join(piece.after for piece in self.pieces)

    def text(self, kept: Collection[int]) -> str:
        """The seed program with the changes `kept`, and the support that they need."""
        # To the byte, with imports that nothing mentions: the ids of both programs are digests of their texts.
        if self.numbers <= set(kept):
            return self.after
        if not self.numbers & set(kept):
            return self.before
        chosen = ["" if p.names else _chosen(p, kept) for p in self.pieces]
        mentioned = set(_IDENTIFIER.findall("".join(chosen)))
        # To a fixed point, since a class that comes along may mention another class, an import or a constant.
        waiting = [n for n, p in enumerate(self.pieces) if p.names]
        while needed := [n for n in waiting if self.pieces[n].names & mentioned]:
            for n in needed:
                chosen[n] = self.pieces[n].before or self.pieces[n].after
                mentioned.update(_IDENTIFIER.findall(chosen[n]))
            waiting = [n for n in waiting if n not in needed]
        return "".join(chosen)

    def merged(self, one: int, other: int) -> "Difference":
        """The same difference, where change `other` is part of change `one`."""
        return Difference(tuple(replace(p, change=one) if p.change == other else p for p in self.pieces))

    def settled(self, number: int) -> "Difference":
        """The same difference with change `number` applied for good: every text has the individual's rows there."""
        return Difference(tuple(replace(p, change=None) if p.change == number else p for p in self.pieces))

    def renumbered(self) -> "Difference":
        """The same difference, its changes numbered from 1 on without gaps."""
        new = {number: n for n, number in enumerate(sorted(self.numbers), 1)}
        return Difference(tuple(p if p.change is None else replace(p, change=new[p.change]) for p in self.pieces))


def difference(seed: str, individual: str) -> Difference:
    """The difference between two programs. Raises `SourceError` where one of them does not parse."""
    try:
        raw = list(_numbered(seed, individual))
        roots = joined([(p.before, p.change) for p in raw], [(p.after, p.change) for p in raw])
    except SyntaxError as error:
        raise SourceError(f"line {error.lineno}: {error.msg}") from None
    # Numbered by first appearance in the text: joining leaves gaps, and the numbers are shown to the user.
    order = {root: n for n, root in enumerate(dict.fromkeys(roots[p.change] for p in raw if p.change is not None), 1)}
    return Difference(tuple(p if p.change is None else replace(p, change=order[roots[p.change]]) for p in raw))


def changes(delta: Difference) -> tuple[Change, ...]:
    """The changes by number, as whole rows, for a reader: a change of one argument shows the row around it."""
    touched: dict[int, tuple[set[int], set[int]]] = {number: (set(), set()) for number in sorted(delta.numbers)}
    places: dict[int, int] = {}
    old, new = "", ""
    for piece in delta.pieces:
        if piece.change is not None:
            touched[piece.change][0].update(_lines(old, piece.before))
            touched[piece.change][1].update(_lines(new, piece.after))
            places.setdefault(piece.change, new.count("\n") + 1)
        old, new = old + piece.before, new + piece.after
    sides = python_lines(old), python_lines(new)
    return tuple(
        Change(number, min(now, default=places[number]), tuple(sorted(now)), _rows(sides[0], was), _rows(sides[1], now))
        for number, (was, now) in touched.items()
    )


def _lines(text: str, piece: str) -> range:
    """The line numbers (1-based) that `piece`, appended to `text`, covers; none for an empty one between two lines."""
    first = text.count("\n") + 1
    if not piece:
        return range(first, first + (text[-1:] not in ("", "\n")))
    return range(first, first + piece.rstrip("\n").count("\n") + 1)


def _rows(lines: list[str], numbers: Collection[int]) -> str:
    return textwrap.dedent("\n".join(lines[n - 1] for n in sorted(numbers)))


def _numbered(seed: str, individual: str) -> Iterator[Piece]:
    """The pieces, each changed group of parts with a number of its own."""
    count = itertools.count()
    for stretch in stretches(seed, individual):
        if stretch.names:
            yield Piece(stretch.before, stretch.after, None, stretch.names)
        elif stretch.equal:
            yield Piece(stretch.before, stretch.after)
        else:
            yield from _cut(stretch, count)


def _cut(stretch: Stretch, count: Iterator[int]) -> Iterator[Piece]:
    numbers: dict[int, int] = {}
    for part in parts(stretch.before, stretch.after):
        number = None if part.group is None else numbers.setdefault(part.group, next(count))
        yield Piece(part.before, part.after, number)


def _chosen(piece: Piece, kept: Collection[int]) -> str:
    return piece.after if piece.change is None or piece.change in kept else piece.before
