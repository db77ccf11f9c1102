"""Has individuals trained and writes down what comes of it."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future

from gi.archive import WEIGHTS, Archive, Generation, make_folder
from gi.core.protocols import Job
from gi.core.settings import RunConfig, pace_s
from gi.core.streams import torch_seed
from gi.core.types import Cost, Individual, Outcome, Scored
from gi.search.budget import RunCost, affordable_seeds, final_s, own_limit_s, training_limit_s
from gi.search.events import Evaluated, Retrained, RetrainingStarted, RunEvent
from gi.search.final_training import FinalTrainings, kept_weights, retraining_jobs
from gi.search.in_flight import Evaluations, checked
from gi.search.parent_weights import forget_dead, inheriting
from gi.search.scores import Scores
from gi.search.twins import Twins


class Outcomes:
    """The trainings of a run: each outcome goes into the archive, into `scores`, and to the display.

    An individual that computes what an earlier one does gets that one's outcome in place of a training.
    """

    def __init__(
        self,
        archive: Archive,
        config: RunConfig,
        scores: Scores,
        cost: RunCost,
        *,
        evaluate: Callable[[Job], "Future[Outcome]"],
        notify: Callable[[RunEvent], None],
        stop_requested: Callable[[], bool],
    ) -> None:
        """Takes up the outcomes that the archive holds."""
        self._archive, self._config, self._scores, self._cost, self._notify = archive, config, scores, cost, notify
        self.twins = Twins(archive.individuals.fingerprints())
        self.running = Evaluations(evaluate, self._record, stop_requested)
        self._costs: dict[str, Cost] = {}
        self._train_s: dict[str, float] = {}
        for evaluation in archive.outcomes.evaluations("validation"):
            self._remember(evaluation.individual, evaluation.outcome)
            self.twins.settle(evaluation.individual, evaluation.outcome)

    def submit(self, individual: Individual) -> None:
        """Has an individual trained, or copies the outcome of the one that it is a twin of."""
        first = self.twins.first(individual)
        if first != individual.id:
            outcome = self.twins.outcome(first, individual)
            if outcome is not None:
                self._copy(individual, outcome, first)
            return
        limit_s = training_limit_s(self._config, self._seed_train_s()) if individual.parents else None
        job = Job(individual.id, individual.text, self._seed, self._config.images, cpu_limit_s=self._pace_s(limit_s))
        if self._config.inherit:
            job = inheriting(job, individual, self._archive, self.twins)
        self.running.submit(job, expected_s=self.expected_s(individual.parents))

    def expected_s(self, parents: Sequence[str] = ()) -> float:
        """The CPU seconds that an evaluation takes: what its parent took, at least the mean so far; 0 for the first."""
        return max([self._mean_s, *(self._costs[id_].cpu_s for id_ in parents[:1])])

    def room_for(self, expected_s: float, *, kept_s: float = 0.0) -> bool:
        """Whether the budget pays for one more beside all that is under way, and `kept_s` for what comes after.

        Waits for what is under way as long as there is none: an estimate holds it for dearer than it turns out.
        """
        return self.running.wait_for(lambda: self.running.expected_s + expected_s + kept_s <= self._cost.left_s)

    def forget_dead(self, closed: Generation) -> None:
        """After a generation was closed: lets go of the weights of those who cannot become parents any more."""
        if self._config.inherit:
            young = (slot.individual for slot in self._archive.individuals.slots(closed.number + 1))
            forget_dead(self._archive, self.twins, closed.population, [id_ for id_ in young if id_ is not None])

    def retrain(self, members: Sequence[str], *, front_size: int) -> FinalTrainings:
        """Trains members of the front from scratch on each of the final seeds and scores them once on the test split.

        What the budget does not pay for is left out: first seeds, then members, those with the larger error first.
        """
        order = self._scores.by_first_objective(members)
        prices = {id_: final_s(self._costs[id_], self._config) for id_ in order}
        seeds = affordable_seeds(list(prices.values()), self._config.final_seeds, self._cost.left_s)
        jobs = retraining_jobs(self._archive, self._config, order, self._own_limit_s(), seeds=seeds)
        if jobs:
            make_folder(self._archive.folder / WEIGHTS)
            self._notify(RetrainingStarted(len(order), front_size, self._affordable(jobs, prices), len(jobs)))
        left_out = [job for job in jobs if not self._retrained(job, prices[job.id])]
        self.running.finish()
        return FinalTrainings(len(jobs) - len(left_out), len(left_out))

    def finals_s(self, front: Iterable[str]) -> list[float]:
        """The CPU seconds that each one's final trainings take together."""
        return [self._config.final_seeds * final_s(self._costs[id_], self._config) for id_ in front]

    def _retrained(self, job: Job, price_s: float) -> bool:
        """Whether the job was submitted: the budget pays for it."""
        if not self.room_for(price_s * self._cost.correction):
            return False
        self.running.submit(job, expected_s=price_s)
        return True

    def _affordable(self, jobs: Sequence[Job], prices_s: Mapping[str, float]) -> int:
        """How many of the trainings the budget pays for in their order, as far as can be told beforehand."""
        left_s, paid = self._cost.left_s, 0
        for job in jobs:
            if prices_s[job.id] <= left_s:
                left_s, paid = left_s - prices_s[job.id], paid + 1
        return paid

    def seeds(self) -> list[str]:
        """The seed programs that were scored."""
        slots = self._archive.individuals.slots(0)[: len(self._archive.seeds())]
        return self._scores.known([slot.individual for slot in slots])

    @property
    def _seed(self) -> int:
        return torch_seed(self._config.seed, "train")

    @property
    def _mean_s(self) -> float:
        return statistics.fmean(cost.cpu_s for cost in self._costs.values()) if self._costs else 0.0

    def _seed_train_s(self) -> list[float]:
        return [self._train_s[id_] for id_ in self.seeds()]

    def _own_limit_s(self) -> float | None:
        """The limit of a final training, from what the seed programs took; None where the settings have one."""
        return self._pace_s(own_limit_s(self._seed_train_s())) if self._config.cpu_limit_s is None else None

    def _pace_s(self, limit_s: float | None) -> float | None:
        """A limit of the search's trainings as a job gives it, which is the same for longer ones."""
        return None if limit_s is None else pace_s(limit_s, self._config.images)

    def _record(self, job: Job, outcome: Outcome) -> None:
        if job.split == "test":
            outcome = checked(outcome, ("error", "validation_error"))
            weights = kept_weights(job, outcome)
            self._archive.outcomes.add_retraining(job.id, outcome, seed=job.seed, images=job.images, weights=weights)
            self._cost.learn(final_s(self._costs[job.id], self._config), outcome.cost.cpu_s)
            self._notify(Retrained(job.id, job.seed, outcome))
        else:
            outcome = checked(outcome, self._config.objectives)
            self._archive.outcomes.add(job.id, outcome, seed=job.seed, images=job.images)
            self._remember(job.id, outcome)
            self._notify(Evaluated(job.id, outcome))
            for twin in self.twins.settle(job.id, outcome):
                self._copy(twin, outcome, job.id)
        self._cost.add(0.0 if outcome.cached else outcome.cost.cpu_s)

    def _copy(self, twin: Individual, outcome: Outcome, first: str) -> None:
        self._archive.outcomes.add(twin.id, outcome, seed=self._seed, images=self._config.images, copied_from=first)
        self._remember(twin.id, outcome)
        self._notify(Evaluated(twin.id, outcome))

    def _remember(self, id_: str, outcome: Outcome) -> None:
        if isinstance(outcome, Scored):
            self._scores.add(id_, outcome)
            self._costs[id_] = outcome.cost
            self._train_s[id_] = outcome.values.get("train_time", outcome.cost.train_cpu_s)
