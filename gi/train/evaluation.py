"""One job from its program to its outcome: trained in one process, scored in another, judged by the driver.

The process that trains has no labels of other splits. The one that scores has no labels at all, and gets of the first
no more than its weights, checked and counted. Neither sends anything that could be a better score without being better
outputs (decision 022).
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

from gi.core.diagnosis import Diagnosis
from gi.core.errors import SourceError, WorkerError
from gi.core.files import write_whole
from gi.core.protocols import CostModel, Job
from gi.core.settings import RunConfig
from gi.core.streams import stream_seed
from gi.core.types import Cost, Failed, Outcome, Scored
from gi.data.dataset import Dataset, SplitName, open_dataset
from gi.sandbox.isolation import Reach
from gi.sandbox.limits import Limits
from gi.sandbox.server import NOTHING, Child, Exit
from gi.train.allowed_time import ALLOWANCE_S, training_limit_s, wall_limit_s, worker_limit_s
from gi.train.checkpoint import CHECKPOINT, checkpoint
from gi.train.conversation import Conversation, JobFailure
from gi.train.cost_model import modelled
from gi.train.diagnosis import diagnosis
from gi.train.metrics import Outputs
from gi.train.repetition import REPEAT, counted
from gi.train.request import Request, ScoringRequest, TrainingSettings
from gi.train.scored_outputs import RecordedBatch, untimed, with_time
from gi.train.scoring_process import REFERENCE, ScoringProcess, figures, samples
from gi.train.shown_images import ShownImages
from gi.train.training_process import TRAIN, Trained, TrainingTime, trained, training_files

Fork: TypeAlias = Callable[[str, Limits, Reach], AbstractContextManager[Child]]
KeepWeights: TypeAlias = Callable[[Path, bytes], object]


class JobEvaluation:
    """Evaluates jobs of one run, each in new processes that `fork` starts; `keep` gets the weights that a job wants."""

    def __init__(
        self,
        dataset: Dataset,
        config: RunConfig,
        fork: Fork,
        *,
        cost_model: CostModel | None = None,
        donors: Path | None = None,
        keep: KeepWeights | None = None,
    ) -> None:
        self._dataset = dataset
        self._config = config
        self._cost_model = cost_model
        self._settings = training_settings(config, cost_model, donors)
        self._fork = fork
        self._keep = keep or write_weights

    def evaluate(self, job: Job) -> Outcome:
        """The outcome of a job; a failure of the candidate is a value.

        Raises `DatasetError` where the data set went away, `ServerDied` or `WorkerError` where no process starts.
        """
        spent = _Spent()
        try:
            values, trained = self._scored(job, spent)
        except JobFailure as failure:
            if failure.stage == "worker":
                open_dataset(self._dataset.path)  # raises where the data set went away: no candidate can be judged then
            return Failed(failure.stage, failure.reason, failure.detail, spent.cost)
        return Scored(values, spent.cost, trained.seeding, diagnosis=spent.diagnosis)

    def _scored(self, job: Job, spent: "_Spent") -> tuple[Mapping[str, float], Trained]:
        limit_s = training_limit_s(self._config, job)
        wall_s = wall_limit_s(self._config, job, limit_s)
        trained = self._trained(job, limit_s, wall_s, spent)
        values = self._measured(job, trained, limit_s, wall_s, spent)
        values["size"] = float(_size(job.text, self._config.entry))
        if self._cost_model is not None:
            values |= self._cost_model(job)
        return values, trained

    def _trained(self, job: Job, limit_s: float, wall_s: float, spent: "_Spent") -> Trained:
        process_limit_s = worker_limit_s(self._config, limit_s)
        request = Request(
            dataclasses.replace(job, weights_path=None, inherit_from=_absolute(job.inherit_from)),
            self._settings,
            limit_s,
            self._dataset.task,
            self._dataset.num_train,
            keep_constants=job.weights_path is not None,
        )
        read = (*training_files(self._dataset), self._settings.donors, request.job.inherit_from)
        reach = Reach(tuple(path for path in read if path is not None))
        with self._talk(TRAIN, process_limit_s, wall_s, reach) as talk:
            try:
                return trained(talk, request, self._dataset, self._config.memory_limit_mb, spent.training)
            finally:
                spent.trained(talk)

    def _measured(self, job: Job, trained: Trained, limit_s: float, wall_s: float, spent: "_Spent") -> dict[str, float]:
        @contextmanager
        def start(target: str, request: ScoringRequest) -> Iterator[ScoringProcess]:
            left_s = max(ALLOWANCE_S, worker_limit_s(self._config, limit_s) - spent.cpu_s)
            with (
                ShownImages(request.shared_bytes) as images,
                self._talk(target, left_s, wall_s, NOTHING) as talk,
            ):
                try:
                    yield ScoringProcess(talk, request, images)
                finally:
                    spent.measured(talk, beside=target == REFERENCE)

        by_clock = self._settings.clock != "model"
        answer = with_time if by_clock and job.timed else untimed
        answered = answer(job, self._dataset, self._config, trained.learned, start, record=self._macs_decide)
        macs = max(trained.macs, answered.built.macs)
        if answered.batch is not None:
            macs = max(macs, self._counted(job, answered.batch, limit_s, wall_s, spent))
        values = {"params": float(trained.params), "macs": macs}
        values |= modelled(trained.built_params, macs, task=self._dataset.task, images=job.images)
        values |= {"train_time": trained.train_cpu_s} if by_clock else {}
        values |= {} if answered.relative_time is None else {"time": answered.relative_time}
        values |= self._scores(job, trained, answered.outputs, spent)
        if job.weights_path is not None:
            self._keep(Path(job.weights_path), self._checkpoint(trained, answered.built.names))
        return values

    @property
    def _macs_decide(self) -> bool:
        """Whether multiply-adds decide what survives: a process that runs the program could count less."""
        by_model = self._settings.clock == "model" and self._cost_model is None
        limited = {"macs"} & {*self._config.objectives, *(limit.key for limit in self._config.constraints)}
        return by_model or bool(limited)

    def _counted(self, job: Job, batch: RecordedBatch, limit_s: float, wall_s: float, spent: "_Spent") -> float:
        """The multiply-adds of a sample, by a process that runs no program and gets the same outputs by them."""
        left_s = max(ALLOWANCE_S, worker_limit_s(self._config, limit_s) - spent.cpu_s)
        with self._talk(REPEAT, left_s, wall_s, NOTHING) as talk:
            try:
                seed = stream_seed(job.seed, "scoring")
                return counted(talk, batch.recording, batch.images, batch.outputs, seed)
            finally:
                spent.measured(talk, beside=False)

    def _scores(
        self, job: Job, trained: Trained, outputs: Mapping[SplitName, Outputs], spent: "_Spent"
    ) -> dict[str, float]:
        """The run's metric on the job's split; for a final training on the validation split too, and first.

        The choice among final trainings reads `validation_error` alone, so that the test split has no part in it. They
        have the accuracy and the AUC beside it whatever the metric is: tables of others give these. They are diagnosed,
        too, by the validation split: a user who looks at single mistakes adapts to them.
        """
        logits = outputs["validation"]
        _, labels = samples(self._dataset.path, "validation", job.scored)
        validation = figures(logits, labels, self._config.metric)
        if job.split == "validation":
            return {"error": validation["error"]}
        size = min(self._config.batch_size, self._dataset.num_train)
        spent.diagnosis = diagnosis(trained.losses, size, logits, labels)
        _, labels = samples(self._dataset.path, "test")
        test = figures(outputs["test"], labels, self._config.metric)
        return {f"validation_{name}": value for name, value in validation.items()} | dict(test)

    def _checkpoint(self, trained: Trained, names: Sequence[str]) -> bytes:
        """The trained network's state as a checkpoint of torch."""
        limits = Limits(self._config.memory_limit_mb)
        with self._fork(CHECKPOINT, limits, NOTHING) as child:
            return checkpoint(child.connection, names, (trained.learned, trained.constants))

    @contextmanager
    def _talk(self, target: str, cpu_limit_s: float, wall_limit_s: float, reach: Reach) -> Iterator[Conversation]:
        """A conversation with a new process, which ends with it."""
        limits = Limits(self._config.memory_limit_mb, cpu_limit_s, self._config.device)
        with self._fork(target, limits, reach) as child:
            yield Conversation(child, cpu_limit_s=cpu_limit_s, wall_limit_s=wall_limit_s)


