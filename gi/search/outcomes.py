"""Submits trainings and stores their outcomes."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from gi.archive import Archive, RunRecord, make_weights_folder
from gi.core.objectives import FINAL_FIGURES
from gi.core.protocols import Job
from gi.core.settings import pace_s
from gi.core.streams import torch_seed
from gi.core.types import Cost, Individual, Outcome, Scored
from gi.search.budget import RunCost, affordable_seeds, training_limit_s
from gi.search.events import Evaluated, Retrained, RetrainingStarted, RunEvent
from gi.search.final_training import FinalTrainings, final_job, kept_weights, retraining_jobs
from gi.search.in_flight import Evaluations, checked
from gi.search.parent_weights import forget_dead, inheriting
from gi.search.twins import Twins

_BITS = 80  # fraction bits of fixed-point sums
_SCORED = (
    2_000  # validation samples on the lowest of several rungs: their noise is far below that of so short a training
)


class Outcomes:
    """The trainings of a run: each outcome is stored and sent to the display.

    Outcomes are read from the archive when needed: those of 10,000 evaluations would fill the memory. An individual
    that computes what an earlier one does gets a copy of that one's outcome. A training on the top rung of several
    is also the first of the individual's final trainings.
    """

    def __init__(
        self,
        archive: Archive,
        run: RunRecord,
        cost: RunCost,
        *,
        evaluate: Callable[[Job], "Future[Outcome]"],
        notify: Callable[[RunEvent], None],
        stop_requested: Callable[[], bool],
    ) -> None:
        """Reads the outcomes that the archive holds."""
        self._archive, self._run, self._config, self._cost, self._notify = archive, run, run.config, cost, notify
        self.twins = Twins(archive.individuals.fingerprints())
        self.running = Evaluations(evaluate, self._record, stop_requested)
        self._ended: dict[int, set[str]] = {}
        self._pace, self._rest_s = _RunningMean(), _RunningMean()
        for evaluation in archive.outcomes.evaluations("validation"):
            self._remember(evaluation.individual, evaluation.images, evaluation.outcome)

    # ----------------------------------------------------------------------------------------------- the search's

    def train(self, individual: Individual, images: int) -> None:
        """Trains an individual on a rung, or copies the outcome of the individual that it is a twin of.

        Does nothing where the archive holds the outcome already.
        """
        if self._has_ended(individual.id, images):
            return
        first = self.twins.first(individual)
        if first != individual.id:
            outcome = self._outcome(first, images)
            if outcome is None:
                self.twins.wait(first, images, individual)
            else:
                self._copy(individual, images, outcome, first)
            return
        expected_s = self.expected_s(images, (individual.id, *individual.parents))
        self.running.submit(self._job(individual, images), expected_s=expected_s)

    def outcome(self, id_: str, images: int) -> Outcome | None:
        """Waits for the outcome of a training; None where it is not running: cancelled for the budget."""
        self.running.wait_for(lambda: self._has_ended(id_, images))
        return self._outcome(id_, images)

    def _outcome(self, id_: str, images: int) -> Outcome | None:
        return self._archive.outcome(id_, images=images) if self._has_ended(id_, images) else None

    def _has_ended(self, id_: str, images: int) -> bool:
        return id_ in self._ended.get(images, ())

    def expected_s(self, images: int, relatives: Sequence[str] = ()) -> float:
        """The estimated CPU seconds of a training, from the cost of the first of `relatives` that was trained.

        These are the individual itself, then its parents; an estimate from a parent is at least the mean of all. 0
        while nothing was trained.
        """
        if not self._pace.count:
            return 0.0
        mean_s = self._pace.value * images + self._rest_s.value
        longest = next(((id_, known) for id_ in relatives if (known := self._longest(id_)) is not None), None)
        if longest is None:
            return mean_s
        id_, (trained, scored) = longest
        own_s = scored.cost.cpu_s + (images / trained - 1) * scored.cost.train_cpu_s
        return own_s if id_ == relatives[0] else max(own_s, mean_s)

    def room_for(self, expected_s: float, *, kept_s: float = 0.0) -> bool:
        """Whether the budget pays for one more training beside those running, and leaves `kept_s`.

        Waits for running trainings while it does not: they may turn out cheaper than estimated.
        """
        return self.running.wait_for(lambda: self.running.expected_s + expected_s + kept_s <= self._cost.left_s)

    def forget_dead(self, parents: Iterable[str], young: Iterable[str]) -> None:
        """Deletes the kept weights of individuals that cannot become parents any more."""
        if self._config.inherit:
            forget_dead(self._archive, self.twins, parents, young)

    def seeds(self) -> list[str]:
        """The seed programs that were scored on the lowest rung."""
        slots = self._archive.individuals.slots(0)[: len(self._archive.seeds())]
        ids = [slot.individual for slot in slots if slot.individual is not None]
        return [id_ for id_ in ids if isinstance(self._outcome(id_, self._run.rungs[0]), Scored)]

    def _job(self, individual: Individual, images: int) -> Job:
        # Seed programs have the settings' limit: what they take is the measure of the children's.
        limit_s = self._limit_s() if individual.parents else None
        if self._is_final(images):
            make_weights_folder(self._archive.folder)
            return final_job(self._archive, self._run, individual.id, 0, limit_s)
        seed = torch_seed(self._config.seed, "train")
        job = Job(individual.id, individual.text, seed, images, cpu_limit_s=limit_s)
        lowest = images == self._run.rungs[0]
        # Higher rungs train from scratch: what is shown must be what the program alone gives.
        if lowest and self._config.inherit:
            job = inheriting(job, individual, self._archive, self.twins)
        # Timing and full scoring took a sixth to a half of so short a training (experiments/24-inner-loop); higher
        # rungs measure in full.
        if lowest and len(self._run.rungs) > 1:
            job = dataclasses.replace(job, timed=False, scored=_SCORED)
        return job

    def _is_final(self, images: int) -> bool:
        """Whether a training on that rung is also a final training."""
        run = self._run
        return len(run.rungs) > 1 and images == run.top_images == run.final_images and bool(self._config.finals)

    # ------------------------------------------------------------------------------------------------------ finals

    def retrain(self, members: Sequence[str], *, front_size: int) -> FinalTrainings:
        """Trains members of the front from scratch on each of the final seeds and scores them once on the test split.

        Without the budget for all, first the number of seeds is reduced, then the last members are left out.
        """
        prices = {id_: self.final_s(id_) for id_ in members}
        # Fewer seeds before fewer members: a front with one seed each is worth more than half a front with three.
        seeds = affordable_seeds(list(prices.values()), self._config.final_seeds, self._cost.left_s)
        jobs = retraining_jobs(self._archive, self._run, members, self._limit_s(), seeds=seeds)
        if jobs:
            make_weights_folder(self._archive.folder)
            self._notify(RetrainingStarted(len(members), front_size, self._affordable(jobs, prices), len(jobs)))
        if not self._cost.is_bounded:  # all are paid for, and the longest first leaves no worker idle at the end
            jobs.sort(key=lambda job: -prices[job.id])
        left_out = [job for job in jobs if not self._retrained(job, prices[job.id])]
        self.running.finish()
        return FinalTrainings(len(jobs) - len(left_out), len(left_out))

    def final_s(self, id_: str) -> float:
        """The estimated CPU seconds of one final training of an individual, which is scored on one more split."""
        longest = self._longest(id_)
        measure_s = longest[1].cost.measure_cpu_s if longest else 0.0
        return self.expected_s(self._run.final_images, (id_,)) + measure_s

    def _retrained(self, job: Job, price_s: float) -> bool:
        """Submits the job if the budget pays for it; whether it does."""
        if not self.room_for(price_s * self._cost.correction):
            return False
        self.running.submit(job, expected_s=price_s)
        return True

    def _affordable(self, jobs: Sequence[Job], prices_s: Mapping[str, float]) -> int:
        """How many of the trainings the budget pays for in their order, by their estimates."""
        left_s, paid = self._cost.left_s, 0
        for job in jobs:
            if prices_s[job.id] <= left_s:
                left_s, paid = left_s - prices_s[job.id], paid + 1
        return paid

    def _seed_paces(self) -> list[float]:
        """The CPU seconds of each scored seed program for `PACE_IMAGES` training samples."""
        longest = [known for id_ in self.seeds() if (known := self._longest(id_)) is not None]
        return [pace_s(one.values.get("train_time", one.cost.train_cpu_s), images) for images, one in longest]

    def _limit_s(self) -> float | None:
        """The CPU limit of a training for `PACE_IMAGES` samples; None where the settings' own holds."""
        return training_limit_s(self._run, self._seed_paces(), self._cost.total_s)

    # --------------------------------------------------------------------------------------------------- recording

    def _record(self, job: Job, outcome: Outcome) -> None:
        if job.split == "validation":
            outcome = checked(outcome, self._config.objectives)
            self._archive.outcomes.add(job.id, outcome, seed=job.seed, images=job.images)
            self._learned(job, outcome)
        else:
            outcome = checked(outcome, ("error", "validation_error"))
            weights = kept_weights(job, outcome)
            where = {"seed": job.seed, "images": job.images}
            on_rung = self._is_final(job.images) and not self._has_ended(job.id, job.images)
            value = _on_validation(outcome) if on_rung else None
            self._archive.outcomes.add_retraining(job.id, outcome, **where, weights=weights, on_rung=value)
            if value is not None:
                self._learned(job, value)
            else:
                self._cost.learn(self.final_s(job.id), outcome.cost.cpu_s)
                self._notify(Retrained(job.id, job.seed, outcome))
        # An earlier run paid for it. Estimates go by the cost it had, or decisions would depend on the cache.
        self._cost.add(0.0 if outcome.cached else outcome.cost.cpu_s)

    def _learned(self, job: Job, outcome: Outcome) -> None:
        """Keeps the outcome of a training of the search, and copies it to the waiting twins."""
        self._remember(job.id, job.images, outcome)
        self._notify(Evaluated(job.id, outcome, job.images))
        for twin in self.twins.waiting(job.id, job.images):
            self._copy(twin, job.images, outcome, job.id)

    def _copy(self, twin: Individual, images: int, outcome: Outcome, first: str) -> None:
        seed = torch_seed(self._config.seed, "train")
        self._archive.outcomes.add(twin.id, outcome, seed=seed, images=images, copied_from=first)
        self._remember(twin.id, images, outcome)
        self._notify(Evaluated(twin.id, outcome, images))

    def _remember(self, id_: str, images: int, outcome: Outcome) -> None:
        self._ended.setdefault(images, set()).add(id_)
        if isinstance(outcome, Scored):
            self._pace.add(_pace(images, outcome.cost))
            self._rest_s.add(outcome.cost.cpu_s - outcome.cost.train_cpu_s)

    def _longest(self, id_: str) -> tuple[int, Scored] | None:
        # Constant parts weigh least in the longest one.
        return self._archive.outcomes.longest(id_)


@dataclass(slots=True)
class _RunningMean:
    """A mean that does not depend on the order of the added numbers, which differs in a resumed run."""

    count: int = 0
    _units: int = 0  # sums of floats depend on their order

    def add(self, number: float) -> None:
        """Adds a finite number."""
        self.count += 1
        self._units += int(math.ldexp(number, _BITS))

    @property
    def value(self) -> float:
        return self._units / self.count / (1 << _BITS)


def _pace(images: int, cost: Cost) -> float:
    """CPU seconds of training for one sample presented."""
    return cost.train_cpu_s / images


def _on_validation(outcome: Outcome) -> Outcome:
    """The outcome of a final training as one of the search: only its figures on the validation split."""
    if not isinstance(outcome, Scored):
        return outcome
    values = {key: value for key, value in outcome.values.items() if key not in FINAL_FIGURES}
    return dataclasses.replace(outcome, values=values | {"error": outcome.values["validation_error"]})
