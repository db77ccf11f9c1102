"""The programs between a seed program and an individual: some changes kept, repaired and checked like an offspring.

A set of changes gives a text (`gi.explain.difference`), which is treated like any offspring: dead code is removed,
shapes are repaired, and it is run on meta tensors. Where the individual has `nn.Linear(64, 32)`, `nn.Hardswish()` and
`nn.Linear(32, 10)` for the seed program's `nn.Linear(64, 10)`, the set without the activation runs as it is; without
the last layer the repair gives the first one 10 outputs, which is a program too.

What it cannot do: where the repair would change more rows than all the changes together, the set counts as one that
does not run: the result would be a third program and say nothing about the change that was left out.
"""

import re
from collections import Counter
from dataclasses import dataclass

from gi.core.errors import SourceError
from gi.core.protocols import Check
from gi.core.trace import Answer, Stopped
from gi.core.types import Task
from gi.explain.difference import Difference, difference
from gi.source.identity.dead_code import without_dead_code
from gi.source.identity.digest import digest
from gi.source.repair.repair import repaired

# Partners tried for a change without which nothing runs, the nearest in the text first: each costs a repair and a
# check, and changes that need each other are mostly close.
_MOST_PARTNERS = 6


@dataclass(frozen=True, slots=True)
class Variant:
    """One program: the changes that it keeps, its text, its id, and what a run on meta tensors gives."""

    kept: frozenset[int]
    text: str
    id: str
    fingerprint: str
    num_params: int


@dataclass(frozen=True, slots=True)
class UnfitChanges:
    """A set of changes that gives no program that runs; `reason` in a few words."""

    reason: str


class Variants:
    """The programs of a difference, built on demand and kept by the set of changes."""

    def __init__(self, delta: Difference, task: Task, check: Check, *, entry: str = "Net") -> None:
        """Takes the check that says whether a program fits `task`. Raises `SourceError` where the whole does not."""
        self.difference, self.task, self.check, self.entry = delta, task, check, entry
        self._by_kept: dict[frozenset[int], Variant | UnfitChanges] = {}
        whole = self.of(delta.numbers)
        if isinstance(whole, UnfitChanges):
            raise SourceError(f"the individual does not run here: {whole.reason}")
        self.whole = whole
        self._distance = _distance(delta.before, delta.after)

    def of(self, kept: frozenset[int]) -> Variant | UnfitChanges:
        """The program that keeps these changes, or why there is none."""
        if kept not in self._by_kept:
            self._by_kept[kept] = self._fitted(kept)
        return self._by_kept[kept]

    def _fitted(self, kept: frozenset[int]) -> Variant | UnfitChanges:
        whole = kept == self.difference.numbers
        try:
            # The individual itself stays as it is, to the byte: its id must be the one that the run has on record.
            text = self.difference.text(kept)
            result = repaired(text if whole else self._cleaned(text), self.task, self.check)
            text = text if whole else self._cleaned(result.text)
            # The repair's answer is on its own text: where dead code went afterwards, the check has to run again.
            answer: Answer = result.answer if text == result.text else self.check(text, self.task)
            identity = digest(text, entry=self.entry)
        except SourceError as error:
            return UnfitChanges(f"it does not parse ({error})")
        if isinstance(answer, Stopped):
            return UnfitChanges(f"{answer.reason} at line {answer.line}" if answer.line else answer.reason)
        if answer.fixes or answer.no_gradient:
            return UnfitChanges("it cannot be made to fit" if answer.fixes else "a parameter gets no gradient")
        if not whole and _distance(self.difference.before, text) > self._distance:
            return UnfitChanges("its repair changes more than that takes back")
        return Variant(kept, text, identity, answer.fingerprint, answer.num_params)

    def _cleaned(self, text: str) -> str:
        return without_dead_code(text, before=self.difference.after, entry=self.entry)


def between(seed: str, individual: str, task: Task, check: Check, *, entry: str = "Net") -> Variants:
    """The variants of an individual, over changes that can each be dropped alone wherever possible.

    A row that only follows from other changes (a number that shape repair restores) is no change of its own; changes
    that run only together become one. Raises `SourceError` where one of the texts is no program that fits `task`.
    """
    variants = Variants(difference(seed, individual), task, check, entry=entry)
    following = [n for n in sorted(variants.difference.numbers) if _follows(variants, n)]
    for number in following:
        variants = Variants(variants.difference.settled(number), task, check, entry=entry)
    return _renumbered(_together(variants))


def _renumbered(variants: Variants) -> Variants:
    renumbered = variants.difference.renumbered()
    same = renumbered.numbers == variants.difference.numbers
    return variants if same else Variants(renumbered, variants.task, variants.check, entry=variants.entry)


def _follows(variants: Variants, number: int) -> bool:
    variant = variants.of(variants.difference.numbers - {number})
    return isinstance(variant, Variant) and variant.text == variants.whole.text


def _together(variants: Variants) -> Variants:
    """Merges each change that cannot be dropped alone with the nearest one that it can be dropped with."""
    stuck = [n for n in sorted(variants.difference.numbers) if _is_stuck(variants, n)]
    while stuck:
        number = stuck.pop(0)
        others = sorted(stuck, key=lambda n: abs(n - number))[:_MOST_PARTNERS]
        whole = variants.difference.numbers
        partner = next((n for n in others if isinstance(variants.of(whole - {number, n}), Variant)), None)
        if partner is not None:
            stuck.remove(partner)
            merged = variants.difference.merged(number, partner)
            variants = Variants(merged, variants.task, variants.check, entry=variants.entry)
    return variants


def _is_stuck(variants: Variants, number: int) -> bool:
    return isinstance(variants.of(variants.difference.numbers - {number}), UnfitChanges)


def _distance(one: str, other: str) -> int:
    """The number of lines that only one of the texts has; numbers, which repair rewrites, are ignored."""
    first, second = (Counter(re.sub(r"\d+", "0", text).split("\n")) for text in (one, other))
    return (first - second).total() + (second - first).total()
