"""What a run costs in CPU seconds over all its sessions, and what its budget still pays for.

A budget bounds the whole run: a training starts only if its estimate fits beside the estimates of those in flight.
During the search a share is kept for the final trainings, which may use all that is left.
Estimates come from measurements: a child costs about what its parents did, a longer training what the shorter one
did, in proportion to its images.
"""

import math
import statistics
import time
from collections.abc import Iterable, Sequence

from gi.archive import Archive, RunRecord
from gi.core.settings import OWN_MODEL_FACTOR, RunConfig, pace_s
from gi.sandbox.process_cpu import Clock

_LEAST_LIMIT_S = 2.0  # below this one slow process start would decide
FINALS_SHARE = 1 / 3  # of a budget is kept for final trainings: a front without test errors is worth little
_LARGEST_SHARE = 0.1  # of a budget may go into one training of the search


def own_limit_s(seed_paces_s: Iterable[float]) -> float | None:
    """The CPU limit of a training for `PACE_IMAGES` samples, from the slowest of the seed programs' paces.

    None while no seed program has ended.
    """
    slowest_s = max(seed_paces_s, default=None)
    return None if slowest_s is None else max(_LEAST_LIMIT_S, OWN_MODEL_FACTOR * slowest_s)


def training_limit_s(run: RunRecord, seed_paces_s: Sequence[float], total_s: float = math.inf) -> float | None:
    """The CPU limit of one training for `PACE_IMAGES` samples; None where that of the settings holds.

    With `total_s` (the whole run's bound): a tenth of it for the longest training, or `own_limit_s` if that is more. A
    giant still in training when the search has to end would use up what is kept for the final trainings.
    """
    own_s, config = own_limit_s(seed_paces_s), run.config
    if math.isinf(total_s) or own_s is None:
        return own_s if config.cpu_limit_s is None else None
    largest_s = pace_s(_LARGEST_SHARE * total_s, run.top_images)
    return min(config.cpu_limit_s or math.inf, max(own_s, largest_s))


def affordable_seeds(prices_s: Sequence[float], seeds: int, left_s: float) -> int:
    """How many random seeds each final training gets: the most for which `left_s` pays for half of the members.

    `prices_s` are the CPU seconds of one training of each member, in training order. At least 1.
    """
    half = sum(prices_s[: math.ceil(len(prices_s) / 2)])
    return next((n for n in range(seeds, 1, -1) if n * half <= left_s), 1)


class RunCost:
    """The CPU seconds of a run over all its sessions; stores those of this session in the archive."""

    def __init__(self, archive: Archive, config: RunConfig, clock: Clock, *, workers: int) -> None:
        """Reads the cost of earlier sessions; one wall second counts as one CPU second of each worker."""
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
        """The CPU seconds that budget and time allow the whole run; infinite without both."""
        return min(self._budget_s, self._time_s * self._workers)

    @property
    def is_bounded(self) -> bool:
        """Whether the run has a budget or a time."""
        return math.isfinite(self.total_s)

    @property
    def left_s(self) -> float:
        """The CPU seconds that budget and time leave; infinite without both."""
        wall_left_s = self._time_s - self._wall_before_s - (time.monotonic() - self._started)
        return min(self._budget_s - self.cpu_s, wall_left_s * self._workers)

    def add(self, worker_cpu_s: float) -> None:
        """Adds CPU seconds that a worker reported, and stores the session's cost."""
        self._reported_s += worker_cpu_s
        self.save()

    def save(self) -> None:
        """Stores the session's CPU and wall seconds so far."""
        self._archive.sessions.set_cost(self.cpu_s - self._before_s, time.monotonic() - self._started)

    def kept_s(self, finals_s: float) -> float:
        """The CPU seconds reserved for final trainings estimated at `finals_s`: at most `FINALS_SHARE` of the total."""
        return min(finals_s, FINALS_SHARE * self.total_s)

    def learn(self, expected_s: float, taken_s: float) -> None:
        """Records the ratio of a training's measured to its estimated CPU seconds."""
        if expected_s > 0:
            self._ratios.append(taken_s / expected_s)

    @property
    def correction(self) -> float:
        """The mean ratio of measured to estimated CPU seconds, at least 1; 1 before the first training."""
        # Never below 1: too high a price leaves a training out, too low a one breaks the budget.
        return max(1.0, statistics.fmean(self._ratios)) if self._ratios else 1.0
