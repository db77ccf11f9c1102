"""Selection among individuals by several objectives: NSGA-II survival, mating, fronts, hypervolume (pymoo's).

Everything here minimises, is deterministic and refuses values that are not finite.
"""

from gi.search.select.mating import Standing, standing, tournament
from gi.search.select.spread import spread
from gi.search.select.survival import Matrix, crowding, ranks, survivors
from gi.search.select.volume import hypervolume, reference_point, scaled, violations, worst_ordinary

__all__ = [
    "Matrix",
    "Standing",
    "crowding",
    "hypervolume",
    "ranks",
    "reference_point",
    "scaled",
    "spread",
    "standing",
    "survivors",
    "tournament",
    "violations",
    "worst_ordinary",
]
