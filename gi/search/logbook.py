"""DEAP's logbook of a run: statistics of the population, one record for each generation."""

import statistics
from collections.abc import Sequence
from operator import itemgetter
from typing import Any

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


def least(logbook: tools.Logbook) -> dict[str, float]:
    """The least value of each objective in the population of the last record; empty before the first."""
    chapters: dict[str, Any] = logbook.chapters
    return {key: chapter[-1]["min"] for key, chapter in chapters.items() if chapter}
