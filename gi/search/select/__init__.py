"""Selection among individuals by several objectives: survival, mating and promotion, by NSGA-II or by hypervolume.

Everything here minimises, is deterministic and refuses values that are not finite.
"""

from gi.search.select.boxes import boxed, hopeful
from gi.search.select.contribution import (
    contributions,
    first_by_objective,
    hopeful_order,
    volume_order,
    volume_survivors,
)
from gi.search.select.mating import (
    Standing,
    VolumeStanding,
    contribution_tournament,
    standing,
    tournament,
    volume_standing,
)
from gi.search.select.promotion import promotable
from gi.search.select.spread import spread
from gi.search.select.survival import Matrix, crowding, ranks, survivors
from gi.search.select.volume import hypervolume, reference_point, scaled, violations, worst_ordinary

__all__ = [
    "Matrix",
    "Standing",
    "VolumeStanding",
    "boxed",
    "contribution_tournament",
    "contributions",
    "crowding",
    "first_by_objective",
    "hopeful",
    "hopeful_order",
    "hypervolume",
    "promotable",
    "ranks",
    "reference_point",
    "scaled",
    "spread",
    "standing",
    "survivors",
    "tournament",
    "violations",
    "volume_order",
    "volume_standing",
    "volume_survivors",
    "worst_ordinary",
]
