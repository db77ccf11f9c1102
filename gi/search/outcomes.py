"""Has individuals trained and writes down what comes of it."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future

from gi.archive import WEIGHTS, Archive, Generation, make_folder
from gi.core.protocols import Job
from gi.core.settings import RunConfig
from gi.core.streams import torch_seed
from gi.core.types import Individual, Outcome, Scored
from gi.search.budget import RunCost, own_limit_s
from gi.search.events import Evaluated, Retrained, RetrainingStarted, RunEvent
from gi.search.final_training import kept_weights, retraining_jobs
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
        self._cpu_s: dict[str, float] = {}
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
        limit_s = self._cpu_limit_s() if individual.parents else None
        job = Job(individual.id, individual.text, self._seed, self._config.images, cpu_limit_s=limit_s)
        if self._config.inherit:
            job = inheriting(job, individual, self._archive, self.twins)
        self.running.submit(job)

    def forget_dead(self, closed: Generation) -> None:
        """After a generation was closed: lets go of the weights of those who cannot become parents any more."""
        if self._config.inherit:
            young = (slot.individual for slot in self._archive.individuals.slots(closed.number + 1))
            forget_dead(self._archive, self.twins, closed.population, [id_ for id_ in young if id_ is not None])

    def retrain(self, front: Sequence[str]) -> None:
        """Trains individuals from scratch on each of the final seeds and scores them once on the test split."""
        jobs = retraining_jobs(self._archive, self._config, front, self._cpu_limit_s())
        if jobs:
            make_folder(self._archive.folder / WEIGHTS)
            self._notify(RetrainingStarted(len(front), len(jobs)))
        for job in jobs:
            self.running.submit(job)
        self.running.finish()

    def seeds(self) -> list[str]:
        """The seed programs that were scored."""
        slots = self._archive.individuals.slots(0)[: len(self._archive.seeds())]
        return self._scores.known([slot.individual for slot in slots])

    def cpu_s(self, ids: Iterable[str]) -> list[float]:
        """The CPU seconds that each one's evaluation took."""
        return [self._cpu_s[id_] for id_ in ids]

    @property
    def _seed(self) -> int:
        return torch_seed(self._config.seed, "train")

    def _cpu_limit_s(self) -> float | None:
        """The limit of one training, from what the seed programs took; None where the settings have one."""
        if self._config.cpu_limit_s is not None:
            return None
        return own_limit_s(self._train_s[id_] for id_ in self.seeds())

    def _record(self, job: Job, outcome: Outcome) -> None:
        if job.split == "test":
            outcome = checked(outcome, ("error", "validation_error"))
            weights = kept_weights(job, outcome)
            self._archive.outcomes.add_retraining(job.id, outcome, seed=job.seed, images=job.images, weights=weights)
            self._notify(Retrained(job.id, job.seed, outcome))
        else:
            outcome = checked(outcome, self._config.objectives)
            self._archive.outcomes.add(job.id, outcome, seed=job.seed, images=job.images)
            self._remember(job.id, outcome)
            self._notify(Evaluated(job.id, outcome))
            for twin in self.twins.settle(job.id, outcome):
                self._copy(twin, outcome, job.id)
        self._cost.add(outcome.cost.cpu_s)

    def _copy(self, twin: Individual, outcome: Outcome, first: str) -> None:
        self._archive.outcomes.add(twin.id, outcome, seed=self._seed, images=self._config.images, copied_from=first)
        self._remember(twin.id, outcome)
        self._notify(Evaluated(twin.id, outcome))

    def _remember(self, id_: str, outcome: Outcome) -> None:
        if isinstance(outcome, Scored):
            self._scores.add(id_, outcome)
            self._cpu_s[id_] = outcome.cost.cpu_s
            self._train_s[id_] = outcome.values.get("train_time", outcome.cost.train_cpu_s)
