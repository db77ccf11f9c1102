"""The wire records of the driver's requests to its worker processes, without torch."""

from dataclasses import dataclass
from typing import Literal

from gi.core.protocols import Job
from gi.core.types import Task


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """The run's settings that concern a training: the same for every job. Paths are absolute.

    `donors` is a pack of networks to start from; `metric` is what "error" measures. With the
    `clock` "model" no clock's value decides or is measured.
    """

    batch_size: int
    clock: Literal["cpu", "model"]
    device: str
    entry: str = "Net"
    donors: str | None = None
    metric: Literal["error", "balanced-error", "auc"] = "error"


@dataclass(frozen=True, slots=True)
class Request:
    """One job, its paths absolute, as its training process gets it; the training may take `train_limit_s` CPU seconds.

    There are `num_samples` training samples for the `task`; their path is sent when the training begins. With
    `keep_constants` the answer has the buffers, too, that the training did not change.
    """

    job: Job
    settings: TrainingSettings
    train_limit_s: float
    task: Task
    num_samples: int
    keep_constants: bool = False


@dataclass(frozen=True, slots=True)
class ScoringRequest:
    """The network to build again for scoring: no labels, and no place where they lie.

    It gets images `batch_size` at a time, out of a memory of `shared_bytes`. One that is `timed` keeps the layout of
    its weights, as a user who runs the program has it.
    """

    text: str
    entry: str
    seed: int
    device: str
    task: Task
    batch_size: int
    timed: bool
    shared_bytes: int
