"""What a run costs in CPU seconds over all its sessions, and what its budget still pays for.

A budget bounds the whole run: nothing is begun that, with all that is under way, would go beyond it by the estimate
of what it takes. While the search goes on a share is kept for the final trainings; these take what is left in the end.
Estimates come from what was measured: a child takes about what its parents took, a longer training what the shorter
one took, in proportion to its images.
"""

import math
import statistics
import time
from collections.abc import Iterable, Sequence

from gi.archive import Archive, RunRecord
from gi.core.settings import OWN_MODEL_FACTOR, RunConfig, pace_s
from gi.sandbox.process_cpu import Clock

_LEAST_LIMIT_S = 2.0  # below this a start that is slow once decides
FINALS_SHARE = 1 / 3  # of a budget is kept for final trainings: a front without test errors is worth little
_LARGEST_SHARE = 0.1  # of a budget may go into one training of the search


def own_limit_s(seed_paces_s: Iterable[float]) -> float | None:
    """The CPU seconds that a training may take for `PACE_IMAGES` samples, by what the seed programs took for as many.

    None before one of these ended.
    """
    slowest_s = max(seed_paces_s, default=None)
    return None if slowest_s is None else max(_LEAST_LIMIT_S, OWN_MODEL_FACTOR * slowest_s)


def training_limit_s(run: RunRecord, seed_paces_s: Sequence[float], total_s: float = math.inf) -> float | None:
    """The limit of one training of the search, for `PACE_IMAGES` samples, where it is another than the settings'.

    Of `total_s`, which the whole run may take, a tenth for the longest training, or twice what the slowest seed program
    took: one giant that is under way when the search has to end would use up what is kept for the final trainings.
    """
    own_s, config = own_limit_s(seed_paces_s), run.config
    if math.isinf(total_s) or own_s is None:
        return own_s if config.cpu_limit_s is None else None
    largest_s = pace_s(_LARGEST_SHARE * total_s, run.top_images)
    return min(config.cpu_limit_s or math.inf, max(own_s, largest_s))


def affordable_seeds(prices_s: Sequence[float], seeds: int, left_s: float) -> int:
    """On how many seeds each member is trained in the end: the most for which half of the members are paid for.

    `prices_s` are those of one training of each member, in the order in which they take their turn. At least 1.
    """
    half = sum(prices_s[: math.ceil(len(prices_s) / 2)])
    return next((n for n in range(seeds, 1, -1) if n * half <= left_s), 1)


class RunCost:
    """The CPU seconds of a run, of the sessions before this one and of this one; writes the latter down."""

    def __init__(self, archive: Archive, config: RunConfig, clock: Clock, *, workers: int) -> None:
        """Takes up what earlier sessions used; a wall second is worth one CPU second of each worker."""
        self._archive, self._clock, self._workers = archive, clock, workers
        self._budget_s = math.inf if config.budget_cpu_s is None else config.budget_cpu_s
        self._time_s = math.inf if config.time_s is None else config.time_s
        self._started, self._wall_before_s = time.monotonic(), archive.sessions.wall_s()
        self._before_s, self._reported_s = archive.sessions.cpu_s(), 0.0
        self._ratios: list[float] = []

    @property
    def cpu_s(self) -> float:
        """CPU seconds of the driver, the workers and everything else that the run started."""
        return self._before_s + self._clock.used_s(self._reported_s)

    @property
    def total_s(self) -> float:
        """The CPU seconds that the whole run may take by its budget and its time; infinite where nothing bounds it."""
        return min(self._budget_s, self._time_s * self._workers)

    @property
    def is_bounded(self) -> bool:
        """Whether the run has a budget or a time."""
        return math.isfinite(self.total_s)

    @property
    def left_s(self) -> float:
        """The CPU seconds that are left; infinite where nothing bounds the run."""
        wall_left_s = self._time_s - self._wall_before_s - (time.monotonic() - self._started)
        return min(self._budget_s - self.cpu_s, wall_left_s * self._workers)

    def add(self, worker_cpu_s: float) -> None:
        """Takes in what a worker says that it used, and writes the session's cost down."""
        self._reported_s += worker_cpu_s
        self.save()

    def save(self) -> None:
        """Writes down the session's CPU and wall seconds so far."""
        self._archive.sessions.set_cost(self.cpu_s - self._before_s, time.monotonic() - self._started)

    def kept_s(self, finals_s: float) -> float:
        """What the search leaves to the final trainings that would take `finals_s`: a share of the budget at most."""
        return min(finals_s, FINALS_SHARE * self.total_s)

    def learn(self, expected_s: float, taken_s: float) -> None:
        """Takes in what a training took against its estimate."""
        if expected_s > 0:
            self._ratios.append(taken_s / expected_s)

    @property
    def correction(self) -> float:
        """How much more than estimated trainings took so far; 1 before the first, and where they took less."""
        # Never below 1: too high a price leaves a training out, too low a one breaks the budget.
        return max(1.0, statistics.fmean(self._ratios)) if self._ratios else 1.0
