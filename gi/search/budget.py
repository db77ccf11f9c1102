"""What a run costs: CPU seconds over all its sessions, against its budget."""

import time
from collections.abc import Iterable

from gi.archive import Archive
from gi.core.settings import OWN_MODEL_FACTOR, RunConfig
from gi.sandbox.process_cpu import CpuClock

_LEAST_LIMIT_S = 2.0  # below this a start that is slow once decides


def own_limit_s(seed_train_s: Iterable[float]) -> float | None:
    """The CPU seconds that one training may take, given what the seed programs' took; None before they ended."""
    slowest_s = max(seed_train_s, default=None)
    return None if slowest_s is None else max(_LEAST_LIMIT_S, OWN_MODEL_FACTOR * slowest_s)


class RunCost:
    """The CPU seconds of a run, of the sessions before this one and of this one; writes the latter down."""

    def __init__(self, archive: Archive, config: RunConfig, clock: CpuClock) -> None:
        """Takes up what earlier sessions used."""
        self._archive, self._config, self._clock = archive, config, clock
        self._started, self._before_s, self._reported_s = time.monotonic(), archive.sessions.cpu_s(), 0.0

    @property
    def cpu_s(self) -> float:
        """CPU seconds of the driver, the workers and everything else that the run started."""
        return self._before_s + self._clock.used_s(self._reported_s)

    def add(self, worker_cpu_s: float) -> None:
        """Takes in what a worker says that it used, and writes the session's cost down."""
        self._reported_s += worker_cpu_s
        self.save()

    def save(self) -> None:
        """Writes down the session's CPU and wall seconds so far."""
        self._archive.sessions.set_cost(self.cpu_s - self._before_s, time.monotonic() - self._started)

    def budget_is_spent(self, front_cpu_s: Iterable[float]) -> bool:
        """Whether the budget is used up, but for what retraining the front will take (at most half of it).

        `front_cpu_s` is what each member's evaluation took.
        """
        config = self._config
        if config.budget_cpu_s is None:
            return False
        longer = config.final_seeds * config.final_images / config.images
        return self.cpu_s + min(longer * sum(front_cpu_s), config.budget_cpu_s / 2) >= config.budget_cpu_s
