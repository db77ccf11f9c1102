"""DEAP's logbook of a run: statistics of the population, one record for each generation."""

import statistics
from collections.abc import Sequence
from operator import itemgetter

from deap import tools

from gi.core.objectives import Objective


def population_statistics(objectives: Sequence[Objective]) -> tools.MultiStatistics:
    """Minimum, median and maximum of each objective over rows of values, one chapter for each objective."""
    chapters = {objective.key: tools.Statistics(key=itemgetter(n)) for n, objective in enumerate(objectives)}
    multi = tools.MultiStatistics(**chapters)
    # The median and not the mean: one misfit among sixteen members moves a mean anywhere.
    for name, figure in (("min", min), ("median", statistics.median), ("max", max)):
        multi.register(name, figure)
    return multi
