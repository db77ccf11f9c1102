"""What the driver asks of a worker process: the wire record between them, without torch."""

from dataclasses import dataclass
from typing import Literal

from gi.core.protocols import Job


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """The run's settings that concern a training: the same for every job. Paths are absolute.

    `donors` is a pack of networks to start from; `metric` is what "error" measures. With the
    `clock` "model" no clock's value decides or is measured.
    """

    dataset_path: str
    batch_size: int
    clock: Literal["cpu", "model"]
    device: str
    entry: str = "Net"
    donors: str | None = None
    metric: Literal["error", "balanced-error", "auc"] = "error"


@dataclass(frozen=True, slots=True)
class Request:
    """One job, its paths absolute, as a worker gets it; its training may take `train_limit_s` CPU seconds."""

    job: Job
    settings: TrainingSettings
    train_limit_s: float