@dataclass(slots=True)
class _Spent:
    """The cost of a job's processes by the kernel's account, updated as they end, so that a failure has its cost.

    It also holds the diagnosis of the outputs.
    """

    training: TrainingTime = field(default_factory=TrainingTime)
    cpu_s: float = 0.0
    wall_s: float = 0.0
    train_cpu_s: float = 0.0
    measure_cpu_s: float = 0.0
    diagnosis: Diagnosis | None = None

    def trained(self, talk: Conversation) -> None:
        end = self._ended(talk)
        began = self.training.began_cpu_s
        if began is not None:
            self.train_cpu_s = self.training.cpu_s or max(0.0, end.cpu_s - began)

    def measured(self, talk: Conversation, *, beside: bool) -> None:
        """Adds a scoring process; one that ran `beside` another adds no wall time."""
        wall_s = self.wall_s
        self.measure_cpu_s += self._ended(talk).cpu_s
        self.wall_s = wall_s if beside else self.wall_s

    def _ended(self, talk: Conversation) -> Exit:
        end = talk.end()
        self.cpu_s += end.cpu_s
        self.wall_s += talk.wall_s
        return end

    @property
    def cost(self) -> Cost:
        return Cost(self.train_cpu_s, self.measure_cpu_s, self.cpu_s, self.wall_s)


def write_weights(path: Path, content: bytes) -> None:
    """Writes a trained network's checkpoint where its job wants it, whole or not at all, if the run's folder exists."""
    try:
        path.parent.mkdir(exist_ok=True)
        write_whole(path, content)
    except FileNotFoundError:
        # The run's folder has gone, which its archive says with the next write. Made anew for weights alone, it would
        # be in the way of a run that is begun again.
        return
    except OSError as error:
        # No fault of the candidate's: recorded as one it would stand for good, where the disk was full for an hour.
        raise WorkerError(
            f"{path.parent} takes no weights ({error.strerror}): is the disk full? What was done is kept: "
            "mend that, then go on by `gi evolve --resume`."
        ) from error


def training_settings(
    config: RunConfig, cost_model: CostModel | None = None, donors: Path | None = None
) -> TrainingSettings:
    """What of a run's settings a worker needs to know."""
    return TrainingSettings(
        batch_size=config.batch_size,
        clock=config.clock if cost_model is None else "model",
        device=config.device,
        entry=config.entry,
        donors=_absolute(donors),
        metric=config.metric,
    )


def _absolute(path: str | Path | None) -> str | None:
    return None if path is None else str(Path(path).absolute())


@lru_cache(maxsize=1)
def _normaliser() -> Callable[[str, str], str]:
    from gi.source.identity.digest import normalise

    return normalise


def _size(text: str, entry: str) -> int:
    """The length of the normalised text, which neither comments nor formatting change."""
    try:
        return len(_normaliser()(text, entry))
    except SourceError:
        return len(text)
