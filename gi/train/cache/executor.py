"""An executor that asks the cache first."""

import contextlib
import dataclasses
import json
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from gi.core.decoding import decoded
from gi.core.errors import RecordError
from gi.core.files import write_whole
from gi.core.protocols import Executor, Job
from gi.core.types import Cost, Outcome, Scored
from gi.train.answer import decoded_outcome, is_amount, measured_names
from gi.train.cache.store import LARGEST_BYTES, KeptOutcome, OutcomeCache


class Keys(Protocol):
    """Which trainings give the same, and which of their outcomes hold at any time (`gi.train.cache.key`)."""

    def key(self, job: Job) -> str | None:
        """The key of a job; None where it has none."""
        ...

    def may_keep(self, outcome: Outcome) -> bool:
        """Whether the outcome is that of the program alone."""
        ...

    def may_take(self, job: Job, outcome: Outcome) -> bool:
        """Whether the outcome may stand for this job's."""
        ...


class CachedExecutor:
    """An `Executor` that passes to another one only the jobs whose outcomes the cache does not know.

    An outcome from the cache is marked `cached`; it equals that of the training, and has the cost that this had when it
    was done. Weights that a job asks for are kept and given with its outcome. Close it with `shutdown`.
    """

    def __init__(self, executor: Executor, cache: OutcomeCache, keys: Keys) -> None:
        self._executor, self._cache, self._keys = executor, cache, keys

    @property
    def capacity(self) -> int:
        """How many jobs run at once."""
        return self._executor.capacity

    def submit(self, job: Job) -> "Future[Outcome]":
        """The outcome of a job, there at once where the cache knows it."""
        key = self._keys.key(job)
        known = None if key is None else self._known(key, job)
        if known is not None:
            future: Future[Outcome] = Future()
            future.set_result(known)
            return future
        future = self._executor.submit(job)
        if key is not None:
            future.add_done_callback(partial(self._keep, key, job))
        return future

    def shutdown(self) -> None:
        """Shuts the other executor down, then closes the cache."""
        self._executor.shutdown()
        self._cache.close()

    def _known(self, key: str, job: Job) -> Outcome | None:
        kept = self._cache.get(key)
        outcome = None if kept is None else read_outcome(kept.answer, job)
        if kept is None or outcome is None or not self._keys.may_take(job, outcome):
            return None
        if job.weights_path is not None and isinstance(outcome, Scored):
            if kept.weights is None:
                return None
            try:
                Path(job.weights_path).parent.mkdir(exist_ok=True)
                write_whole(Path(job.weights_path), kept.weights)
            except OSError:
                return None  # the training then says what is wrong with that place
        return dataclasses.replace(outcome, cached=True)

    def _keep(self, key: str, job: Job, future: "Future[Outcome]") -> None:
        if future.cancelled() or future.exception() is not None or not self._keys.may_keep(future.result()):
            return
        outcome = future.result()
        weights = _weights(job.weights_path) if isinstance(outcome, Scored) else None
        self._cache.put(key, KeptOutcome(written_outcome(outcome), weights))


def _weights(path: str | None) -> bytes | None:
    """The weights that a training wrote to `path`; None without a path, and for more bytes than the cache keeps."""
    with contextlib.suppress(OSError):
        if path is not None and Path(path).stat().st_size <= LARGEST_BYTES:
            return Path(path).read_bytes()
    return None


def written_outcome(outcome: Outcome) -> str:
    """An outcome in the form of a worker's answer, with all of its cost, as JSON."""
    answer: dict[str, Any] = {"cost": dataclasses.asdict(outcome.cost)}
    if isinstance(outcome, Scored):
        answer["values"] = dict(outcome.values)
        if outcome.diagnosis is not None:
            answer["diagnosis"] = dataclasses.asdict(outcome.diagnosis)
    else:
        answer["failed"] = [outcome.stage, outcome.reason, outcome.detail]
    return json.dumps(answer)


def read_outcome(answer: str, job: Job) -> Outcome | None:
    """The outcome that `written_outcome` wrote of a job, checked like a worker's answer: the file may be foreign."""
    try:
        stored = json.loads(answer)
        cost = decoded(Cost, stored["cost"])
    except (ValueError, RecursionError, KeyError, TypeError, RecordError):
        return None
    if not all(map(is_amount, dataclasses.astuple(cost))):
        return None
    return decoded_outcome(stored, (*measured_names(job.split), "size"), cost)
