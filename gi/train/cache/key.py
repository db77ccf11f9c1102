"""One key for all that a training's outcome depends on: trainings of equal keys have equal outcomes.

The program counts by its normal form, whose digest is an individual's id, and not by its fingerprint: that is equal,
too, for programs that define their layers in another order, which then begin with other random weights. A run's
outcomes would depend on what had been trained here before. For the same reason the processor is part of a key: sums of
floats differ between processors in the last digit, and so does what time a network takes. Times are not measured again,
which would need the trained network and, for a small one, half of what its training took.
"""

import dataclasses
import hashlib
import json
import math
import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from gi.core.errors import SourceError
from gi.core.protocols import Job
from gi.core.settings import RunConfig
from gi.core.types import Failed, Outcome
from gi.data.dataset import Dataset
from gi.sandbox.isolation import chosen_isolation
from gi.source.identity.digest import normalise
from gi.train.allowed_time import training_limit_s
from gi.train.evaluation import training_settings
from gi.train.version import TRAINER_VERSION

_PACKAGES = ("torch", "torchvision", "numpy")
_BESIDE_THE_OUTCOME = ("id", "text", "cpu_limit_s", "weights_path", "inherit_from")  # of a job; all else is in the key

#: The failures that are the program's own, whenever and wherever it is trained: what gi itself found wrong with it. An
#: exception may have come from a full disk, a limit or a crash from the machine's load.
PROGRAM_FAILURES = frozenset({
    "syntax error", "not a module", "too large", "undefined name", "missing attribute", "wrong arguments",
    "wrong value", "output is no tensor", "wrong output shape", "no recipe", "not four parts", "no optimizer",
    "no scheduler", "no loss", "no augmentation", "wrong augmentation", "parameters left out", "loss is no scalar",
    "no gradient", "nan",
})  # fmt: skip


class OutcomeKeys:
    """The keys of a run's jobs, and which outcomes may be kept under them and taken from there."""

    def __init__(self, dataset: Dataset, config: RunConfig) -> None:
        """Takes what all jobs of a run share. A data set without a digest has no keys."""
        self._config = config
        self._shared = _shared(dataset, config) if dataset.digest else None

    def key(self, job: Job) -> str | None:
        """The key of a job; None where its outcome depends on more than a key holds.

        That is a training that starts from other networks' weights, or a text that is no program.
        """
        if self._shared is None or job.inherit_from is not None:
            return None
        try:
            program = normalise(job.text, self._config.entry)
        except SourceError:
            return None
        own = {k: v for k, v in dataclasses.asdict(job).items() if k not in _BESIDE_THE_OUTCOME}
        # By the cost model a limit decides beforehand what is too slow, by the clock the machine's load does.
        limit_s = training_limit_s(self._config, job) if self._config.clock == "model" else None
        return _digest({**self._shared, "job": own, "limit_s": limit_s, "program": program})

    def may_keep(self, outcome: Outcome) -> bool:
        """Whether the training would end like this at any time: no limit, crash or fault of the machine ended it."""
        return not isinstance(outcome, Failed) or (outcome.stage != "worker" and outcome.reason in PROGRAM_FAILURES)

    def may_take(self, job: Job, outcome: Outcome) -> bool:
        """Whether the training stayed within what this job's may take."""
        limit_s = math.inf if self._config.clock == "model" else training_limit_s(self._config, job)
        return outcome.cost.train_cpu_s <= limit_s


def _shared(dataset: Dataset, config: RunConfig) -> Mapping[str, Any]:
    return {
        "trainer": TRAINER_VERSION,
        "data": dataset.digest,
        "settings": dataclasses.asdict(training_settings(config)),
        "memory_mb": config.memory_limit_mb,
        "isolation": chosen_isolation(),
        "versions": [platform.python_version(), *map(_version, _PACKAGES)],
        "processors": [_processor(), *(_gpus() if config.device != "cpu" else ())],
    }


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


@cache
def _processor() -> str:
    """The processor's model, as exactly as the system names it."""
    return _first_value(Path("/proc/cpuinfo"), "model name") or platform.processor() or platform.machine()


def _gpus() -> list[str]:
    return [_first_value(path, "Model") for path in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))]


def _first_value(path: Path, name: str) -> str:
    """The value of the first line "NAME : VALUE"; "" for none."""
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return next((value.strip() for key, _, value in (line.partition(":") for line in lines) if key.strip() == name), "")
