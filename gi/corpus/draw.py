"""Drawing ingredients so that variation gets variety."""

import math
import random
import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate, groupby

from gi.core.types import Ingredient

_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e-?\d+)?")

Donors = tuple[tuple[Ingredient, ...], ...]
"""The calls of one symbol, those of one donor together."""


@dataclass(frozen=True, slots=True)
class Draw:
    """The ingredients of one type in stable order, grouped by symbol and donor, with the symbols' cumulative weights.

    A uniform draw over distinct calls would be a draw over the spellings of a few favourites: more than half of all
    connection lines are `Conv2d`, and one package of generated networks has more of them than all others together. A
    symbol is drawn first, with the square root of the number of its calls that differ in more than numbers as weight;
    then one of the repositories that call it, each with the same chance; then one of its calls there. Seldom symbols
    come up, common ones stay common, and a donor of a thousand networks counts as one.
    """

    groups: tuple[Donors, ...]
    cumulative: tuple[float, ...]

    @classmethod
    def of(cls, ingredients: Iterable[Ingredient]) -> "Draw":
        """A draw over ingredients that come sorted by symbol."""
        by_symbol = (tuple(group) for _, group in groupby(ingredients, key=lambda ingredient: ingredient.symbol))
        pairs = [(_by_donor(group), math.sqrt(_num_kinds(group))) for group in by_symbol]
        return cls(tuple(donors for donors, _ in pairs), tuple(accumulate(weight for _, weight in pairs)))

    def __call__(self, rng: random.Random) -> Ingredient | None:
        """One ingredient, None where there is none; takes three numbers from `rng`."""
        if not self.groups:
            return None
        at = bisect_right(self.cumulative, rng.random() * self.cumulative[-1])
        donors = self.groups[min(at, len(self.groups) - 1)]  # rounding may give the last sum itself
        calls = donors[rng.randrange(len(donors))]
        return calls[rng.randrange(len(calls))]


def _by_donor(calls: Iterable[Ingredient]) -> Donors:
    donors: dict[str, list[Ingredient]] = {}
    for call in calls:
        donors.setdefault(call.origin.repository, []).append(call)
    # By name: a draw must not depend on which repository was harvested first.
    return tuple(tuple(donors[repository]) for repository in sorted(donors))


def _num_kinds(calls: Iterable[Ingredient]) -> int:
    return len({_NUMBER.sub("0", call.call) for call in calls})
