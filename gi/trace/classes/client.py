"""The driver's side of trying module classes: sends a module's text, gets the class's properties as a block."""

from collections.abc import Mapping, Sequence
from typing import Any

from gi.core.errors import WorkerError
from gi.sandbox.warm_worker import WarmWorker, WorkerDied, WorkerTimeout
from gi.source.gate.passing import STRICT, Gate
from gi.source.gate.refusal import GateRefusal

_TARGET = "gi.trace.classes.trial:handle"


class TrialWorker:
    """Tries classes in a confined process; the driver never imports them, nor torch. Use as a context manager.

    A class whose text the `gate` refuses is not tried; after one that only the user's trust lets pass, the process
    ends.
    """

    def __init__(self, *, gate: Gate = STRICT, wall_limit_s: float = 60.0, memory_mb: int = 2048) -> None:
        self.cpu_s, self.gate = 0.0, gate
        self._worker = WarmWorker(_TARGET, wall_limit_s=wall_limit_s, memory_mb=memory_mb, recycle_after=200)

    def __call__(self, source: str, name: str, calls: Sequence[object] = ()) -> Mapping[str, Any]:
        """The properties of the class `name` as a block (`gi.trace.classes.trial`), or {"reason", "detail"}."""
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
    """The answer for a class that the gate refuses: the reason has the rule's name."""
    return {"reason": f"refused by the gate: {refusal.rule}", "detail": f"line {refusal.line}, {refusal.description}"}
