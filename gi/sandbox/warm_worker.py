"""A worker process that answers many calls, for work too short for a process of its own."""

import contextlib
import importlib
import json
import socket
import threading
import time
from types import TracebackType
from typing import Any

from gi.core.errors import WorkerError
from gi.sandbox.isolation import Reach
from gi.sandbox.limits import Limits
from gi.sandbox.messages import PeerGoneError, receive, send
from gi.sandbox.server import NOTHING, START_LIMIT_S, Child, ServerDied, warm_server
from gi.sandbox.wall_limit import WallLimit

_SERVE = "gi.sandbox.warm_worker:serve"


class WorkerDied(Exception):  # noqa: N818 (named for what happened, as its sibling `TimeoutError` of Python is)
    """The worker process ended before it answered; the message says how."""


class WorkerTimeout(Exception):  # noqa: N818
    """The worker process did not answer within its wall limit and was killed."""


class WarmWorker:
    """A confined process that answers calls of one function, for work too short for a process of its own.

    `target` is "module:function"; arguments and result are JSON values; the process reaches the files of `reach`.
    Each call may take `wall_limit_s`. After
    `recycle_after` calls, a crash or a timeout the next call uses a fresh process. Calls from several threads take
    turns. Close it, or use it as a context manager.
    """

    def __init__(
        self,
        target: str,
        *,
        wall_limit_s: float,
        memory_mb: int,
        recycle_after: int = 1000,
        reach: Reach = NOTHING,
    ) -> None:
        self._target = target
        self._reach = reach
        self._wall_limit_s = wall_limit_s
        self._limits = Limits(memory_mb=memory_mb)
        self._recycle_after = recycle_after
        self._lock = threading.Lock()
        self._users = contextlib.ExitStack()
        self._server = self._users.enter_context(warm_server())
        self._server.start()
        self._child: Child | None = None
        self._calls = 0

    def call(self, *args: Any) -> Any:
        """What the function returns. Raises `WorkerTimeout`, `WorkerDied`, or `WorkerError` for its exception."""
        return self._called(args, ends=False)

    def last_call(self, *args: Any) -> Any:
        """As `call`; then the process ends, so that what the call left behind meets no later one."""
        return self._called(args, ends=True)

    def _called(self, args: tuple[Any, ...], *, ends: bool) -> Any:
        with self._lock:
            child = self._ready_child()
            try:
                send(child.connection, list(args))
                answer = receive(child.connection, WallLimit(self._wall_limit_s, child.pid))
            except TimeoutError:
                self._drop()
                raise WorkerTimeout(f"no answer within {self._wall_limit_s:g} s") from None
            except PeerGoneError as error:
                raise WorkerDied(self._epitaph(str(error))) from None
            if ends:
                self._drop()
        if "raised" in answer:
            raise WorkerError(f"{self._target} failed: {answer['raised']}")
        return answer["value"]

    def close(self) -> None:
        """Ends the process; calls after this are an error."""
        with self._lock:
            self._drop()
            self._users.close()

    def __enter__(self) -> "WarmWorker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ready_child(self) -> Child:
        if self._calls >= self._recycle_after:
            self._drop()
        # Twice: the first may be killed from outside before it serves, which is no word on what it is asked.
        if self._child is None and self._start() is not None and (how := self._start()) is not None:
            raise WorkerError(f"{self._target} cannot start: {how}")
        assert self._child is not None
        self._calls += 1
        return self._child

    def _start(self) -> str | None:
        """Starts the process; how it ended where it did not come to serve."""
        module = self._target.partition(":")[0]
        self._child = self._server.fork(_SERVE, self._limits, self._reach, imports=[module])
        self._calls = 0
        try:
            send(self._child.connection, self._target)
            receive(self._child.connection, time.monotonic() + START_LIMIT_S)
        except (PeerGoneError, TimeoutError) as error:
            return self._epitaph(str(error))
        return None

    def _epitaph(self, otherwise: str) -> str:
        """How the child ended, as a text; closes it."""
        child = self._child
        try:
            return child.wait(1.0).words if child is not None else otherwise
        except (TimeoutError, ServerDied):
            return otherwise
        finally:
            self._drop()

    def _drop(self) -> None:
        if self._child is not None:
            self._child.close()
            self._child = None


def serve(connection: socket.socket) -> None:
    """Runs in the child of a `WarmWorker`: answers calls until the driver's end closes."""
    module, _, name = receive(connection).partition(":")
    function = getattr(importlib.import_module(module), name)
    send(connection, "ready")
    while True:
        try:
            args = receive(connection)
        except PeerGoneError:
            return
        send(connection, _answer(function, args))


def _answer(function: Any, args: list[Any]) -> dict[str, Any]:
    try:
        value = function(*args)
        json.dumps(value)
    except Exception as error:  # the worker's edge: what the function raises goes back as text
        return {"raised": f"{type(error).__name__}: {error}"[:2000]}
    return {"value": value}
