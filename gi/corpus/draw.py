"""Drawing ingredients so that variation gets variety."""

import math
import random
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate, groupby

from gi.core.types import Ingredient


@dataclass(frozen=True, slots=True)
class Draw:
    """The ingredients of one type in stable order, grouped by symbol, with the groups' cumulative weights.

    A uniform draw over distinct calls would be a draw over the spellings of a few favourites: more than half of all
    connection lines are `Conv2d`. A symbol is drawn first, with the square root of the number of its distinct calls
    as weight, then one of its calls, each with the same chance. Seldom symbols come up, common ones stay common.
    """

    groups: tuple[tuple[Ingredient, ...], ...]
    cumulative: tuple[float, ...]

    @classmethod
    def of(cls, ingredients: Iterable[Ingredient]) -> "Draw":
        """A draw over ingredients that come sorted by symbol."""
        groups = tuple(tuple(group) for _, group in groupby(ingredients, key=lambda ingredient: ingredient.symbol))
        return cls(groups, tuple(accumulate(math.sqrt(len(group)) for group in groups)))

    def __call__(self, rng: random.Random) -> Ingredient | None:
        """One ingredient, None where there is none; takes two numbers from `rng`."""
        if not self.groups:
            return None
        at = bisect_right(self.cumulative, rng.random() * self.cumulative[-1])
        group = self.groups[min(at, len(self.groups) - 1)]
        return group[rng.randrange(len(group))]
