"""Differences between two programs, compared with the spread of one program over its seeds.

One program trained on several seeds gives several errors. Two programs differ where their means are further apart than
half of the 95 % interval of the difference: of errors 3.0, 3.4 and 3.2 % beside 3.3, 3.5 and 3.7 % the means are 0.3 %
apart and the interval reaches 0.45 %, so that this is noise.

What it cannot do: it takes each objective by itself and corrects for no number of comparisons, so that of twenty
changes that do nothing one may seem to do something.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gi.explain.records import Effect, Levels

# Two-sided 95 % quantiles of Student's t for 1, 2, ... degrees of freedom.
_QUANTILES = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14, 2.13)


@dataclass(frozen=True, slots=True)
class Resolution:
    """The least difference that counts as one, by objective: as a value, and as a share of the figure itself."""

    values: Mapping[str, float] = field(default_factory=dict)
    shares: Mapping[str, float] = field(default_factory=dict)

    def of(self, objective: str, figure: float) -> float:
        """The least difference of a figure of this size."""
        return max(self.values.get(objective, 0.0), self.shares.get(objective, 0.0) * abs(figure))


def effect(objective: str, first: Sequence[float], second: Sequence[float], resolution: Resolution) -> Effect:
    """The mean of `first` less the mean of `second`, give or take half of the difference's 95 % interval.

    The deviation is pooled over both samples (Student, 1908); the resolution stands in where trainings are too few to
    have differed at all, and for what repeated trainings at one time do not show.
    """
    one, other = statistics.fmean(first), statistics.fmean(second)
    # With one training on each side there is no deviation: `freedom` is 0 and the resolution alone is the noise.
    freedom = len(first) + len(second) - 2
    squares = sum((v - mean) ** 2 for values, mean in ((first, one), (second, other)) for v in values)
    error = math.sqrt(squares / max(freedom, 1) * (1 / len(first) + 1 / len(second)))
    quantile = _QUANTILES[min(max(freedom, 1), len(_QUANTILES)) - 1]
    return Effect(objective, one - other, max(quantile * error, resolution.of(objective, one)))


def effects(levels: Levels, without: Levels, resolution: Resolution) -> tuple[Effect, ...]:
    """The effect of a change on each objective that both levels have: with it (`levels`) less `without` it."""
    shared = [key for key in levels if levels[key] and without.get(key)]
    return tuple(effect(key, levels[key], without[key], resolution) for key in shared)


def worse(
    levels: Levels, reference: Levels, resolution: Resolution, *, tolerance: float = 0.0, doubts: float = 1.0
) -> tuple[str, ...]:
    """The objectives in which `levels` are worse than `reference` by more than noise.

    What is within the share `tolerance` of the reference passes, too. `doubts` widens the noise where few trainings
    have to decide.
    """
    compared = effects(levels, reference, resolution)
    passes = {e.objective: tolerance * abs(statistics.fmean(reference[e.objective])) for e in compared}
    return tuple(e.objective for e in compared if e.difference > max(doubts * e.noise, passes[e.objective]))
