"""A stock whose lines are taken more readily from some repositories than from others."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from gi.core.protocols import Ingredients
from gi.core.types import Ingredient, LineType

_MOST_DRAWS = 10


@dataclass(frozen=True, slots=True)
class WeighedStock:
    """Draws from `stock` and lets a line go with the chance that its repository's weight (0 to 1) leaves; 1 by default.

    A type of which one repository has all lines still gives them: the last of ten draws is taken.
    """

    stock: Ingredients
    weights: Mapping[str, float]

    def sample(self, rng: random.Random, line_type: LineType) -> Ingredient | None:
        """One ingredient of a type; None where the stock has none."""
        drawn = None
        for _ in range(_MOST_DRAWS):
            drawn = self.stock.sample(rng, line_type)
            # By rejection: the stock is a database, and weights change with every outcome.
            if drawn is None or rng.random() < self.weights.get(drawn.origin.repository, 1.0):
                break
        return drawn
