"""Evaluates jobs on this machine: a fresh confined process for each, as many at a time as there are slots."""

import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from gi.core.errors import ConfigError, WorkerError
from gi.core.protocols import CostModel, Job
from gi.core.settings import RunConfig
from gi.core.types import Failed, Outcome
from gi.data.dataset import Dataset
from gi.sandbox.isolation import Reach
from gi.sandbox.limits import Limits
from gi.sandbox.messages import PeerGoneError, receive, send
from gi.sandbox.server import START_LIMIT_S, Child, ForkServer, ServerDied, warm_server
from gi.source.gate.passing import STRICT, Gate, refused_outcome
from gi.train.evaluation import JobEvaluation, KeepWeights

_PROBE = "gi.train.job:probe_device"


class LocalExecutor:
    """A `seams.Executor` for this machine. Close it with `shutdown`, or use it as a context manager.

    With a `cost_model`, or with `config.clock` "model", no clock's value enters `Scored.values`. What a job may take is
    in `gi.train.allowed_time`. `donors` is a pack of networks to start trainings from (`gi.kernels.donors.pack`).
    A program that the `gate` refuses is a failure, and no process is started. `keep` takes trained weights for the path
    that a job names, in place of writing them there. Raises `ConfigError` for a device that is not there.
    """

    def __init__(
        self,
        dataset: Dataset,
        config: RunConfig,
        *,
        workers: int,
        cost_model: CostModel | None = None,
        donors: Path | None = None,
        gate: Gate = STRICT,
        keep: KeepWeights | None = None,
    ) -> None:
        if workers < 1:
            raise ConfigError(f"workers is {workers}: it must be at least 1.")
        self._evaluation = JobEvaluation(dataset, config, self._forked, cost_model=cost_model, donors=donors, keep=keep)
        self._entry, self._gate = config.entry, gate
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
        # Asked here, not on the job's thread: Python 3.11 counts a tree's depth for all threads at once, and the caller
        # parses its next program meanwhile.
        refusal = self._gate.refusal(job.text, self._entry)
        if refusal is not None:
            refused: Future[Outcome] = Future()
            refused.set_result(refused_outcome(refusal))
            return refused
        return self._pool.submit(self._evaluate, job)

    def shutdown(self) -> None:
        """Kills running jobs and closes every process; the futures of unfinished jobs raise `CancelledError`."""
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
        outcome = self._evaluation.evaluate(job)
        if self._closed:
            raise CancelledError
        return outcome

    @contextmanager
    def _forked(self, target: str, limits: Limits, reach: Reach) -> Iterator[Child]:
        """A new process that ends with its context, or with `shutdown`."""
        with self._server.fork(target, limits, reach) as child:
            with self._lock:
                self._live.add(child)
                if self._closed:
                    child.kill()
            try:
                yield child
            finally:
                with self._lock:
                    self._live.discard(child)


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
