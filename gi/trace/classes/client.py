"""Trying module classes as the driver sees it: a module's text goes in, what the class is as a block comes out."""

from collections.abc import Mapping, Sequence
from typing import Any

from gi.core.errors import WorkerError
from gi.sandbox.warm_worker import WarmWorker, WorkerDied, WorkerTimeout
from gi.source.gate.passing import STRICT, Gate
from gi.source.gate.refusal import GateRefusal

_TARGET = "gi.trace.classes.trial:handle"


class TrialWorker:
    """Tries classes in a confined process; the driver never imports them, nor torch. Use as a context manager.

    A class whose text the `gate` refuses is not tried; one that passes by the user's word alone is the last of its
    process.
    """

    def __init__(self, *, gate: Gate = STRICT, wall_limit_s: float = 60.0, memory_mb: int = 2048) -> None:
        self.cpu_s, self.gate = 0.0, gate
        self._worker = WarmWorker(_TARGET, wall_limit_s=wall_limit_s, memory_mb=memory_mb, recycle_after=200)

    def __call__(self, source: str, name: str, calls: Sequence[object] = ()) -> Mapping[str, Any]:
        """What the class `name` is as a block (see `gi.trace.classes.trial`), or {"reason", "detail"}."""
        refusal = self.gate.refusal(source, name)
        if refusal is not None:
            return refused_class(refusal)
        ask = self._worker.call if self.gate.vouches(source, name) else self._worker.last_call
        try:
            answer = ask("block", source, name, list(calls))
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


def refused_class(refusal: GateRefusal) -> Mapping[str, Any]:
    """The answer for a class that was not tried: the reason names the rule of the gate."""
    return {"reason": f"refused by the gate: {refusal.rule}", "detail": f"line {refusal.line}, {refusal.told}"}
