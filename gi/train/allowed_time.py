"""How long a job may take: its training by the images that it presents, the rest of its worker by a fixed allowance."""

from gi.core.protocols import Job
from gi.core.settings import PACE_IMAGES, WALL_FOR_CPU, RunConfig

_LEAST_S = 2.0  # below this a start that is slow once decides
_NO_LIMIT_S = 600.0  # for a training without a limit of its own
ALLOWANCE_S = 5.0  # beside the training: building, scoring, measuring
_MODEL_CLOCK_FACTOR = 5.0  # with a cost model the clock must not decide, so its limit only stops what hangs


def training_limit_s(config: RunConfig, job: Job) -> float:
    """The CPU seconds that a job's training may take.

    In proportion to its images what `PACE_IMAGES` of them may take, by the job's own `cpu_limit_s` or else by the
    run's, but at least 2.
    """
    pace_s = config.cpu_limit_s if job.cpu_limit_s is None else job.cpu_limit_s
    if pace_s is None:
        return _NO_LIMIT_S * _longer(job)
    return max(_LEAST_S, pace_s * job.images / PACE_IMAGES)


def worker_limit_s(config: RunConfig, train_limit_s: float) -> float:
    """The CPU seconds after which a job's worker is killed, given what its training may take."""
    slack = _MODEL_CLOCK_FACTOR if config.clock == "model" else 1.0
    return train_limit_s * slack + ALLOWANCE_S


def wall_limit_s(config: RunConfig, job: Job, train_limit_s: float) -> float:
    """The seconds after which a job's worker is killed, whatever its CPU has done."""
    known_s = config.wall_limit_s * _longer(job)
    return known_s if config.cpu_limit_s is not None else max(known_s, WALL_FOR_CPU * train_limit_s)


def _longer(job: Job) -> float:
    return max(1.0, job.images / PACE_IMAGES)
