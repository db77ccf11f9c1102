"""Trying module classes as the driver sees it: a module's text goes in, what the class is as a block comes out."""

from collections.abc import Mapping, Sequence
from typing import Any

from gi.core.errors import WorkerError
from gi.sandbox.warm_worker import WarmWorker, WorkerDied, WorkerTimeout

_TARGET = "gi.trace.classes.trial:handle"


class TrialWorker:
    """Tries classes in a confined process; the driver never imports them, nor torch. Use as a context manager."""

    def __init__(self, *, wall_limit_s: float = 60.0, memory_mb: int = 2048) -> None:
        self.cpu_s = 0.0
        self._worker = WarmWorker(_TARGET, wall_limit_s=wall_limit_s, memory_mb=memory_mb, recycle_after=200)

    def __call__(self, source: str, name: str, calls: Sequence[object] = ()) -> Mapping[str, Any]:
        """What the class `name` is as a block (see `gi.trace.classes.trial`), or {"reason", "detail"}."""
        try:
            answer = self._worker.call("block", source, name, list(calls))
        except WorkerTimeout as error:
            return {"reason": "does not end", "detail": str(error)}
        except WorkerDied as error:
            return {"reason": "ends the process", "detail": str(error)}
        except WorkerError as error:
            return {"reason": "cannot be tried", "detail": str(error)}
        self.cpu_s += answer["cpu_s"]
        value: Mapping[str, Any] = answer["value"]
        return value

    def close(self) -> None:
        """Ends the process."""
        self._worker.close()

    def __enter__(self) -> "TrialWorker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
