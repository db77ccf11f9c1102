"""The driver's side of the check worker: sends a text, gets a `Trace` or a `Stopped` within milliseconds."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from gi.core.errors import WorkerError
from gi.core.protocols import Signature
from gi.core.trace import Answer, Stopped, answer_from_json
from gi.core.types import Task
from gi.sandbox.warm_worker import WarmWorker, WorkerDied, WorkerTimeout
from gi.source.gate.passing import STRICT, Gate, stage_and_reason
from gi.trace.classes.client import refused_class

_TARGET = "gi.trace.service:handle"
_MAX_REMEMBERED = 256  # texts: an offspring that was accepted is a parent soon


class CheckWorker:
    """Runs programs on meta tensors in a confined process; the driver never imports them, nor torch.

    `entry` is an expression over the program's names that builds the network: "Net", "ResNet18", "VGG('VGG11')".
    A program that crashes or does not end costs one process and gives `Stopped`; so does one that the `gate` refuses,
    without being run. After a program that only the user's trust lets pass, the process ends, since state that it left
    there could affect later programs. `with_recipe` requires a recipe that works. Use as a context manager.
    """

    def __init__(
        self,
        *,
        entry: str = "Net",
        with_recipe: bool = True,
        gate: Gate = STRICT,
        wall_limit_s: float = 20.0,
        memory_mb: int = 2048,
    ) -> None:
        self.entry, self.with_recipe, self.gate = entry, with_recipe, gate
        self.cpu_s = 0.0
        self._worker = WarmWorker(_TARGET, wall_limit_s=wall_limit_s, memory_mb=memory_mb)
        self._answers: dict[tuple[str, Task, str], Answer] = {}
        self._signatures: dict[str, Signature | None] = {}
        self._blocks: dict[tuple[str, str], Mapping[str, Any]] = {}

    def __call__(self, text: str, task: Task, *, entry: str | None = None) -> Answer:
        """Runs the network of `entry` (default `self.entry`) and the recipe on meta tensors; answers are cached."""
        entry = self.entry if entry is None else entry
        key = (text, task, entry)
        if key not in self._answers:
            answer = self._checked(text, task, entry)
            # A crash or a timeout may be temporary, so it is not cached.
            if isinstance(answer, Stopped) and answer.stage == "worker":
                return answer
            # All at once, for simplicity: texts that are still in use are added by their next check.
            if len(self._answers) >= _MAX_REMEMBERED:
                self._answers.clear()
            self._answers[key] = answer
        return self._answers[key]

    def _checked(self, text: str, task: Task, entry: str) -> Answer:
        refusal = self.gate.refusal(text, entry)
        if refusal is not None:
            return Stopped(*stage_and_reason(refusal), refusal.line, refusal.description)
        try:
            return self._traced(text, task, entry)
        # A timeout is not repeated, since that would cost as long again; a crash costs milliseconds.
        except WorkerTimeout as error:
            return Stopped("worker", "timeout", 0, str(error))
        except WorkerDied:
            return self._traced_again(text, task, entry)
        except WorkerError as error:  # an unforeseen error of the tracer costs this program, not the run
            return Stopped("forward", "cannot be followed", 0, str(error).partition(" failed: ")[2] or str(error))

    def _traced(self, text: str, task: Task, entry: str) -> Answer:
        arguments = text, list(task.input_shape), task.num_classes, entry, self.with_recipe
        return answer_from_json(self._run_of(text, entry, "trace", *arguments))

    def _traced_again(self, text: str, task: Task, entry: str) -> Answer:
        """Tries again in a fresh process: the first may have been killed from outside."""
        try:
            return self._traced(text, task, entry)
        except (WorkerTimeout, WorkerDied) as error:
            return Stopped("worker", "crash", 0, str(error))

    def signature(self, symbol: str) -> Signature | None:
        """The parameters of a class or function of torch or torchvision: see `gi.core.protocols.Lookup`."""
        if symbol not in self._signatures:
            given = self._call("signature", symbol)
            self._signatures[symbol] = None if given is None else tuple((name, needed) for name, needed in given)
        return self._signatures[symbol]

    def counterpart(self, symbol: str) -> str | None:
        """The layer class of a function, or the function of a layer class."""
        return self._counterparts.get(symbol)

    def block(self, source: str, name: str, calls: Sequence[object]) -> Mapping[str, Any]:
        """The properties of the class `name` of a text as a block, or {"reason", "detail"}; each is tried once."""
        refusal = self.gate.refusal(source, name)
        if refusal is not None:
            return refused_class(refusal)
        if (source, name) not in self._blocks:
            self._blocks[source, name] = self._tried(source, name, calls)
        return self._blocks[source, name]

    def _tried(self, source: str, name: str, calls: Sequence[object]) -> Mapping[str, Any]:
        arguments = source, name, "block", source, name, list(calls)
        try:
            try:
                answer: Mapping[str, Any] = self._run_of(*arguments)
            except WorkerDied:  # the first process may have been killed from outside
                answer = self._run_of(*arguments)
        except (WorkerTimeout, WorkerDied) as error:
            return {"reason": "cannot be tried", "detail": str(error)}
        return answer

    @cached_property
    def _counterparts(self) -> dict[str, str]:
        return dict(self._call("counterparts"))

    def _run_of(self, text: str, entry: str, verb: str, *args: Any) -> Any:
        """The answer of a call that runs a program; the process ends after a program that needed trust."""
        return self._call(verb, *args, ends=not self.gate.vouches(text, entry))

    def _call(self, verb: str, *args: Any, ends: bool = False) -> Any:
        ask = self._worker.last_call if ends else self._worker.call
        answer = ask(verb, *args)
        self.cpu_s += answer["cpu_s"]
        return answer["value"]

    def close(self) -> None:
        """Ends the process."""
        self._worker.close()

    def __enter__(self) -> "CheckWorker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
