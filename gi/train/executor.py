"""Evaluates jobs on this machine: a fresh confined process for each, as many at a time as there are slots."""

import dataclasses
import re
import signal
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args

from gi.core.errors import ConfigError, SourceError, WorkerError
from gi.core.protocols import CostModel, Job
from gi.core.settings import RunConfig
from gi.core.types import Cost, Failed, Outcome, Stage
from gi.data.dataset import Dataset, open_dataset
from gi.sandbox.isolation import Reach
from gi.sandbox.limits import Limits
from gi.sandbox.messages import PeerGoneError, receive, send
from gi.sandbox.server import START_LIMIT_S, Child, Exit, ForkServer, ServerDied, warm_server
from gi.train.allowed_time import training_limit_s, wall_limit_s, worker_limit_s
from gi.train.answer import is_amount, measured_names, told_outcome
from gi.train.request import Request, TrainingSettings

_RUN = "gi.train.job:run"
_PROBE = "gi.train.job:probe_device"


class LocalExecutor:
    """A `seams.Executor` for this machine. Close it with `shutdown`, or use it as a context manager.

    With a `cost_model`, or with `config.clock` "model", no clock's value enters `Scored.values`. What a job may take is
    in `gi.train.allowed_time`. `donors` is a pack of networks to start trainings from (`gi.kernels.donors.pack`).
    Raises `ConfigError` for a device that is not there.
    """

    def __init__(
        self,
        dataset: Dataset,
        config: RunConfig,
        *,
        workers: int,
        cost_model: CostModel | None = None,
        donors: Path | None = None,
    ) -> None:
        if workers < 1:
            raise ConfigError(f"workers is {workers}: it must be at least 1.")
        self._dataset = dataset
        self._config = config
        self._cost_model = cost_model
        self._settings = training_settings(dataset, config, cost_model, donors)
        self._capacity = workers
        self._live: set[Child] = set()
        self._lock = threading.Lock()
        self._closed = False
        self._users = ExitStack()
        self._server = self._users.enter_context(warm_server())
        try:
            _check_device(config.device, self._server)
            self._server.start()
        except BaseException:
            self._users.close()
            raise
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="gi-evaluate")

    @property
    def capacity(self) -> int:
        """How many jobs run at once."""
        return self._capacity

    def submit(self, job: Job) -> "Future[Outcome]":
        """The outcome of a job, when it is known; a failure of the candidate is a value.

        The future raises only where no candidate could be judged: `WorkerError`, `DatasetError`, `CancelledError`.
        """
        return self._pool.submit(self._evaluate, job)

    def shutdown(self) -> None:
        """Kills what is running and lets go of every process; what was not finished raises `CancelledError`."""
        with self._lock:
            self._closed = True
            for child in self._live:
                child.kill()
        self._pool.shutdown(cancel_futures=True)
        self._users.close()

    def __enter__(self) -> "LocalExecutor":
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()

    def _evaluate(self, job: Job) -> Outcome:
        for _ in range(2):
            try:
                return self._run(job)
            except ServerDied:  # by chance or by this candidate: the second time it was the candidate
                if self._closed:
                    raise CancelledError from None
        return Failed("worker", "server died", "the worker server ended twice while this candidate ran")

    def _run(self, job: Job) -> Outcome:
        train_limit_s = training_limit_s(self._config, job)
        process_limit_s = worker_limit_s(self._config, train_limit_s)
        with self._forked(job, process_limit_s) as child:
            start = time.monotonic()
            try:
                deadline = start + wall_limit_s(self._config, job, train_limit_s)
                answer, stage, end = self._converse(child, job, deadline, train_limit_s)
            finally:
                with self._lock:
                    self._live.discard(child)
            if self._closed:
                raise CancelledError
        wall_s = time.monotonic() - start
        if isinstance(answer, str):
            return _casualty(answer, stage, end, cpu_limit_s=process_limit_s, wall_s=wall_s)
        return self._outcome(answer, job, end, wall_s)

    def _forked(self, job: Job, cpu_limit_s: float) -> Child:
        config = self._config
        limits = Limits(config.memory_limit_mb, cpu_limit_s, config.device)
        child = self._server.fork(_RUN, limits, self._reach(job))
        with self._lock:
            self._live.add(child)
            if self._closed:
                child.kill()
        return child

    def _converse(self, child: Child, job: Job, deadline: float, train_limit_s: float) -> tuple[Any, Stage, Exit]:
        """The worker's last message, or in one word why there is none; the stage it was in; how it ended."""
        stage: Stage = "build"
        answer: Any = "ended"
        try:
            send(child.connection, dataclasses.asdict(Request(_located(job), self._settings, train_limit_s)))
            while True:
                message = receive(child.connection, deadline)
                if not isinstance(message, dict) or "stage" not in message:
                    answer = message if isinstance(message, dict) else {}
                    break
                stage = message["stage"] if message["stage"] in get_args(Stage) else stage
        except TimeoutError:
            answer = "timeout"
        except PeerGoneError:
            pass
        if answer != "ended":
            child.kill()
        return answer, stage, _await_end(child)

    def _reach(self, job: Job) -> Reach:
        """What a job may touch: it reads its data set, its donors and its parent's weights, and writes its own."""
        read = (self._dataset.path.absolute(), self._settings.donors, job.inherit_from)
        written = () if job.weights_path is None else (str(Path(job.weights_path).absolute().parent),)
        for folder in written:
            with suppress(OSError):  # the worker says what is wrong when it comes to write
                Path(folder).mkdir(parents=True, exist_ok=True)  # only what is there can be within reach
        return Reach(tuple(str(Path(path).absolute()) for path in read if path is not None), written)

    def _outcome(self, answer: Mapping[str, Any], job: Job, end: Exit, wall_s: float) -> Outcome:
        """What an answer says, with what the driver knows itself."""
        cost = _cost(answer.get("cost"), end, wall_s)
        told = told_outcome(answer, measured_names(job.split), cost)
        if told is None:
            return Failed("worker", "no valid answer", "the worker's answer lacks a finite value", cost)
        if isinstance(told, Failed):
            if told.stage == "worker":
                open_dataset(self._dataset.path)  # raises where the data set went away: no candidate can be judged then
            return told
        known = {**told.values, "size": float(_size(job.text, self._config.entry))}
        if self._cost_model is not None:
            known |= self._cost_model(job)
        return dataclasses.replace(told, values=known)


