"""Evaluates jobs on the machines of a Ray cluster: an actor for each slot, around that machine's own local executor.

A node that dies costs what ran on it. The next slot that is free does that again and comes to the same: an outcome
depends on its job alone.
"""

import contextlib
import dataclasses
import itertools
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, PriorityQueue

from gi.core.errors import ConfigError, GiError, WorkerError
from gi.core.protocols import CostModel, Job
from gi.core.settings import RunConfig
from gi.core.types import Failed, Outcome, Scored
from gi.data.dataset import Dataset
from gi.sandbox.isolation import chosen_isolation
from gi.source.gate.passing import STRICT, Gate, refused_outcome
from gi.train.cluster.remote import RemoteSlot, SlotLostError
from gi.train.cluster.shipping import ParentWeights, shipped
from gi.train.cluster.slot import Equipment, Installed, installed_versions
from gi.train.evaluation import write_weights

_PLACE_LIMIT_S = 900.0  # for the first slot: an autoscaler that rents a machine and sets it up takes minutes
_MOST_LOSSES = 3  # of slots under one job: by then it is the job that ends them
_BEHIND_ALL = 1 << 62

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Task:
    job: Job
    future: "Future[Outcome]"
    losses: int = 0

    def begin(self) -> bool:
        """Whether it is still to be done: its future may have been cancelled while it waited."""
        return bool(self.losses) or self.future.set_running_or_notify_cancel()

    def cancel(self) -> None:
        if not self.future.cancel():
            self.future.set_exception(CancelledError())


