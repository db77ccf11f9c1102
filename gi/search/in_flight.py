"""The evaluations that are under way: submitted, not yet recorded."""

import math
from collections.abc import Callable, Collection
from concurrent.futures import FIRST_COMPLETED, Future, wait

from gi.core.protocols import Job
from gi.core.types import Failed, Outcome, Scored
from gi.search.stopping import Interrupted

# Waiting without end would leave Ctrl-C unanswered until a training ends, which may take minutes.
_POLL_S = 0.2
GRACE_S = 2.0  # for what runs at the first Ctrl-C: enough for an evaluation on digits to end


class Evaluations:
    """Jobs in the executor. `record` gets each outcome as it arrives, in the thread that calls `collect`.

    A job whose worker was killed from outside is run a second time before its failure counts.
    """

    def __init__(
        self,
        submit: Callable[[Job], "Future[Outcome]"],
        record: Callable[[Job, Outcome], None],
        stop_requested: Callable[[], bool],
    ) -> None:
        """Takes the executor's `submit`, what to do with an outcome, and whether the user asked to stop."""
        self._submit, self._record, self._stop_requested = submit, record, stop_requested
        self._running: dict[Future[Outcome], tuple[Job, float]] = {}
        self._repeated: set[Job] = set()

    def submit(self, job: Job, *, expected_s: float = 0.0) -> None:
        """Submits a job with an estimate of `expected_s` CPU seconds."""
        self._running[self._submit(job)] = job, expected_s

    def __len__(self) -> int:
        return len(self._running)

    @property
    def expected_s(self) -> float:
        """The summed estimates of all running jobs in CPU seconds, including what they have used already."""
        return sum(expected_s for _, expected_s in self._running.values())

    def wait_for(self, condition: Callable[[], bool]) -> bool:
        """Collects until `condition` is true or no job runs; returns the condition. Raises `Interrupted`."""
        while not (met := condition()) and self._running:
            self.collect(_POLL_S)
        return met

    def collect(self, timeout_s: float = 0.0) -> None:
        """Records the jobs that ended, waiting at most `timeout_s` for the first. Raises `Interrupted`."""
        self._record_ended(timeout_s)
        if self._stop_requested():
            raise Interrupted

    def finish(self) -> None:
        """Waits until every job has ended. Raises `Interrupted`."""
        while self._running:
            self.collect(_POLL_S)

    def take_back(self) -> None:
        """Cancels the jobs that no worker has started."""
        for future in [future for future in self._running if future.cancel()]:
            del self._running[future]

    def settle(self) -> None:
        """After an interruption: cancels what has not started, and waits `GRACE_S` for the running jobs."""
        self.take_back()
        wait(self._running, timeout=GRACE_S)
        self._record_ended(0.0)
        # A job without a record is submitted again by a resumed run, under the same seed.
        self._running.clear()

    def _record_ended(self, timeout_s: float) -> None:
        ended, _ = wait(self._running, timeout=timeout_s, return_when=FIRST_COMPLETED)
        for future in ended:
            (job, expected_s), outcome = self._running.pop(future), future.result()
            if _killed_from_outside(outcome) and job not in self._repeated:
                self._repeated.add(job)
                self.submit(job, expected_s=expected_s)
            else:
                self._record(job, outcome)


def _killed_from_outside(outcome: Outcome) -> bool:
    """Whether SIGKILL ended a worker that was within its limits.

    The candidate may be the cause (the kernel's out-of-memory killer) or not (a user ends the process tree, workers
    first): if it happens twice, it is taken for the cause.
    """
    return isinstance(outcome, Failed) and outcome.reason == "crashed" and "SIGKILL" in outcome.detail


def checked(outcome: Outcome, keys: Collection[str]) -> Outcome:
    """The outcome, or a failure where a scored one lacks one of the objectives `keys` or has a value not finite."""
    if isinstance(outcome, Scored):
        # Figures come from a worker that ran a stranger's code, and a NaN row would be pymoo's first front.
        bad = [f"{key} is {outcome.values.get(key)}" for key in keys if not _finite(outcome.values.get(key))]
        if bad or not all(map(math.isfinite, outcome.values.values())):
            return Failed("measure", "not finite", "; ".join(bad), outcome.cost, outcome.cached)
    return outcome


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
