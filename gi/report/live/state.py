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

_TELLING = 0.05  # of the planned CPU seconds: what ended before is too little to tell a pace


class RunState:
    """The figures that a display shows of a run, updated by its events."""

    def __init__(self) -> None:
        """Starts the clock; all else comes with the events."""
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
        """The objective of this key as the run measures it."""
        return self.opened.run.config.objective(key) if self.opened else OBJECTIVES[key]

    @property
    def objectives(self) -> Sequence[Objective]:
        """The objectives of the run; before it is opened those that every run has."""
        return self.opened.run.objectives if self.opened else [OBJECTIVES[key] for key in ("error", "params", "time")]

    def take(self, event: RunEvent) -> None:
        """Changes the state by one event."""
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
        """Takes up what the run did in sessions before this one."""
        self.opened, self.volumes, self.trained = event, list(event.hypervolumes), Counter(event.trained)
        self.generations, self.generation = event.run.config.generations, max(event.summary.generations, 0)
        self.total, self.from_cache = event.summary.evaluations, event.summary.from_cache
        self.members, self.images = event.summary.front, max(event.trained, default=0)
        self.cpu_s = self.ended_cpu_s = event.summary.cpu_s

    def _count(self, outcome: Outcome) -> None:
        self.from_cache += outcome.cached
        # Between the ends of generations, which tell what everything took: a training's own seconds.
        self.cpu_s += 0.0 if outcome.cached else outcome.cost.cpu_s
        if isinstance(outcome, Failed):
            self.failures[f"{outcome.stage}: {outcome.reason}"] += 1

    def _end(self, event: GenerationEnded) -> None:
        self.ended_at = time.monotonic()
        if self.first_ended_at is None:  # the first one pays for what happens once: it predicts nothing
            self.first, self.first_ended_at, self.first_cpu_s = event.number, self.ended_at, event.cpu_s
        self.cpu_s = self.ended_cpu_s = event.cpu_s
        self.budget_s, self.finals_s = event.budget_cpu_s or math.inf, event.finals_cpu_s
        self.total, self.from_cache = event.evaluations, event.from_cache
        self.members, self.images = event.members, event.images
        self.volumes.append(event.hypervolume)
        self.failures = Counter(event.failures)

    # ------------------------------------------------------------------------------------------------- time left

    def left_s(self) -> float | None:
        """The expected wall seconds until the run ends, final trainings included; None while nothing tells them.

        They follow from the trainings left in the plan, or without a plan from the generations to come, and are bounded
        by the budget.
        """
        now = time.monotonic()
        if self.retraining:
            return self._finals_left_s(now)
        if self.plan is not None and self.plan.cpu_s is not None:
            return self._planned_left_s(self.plan, self.plan.cpu_s, now)
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
        # What the budget pays for bounds the search, wherever the generations would end.
        paid_s = (self.budget_s - self.ended_cpu_s - self.finals_s) * wall_for_cpu - (now - self.ended_at)
        return max(min(search_s, paid_s), 0.0) + self.finals_s * wall_for_cpu

    def _planned_left_s(self, plan: Planned, planned_cpu_s: float, now: float) -> float | None:
        passed_s, quiet = now - self.planned_at, 1 / plan.workers
        before_s = self.opened.summary.cpu_s if self.opened else 0.0
        used_s = self.cpu_s - before_s
        if used_s > _TELLING * planned_cpu_s:  # by then it shows how busy the machine is
            return self._trainings_left_s(plan) * max(passed_s / used_s, quiet)
        left_s = max(planned_cpu_s - before_s, 0.0) * quiet - passed_s
        return left_s if left_s > 0 else None  # an estimate that is used up says nothing more

    def _trainings_left_s(self, plan: Planned) -> float:
        """The CPU seconds of the trainings that the plan still expects, at the mean price of those that ended."""
        left_s, price_s, before = 0.0, 0.0, 0
        for images, count in plan.rungs:
            known = self.prices_s.get(images, ())
            # A rung that nobody has reached takes longer than the one below by its images.
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
        """The wall seconds of one final training, by those that ended; more than one go on at once."""
        return (time.monotonic() - self.retraining_at) / max(self.retrained, 1)

    def _wall_for_cpu(self) -> float | None:
        """The wall seconds that a CPU second took since the first generation; None while that is unknown."""
        if self.first_ended_at is None or self.ended_cpu_s <= self.first_cpu_s:
            return None
        return (self.ended_at - self.first_ended_at) / (self.ended_cpu_s - self.first_cpu_s)