class RayExecutor:
    """A `seams.Executor` for the cluster that Ray is connected to (`gi.train.cluster.connection`).

    Takes what `LocalExecutor` takes; `workers` is the number of slots, each of which is one CPU, and one GPU where
    `config.device` is "cuda". They may be more than the cluster has yet: Ray places them as nodes come. This process
    alone writes weights. Close it with `shutdown`, or use it as a context manager. Raises `ConfigError` where no slot
    is available.
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
    ) -> None:
        if config.device not in ("cpu", "cuda"):
            raise ConfigError(f"--device {config.device}: on a cluster Ray gives each slot its GPU. Pass cuda.")
        self._entry, self._gate, self._cost_model = config.entry, gate, cost_model
        self._waiting: PriorityQueue[tuple[int, _Task | None]] = PriorityQueue()
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._closed = False
        self._fault: Exception | None = None  # why there is no slot left
        self._ready = threading.Event()
        self._warned: set[str] = set()
        self._parents = ParentWeights()
        equipment = _equipment(dataset, config, cost_model, donors, gate)
        self._slots = [RemoteSlot(equipment, gpus=int(config.device == "cuda")) for _ in range(workers)]
        self._serving = workers
        self._threads = [
            threading.Thread(target=self._serve, args=(slot,), name=f"gi-slot-{n}", daemon=True)
            for n, slot in enumerate(self._slots)
        ]
        for thread in self._threads:
            thread.start()
        try:
            self._wait_for_a_slot(config.device)
        except BaseException:
            self.shutdown()
            raise

    @property
    def capacity(self) -> int:
        """How many jobs run at once when all slots have their place."""
        return len(self._slots)

    def submit(self, job: Job) -> "Future[Outcome]":
        """The outcome of a job, when it is known; a failure of the candidate is a value.

        The future raises only where no candidate could be judged: `WorkerError`, `DatasetError`, `CancelledError`.
        """
        future: Future[Outcome] = Future()
        refusal = self._gate.refusal(job.text, self._entry)
        if refusal is not None:
            future.set_result(refused_outcome(refusal))
            return future
        self._waiting.put((next(self._numbers), _Task(job, future)))
        # After the task was put: if the last slot ended in between, no thread would end the task.
        if self._closed or self._fault is not None:
            self._drain()
        return future

    def shutdown(self) -> None:
        """Kills running jobs and gives all slots back; the futures of unfinished jobs raise `CancelledError`."""
        self._closed = True
        for slot in self._slots:
            slot.kill()
        self._drain()
        for n, _ in enumerate(self._threads):
            self._waiting.put((_BEHIND_ALL + n, None))
        for thread in self._threads:
            thread.join()
        self._drain()

    def __enter__(self) -> "RayExecutor":
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()

    def _wait_for_a_slot(self, device: str) -> None:
        if not self._ready.wait(_PLACE_LIMIT_S):
            what = "1 CPU" if device == "cpu" else "1 CPU and 1 GPU"
            raise ConfigError(f"the cluster had no room for a slot ({what}) within {_PLACE_LIMIT_S / 60:.0f} minutes.")
        if self._fault is not None:
            raise self._fault

    # -------------------------------------------------------------------------------------- the thread of each slot

    def _serve(self, slot: RemoteSlot) -> None:
        """The life of a slot: it does what waits longest, and is started anew where it was lost."""
        try:
            while not self._closed:
                installed = slot.start()
                self._tell_missing_layers(installed)
                self._ready.set()
                self._work(slot, installed)
        except CancelledError:
            return
        except Exception as error:  # of the node or the cluster: other slots may do without it
            self._give_up(error)

    def _work(self, slot: RemoteSlot, installed: Installed) -> None:
        """Does one task after the other until the slot is lost, or nothing will come any more."""
        while True:
            number, task = self._waiting.get()
            if task is None:
                return
            if not task.begin():
                continue
            try:
                task.future.set_result(self._outcome(slot, task.job))
            except SlotLostError:
                self._tell(f"{installed.node} is lost; what ran there is done again.")
                self._hand_on(number, task)
                return
            except BaseException as error:
                task.future.set_exception(error)

    def _outcome(self, slot: RemoteSlot, job: Job) -> Outcome:
        parent = None if job.inherit_from is None else self._parents.ref(job.inherit_from)
        delivery = slot.evaluate(job, parent)
        if self._closed:
            raise CancelledError
        if job.weights_path is not None and delivery.weights is not None:
            write_weights(Path(job.weights_path), delivery.weights)
        outcome = delivery.outcome
        if self._cost_model is None or not isinstance(outcome, Scored):
            return outcome
        return dataclasses.replace(outcome, values={**outcome.values, **self._cost_model(job)})

    def _hand_on(self, number: int, task: _Task) -> None:
        task.losses += 1
        if task.losses < _MOST_LOSSES:
            self._waiting.put((number, task))  # under its number, and so before all that waits
            return
        detail = f"{task.losses} slots of the cluster were lost while this candidate ran"
        task.future.set_result(Failed("worker", "slots lost", detail))

    def _give_up(self, error: Exception) -> None:
        """Goes on without a slot; without any slot at all nothing can be judged any more."""
        self._tell(str(error) if isinstance(error, GiError) else f"the cluster gives no slot: {error}")
        with self._lock:
            self._serving -= 1
            if self._serving:
                return
        self._fault = error if isinstance(error, GiError) else WorkerError(_GONE.format(error))
        self._ready.set()
        self._drain()

    def _drain(self) -> None:
        """Ends what waits without an outcome."""
        for task in self._left():
            if self._fault is None:
                task.cancel()
            elif task.begin():
                task.future.set_exception(self._fault)

    def _left(self) -> Iterator[_Task]:
        with contextlib.suppress(Empty):
            while (item := self._waiting.get_nowait())[1] is not None:
                yield item[1]
            self._waiting.put(item)  # behind all tasks: it is for a thread that has to end

    def _tell_missing_layers(self, installed: Installed) -> None:
        if installed.missing_layers:
            lacking = ", ".join(f"{name} ({why})" for name, why in installed.missing_layers.items())
            self._tell(f"programs run with less isolation on {installed.node}, which lacks {lacking}.")

    def _tell(self, line: str) -> None:
        """Logs each warning once, since the slots of a node give the same ones."""
        if line not in self._warned and not self._closed:
            self._warned.add(line)
            logger.warning("gi: %s", line)


_GONE = "no slot of the cluster is left ({}). What was done is kept: go on by `gi evolve --resume`."


def _equipment(
    dataset: Dataset, config: RunConfig, cost_model: CostModel | None, donors: Path | None, gate: Gate
) -> Equipment:
    return Equipment(
        # A caller's cost model stays here, where its function is; on the nodes no clock has a part then, either.
        config=config if cost_model is None else dataclasses.replace(config, clock="model"),
        gate=gate,
        isolation=chosen_isolation(),
        versions=installed_versions(),
        dataset=shipped(sorted(dataset.path.iterdir())),
        donors=None if donors is None else shipped([donors]),
    )
