"""The state of a run's display, updated by its events, and the estimate of the time left."""

import math
import time
from collections import Counter
from collections.abc import Sequence

from gi.archive import FrontMember
from gi.core.objectives import OBJECTIVES, Objective
from gi.core.types import Failed, Outcome
from gi.search.events import (
    Doing,
    Evaluated,
    Finished,
    GenerationEnded,
    GenerationStarted,
    Opened,
    Planned,
    Retrained,
    RetrainingStarted,
    RunEvent,
    Stopping,
    Varied,
)

_LEAST_SHARE = 0.05  # of the planned CPU seconds: less is too little to estimate the pace from


class RunState:
    """The figures of a run that a display shows, updated by its events."""

    def __init__(self) -> None:
        """Starts the clock; events set everything else."""
        self.started = self.doing_since = time.monotonic()
        self.doing = ""
        self.opened: Opened | None = None
        self.plan: Planned | None = None
        self.planned_at = 0.0
        self.generation = self.generations = self.first = 0
        self.first_ended_at: float | None = None
        self.first_cpu_s = self.ended_at = self.ended_cpu_s = 0.0
        self.slots = self.decided = self.evaluated = self.total = self.from_cache = 0
        self.trained: Counter[int] = Counter()
        self.prices_s: dict[int, list[float]] = {}  # of this session's trainings, by their images
        self.failures: Counter[str] = Counter()
        self.volumes: list[float] = []
        self.members: tuple[FrontMember, ...] = ()
        self.images = 0
        self.retraining: RetrainingStarted | None = None
        self.retrained, self.retraining_at = 0, 0.0
        self.stopping: Stopping | None = None
        self.finals_s, self.budget_s, self.cpu_s = 0.0, math.inf, 0.0

    def objective(self, key: str) -> Objective:
        """The objective of a key with the run's metric."""
        return self.opened.run.config.objective(key) if self.opened else OBJECTIVES[key]

    @property
    def objectives(self) -> Sequence[Objective]:
        """The objectives of the run; the default ones before it is opened."""
        return self.opened.run.objectives if self.opened else [OBJECTIVES[key] for key in ("error", "params", "time")]

    def take(self, event: RunEvent) -> None:
        """Updates the state by one event."""
        match event:
            case Doing():
                self.doing, self.doing_since = event.what, time.monotonic()
            case Planned():
                self.plan, self.planned_at = event, time.monotonic()
            case Opened():
                self._open(event)
            case GenerationStarted():
                self.generation, self.generations, self.slots = event.number, event.generations, event.slots
                self.decided = self.evaluated = 0
                self.doing = ""
            case Varied():
                self.decided += 1
            case Evaluated():
                self.evaluated += 1
                self.total += 1
                self.trained[event.images] += 1
                if not event.outcome.cached:
                    self.prices_s.setdefault(event.images, []).append(event.outcome.cost.cpu_s)
                self._count(event.outcome)
            case GenerationEnded():
                self._end(event)
            case RetrainingStarted():
                self.retraining, self.retraining_at = event, time.monotonic()
            case Retrained():
                self.retrained += 1
                self._count(event.outcome)
            case Stopping():
                self.stopping = event
            case Finished():
                self.stopping = None

    def _open(self, event: Opened) -> None:
        """Takes over the figures of earlier sessions."""
        self.opened, self.volumes, self.trained = event, list(event.hypervolumes), Counter(event.trained)
        self.generations, self.generation = event.run.config.generations, max(event.summary.generations, 0)
        self.total, self.from_cache = event.summary.evaluations, event.summary.from_cache
        self.members, self.images = event.summary.front, max(event.trained, default=0)
        self.cpu_s = self.ended_cpu_s = event.summary.cpu_s

    def _count(self, outcome: Outcome) -> None:
        self.from_cache += outcome.cached
        # Between ends of generations, whose events have the total, the trainings' CPU seconds are added up.
        self.cpu_s += 0.0 if outcome.cached else outcome.cost.cpu_s
        if isinstance(outcome, Failed):
            self.failures[f"{outcome.stage}: {outcome.reason}"] += 1

    def _end(self, event: GenerationEnded) -> None:
        self.ended_at = time.monotonic()
        if self.first_ended_at is None:  # the first generation includes one-time costs: it predicts nothing
            self.first, self.first_ended_at, self.first_cpu_s = event.number, self.ended_at, event.cpu_s
        self.cpu_s = self.ended_cpu_s = event.cpu_s
        self.budget_s, self.finals_s = event.budget_cpu_s or math.inf, event.finals_cpu_s
        self.total, self.from_cache = event.evaluations, event.from_cache
        self.members, self.images = event.members, event.images
        self.volumes.append(event.hypervolume)
        self.failures = Counter(event.failures)

    # ------------------------------------------------------------------------------------------------- time left

    def passed_s(self, now: float) -> float:
        """The wall seconds of the run, those of earlier sessions included."""
        return (self.opened.summary.wall_s if self.opened else 0.0) + now - self.started

    def left_s(self) -> float | None:
        """The estimated wall seconds until the run ends, with final trainings; None while there is no estimate.

        Estimated from the remaining trainings of the plan, or without a plan from the remaining generations, and
        bounded by the budget.
        """
        now = time.monotonic()
        if self.retraining:
            return self._finals_left_s(now)
        if self.plan is not None and self.plan.cpu_s is not None:
            left_s = self._planned_left_s(self.plan, self.plan.cpu_s, now)
            time_s = self.opened.run.config.time_s if self.opened else None
            return left_s if left_s is None or time_s is None else min(left_s, max(time_s - self.passed_s(now), 0.0))
        done = self.generation - self.first
        if self.first_ended_at is None or done < 1:
            return None
        share = self.evaluated / self.slots if self.slots else 0.0
        # At least half a slot: right after the start one quick outcome would predict minutes.
        pace = (now - self.first_ended_at) / max(done - 1 + share, 0.5)
        search_s = pace * max(self.generations - self.generation + 1 - share, 0)
        wall_for_cpu = self._wall_for_cpu()
        if wall_for_cpu is None:
            return search_s
        # The budget may end the search before its last generation.
        paid_s = (self.budget_s - self.ended_cpu_s - self.finals_s) * wall_for_cpu - (now - self.ended_at)
        return max(min(search_s, paid_s), 0.0) + self.finals_s * wall_for_cpu

    def _planned_left_s(self, plan: Planned, planned_cpu_s: float, now: float) -> float | None:
        passed_s, quiet = now - self.planned_at, 1 / plan.workers
        before_s = self.opened.summary.cpu_s if self.opened else 0.0
        used_s = self.cpu_s - before_s
        if used_s > _LEAST_SHARE * planned_cpu_s:  # enough to measure how busy the machine is
            return self._trainings_left_s(plan) * max(passed_s / used_s, quiet)
        left_s = max(planned_cpu_s - before_s, 0.0) * quiet - passed_s
        return left_s if left_s > 0 else None  # a run that exceeds its estimate has none left

    def _trainings_left_s(self, plan: Planned) -> float:
        """The CPU seconds of the plan's remaining trainings, at the mean cost of those that ended.

        A run that its bound ends goes on until then, however many trainings the plan took that to be.
        """
        if plan.bound_cpu_s is not None:
            return max(plan.bound_cpu_s - self.cpu_s, 0.0)
        left_s, price_s, before = 0.0, 0.0, 0
        for images, count in plan.rungs:
            known = self.prices_s.get(images, ())
            # The cost on a rung without trainings follows from the rung below, by the ratio of images.
            price_s = sum(known) / len(known) if known else price_s * images / max(before, 1)
            left_s += max(count - self.trained[images], 0) * price_s
            before = images
        finals_s = self.finals_s or plan.final_trainings * price_s
        return max(min(left_s + finals_s, self.budget_s - self.cpu_s), 0.0)

    def _finals_left_s(self, now: float) -> float | None:
        assert self.retraining is not None
        passed_s, jobs = now - self.retraining_at, self.retraining.jobs
        if self.retrained:
            return max(self.retraining_s() * (jobs - self.retrained), 0.0)
        wall_for_cpu = self._wall_for_cpu()
        left_s = 0.0 if wall_for_cpu is None else self.finals_s * wall_for_cpu - passed_s
        return left_s if left_s > 0 else None

    def retraining_s(self) -> float:
        """The wall seconds for each final training that ended; several run at once."""
        return (time.monotonic() - self.retraining_at) / max(self.retrained, 1)

    def _wall_for_cpu(self) -> float | None:
        """The ratio of wall to CPU seconds since the first generation ended; None while unknown."""
        if self.first_ended_at is None or self.ended_cpu_s <= self.first_cpu_s:
            return None
        return (self.ended_at - self.first_ended_at) / (self.ended_cpu_s - self.first_cpu_s)