def training_settings(
    dataset: Dataset, config: RunConfig, cost_model: CostModel | None = None, donors: Path | None = None
) -> TrainingSettings:
    """What of a run's settings a worker needs to know."""
    return TrainingSettings(
        dataset_path=str(dataset.path.absolute()),
        batch_size=config.batch_size,
        clock=config.clock if cost_model is None else "model",
        device=config.device,
        entry=config.entry,
        donors=_absolute(donors),
        metric=config.metric,
    )


def _located(job: Job) -> Job:
    """The job with its paths as the worker finds them, whose folder is another one."""
    return dataclasses.replace(job, weights_path=_absolute(job.weights_path), inherit_from=_absolute(job.inherit_from))


def _absolute(path: str | Path | None) -> str | None:
    return None if path is None else str(Path(path).absolute())


def _await_end(child: Child) -> Exit:
    try:
        return child.wait()
    except TimeoutError:
        child.kill()
        return child.wait()


def _casualty(answer: str, stage: Stage, end: Exit, *, cpu_limit_s: float, wall_s: float) -> Failed:
    """The record of a worker that gave no answer."""
    cost = Cost(cpu_s=end.cpu_s, wall_s=wall_s)
    if answer == "timeout":
        return Failed(stage, "wall limit", f"killed after {wall_s:.1f} s, in the stage {stage}", cost)
    if end.code == -signal.SIGXCPU or (end.code == -signal.SIGKILL and end.cpu_s >= cpu_limit_s):
        return Failed(stage, "cpu limit", f"killed after {end.cpu_s:.1f} CPU seconds, in the stage {stage}", cost)
    reason = "crashed" if end.code < 0 else "exited"
    return Failed(stage, reason, f"{end.words} in the stage {stage}", cost)


def _cost(reported: Any, end: Exit, wall_s: float) -> Cost:
    """The process's CPU seconds are the kernel's; how they divide is the worker's word, taken where it can be."""
    parts = reported if isinstance(reported, list) and len(reported) == 2 and all(map(is_amount, reported)) else (0, 0)
    train_s, measure_s = (min(float(part), end.cpu_s) for part in parts)
    return Cost(train_s, measure_s, end.cpu_s, wall_s)


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


def _check_device(device: str, server: ForkServer) -> None:
    if device == "cpu":
        return
    if not re.fullmatch(r"cuda(:\d+)?", device):
        raise ConfigError(f"unknown device {device!r}: choose cpu, cuda or cuda:N.")
    limits = Limits(memory_mb=8192, device=device)
    try:
        with server.fork(_PROBE, limits) as child:
            send(child.connection, device)
            reason = receive(child.connection, time.monotonic() + START_LIMIT_S)
    except (PeerGoneError, TimeoutError, ServerDied, WorkerError) as error:
        reason = str(error)
    if reason:
        raise ConfigError(f"the device {device} cannot be used ({reason}): use cpu, or see `gi doctor`.")
