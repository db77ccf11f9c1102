"""The driver's messages with one worker process of a job: each call returns what was asked for or raises."""

import signal
import time
from collections.abc import Mapping
from typing import Any, get_args

from gi.core.types import Stage
from gi.sandbox.messages import PeerGoneError, receive, receive_bytes, send, send_bytes
from gi.sandbox.process_cpu import resting_cpu_s, rests
from gi.sandbox.server import Child, Exit
from gi.sandbox.wall_limit import WallLimit
from gi.train.shown_images import ShownImages

_REST_S = 5.0  # beside a load of 16 a process waits tenths of a second for its turn to wait
_END_S = 30.0  # a process that closed its connection may take so long to end


class JobFailure(Exception):  # noqa: N818 (it is a value, on its way to one place)
    """Why a job has no score: the stage, a short stable `reason`, and the `detail` of this time."""

    def __init__(self, stage: Stage, reason: str, detail: str) -> None:
        super().__init__(stage, reason, detail)
        self.stage: Stage = stage
        self.reason = reason
        self.detail = detail


class Conversation:
    """Messages to and from a `child` that runs a program: everything that it sends is checked.

    All of it may take `wall_limit_s`; `cpu_limit_s` is what the kernel lets the child use. Each method raises
    `JobFailure` where the child fails or ends, `ServerDied` where the server cannot report it.
    """

    def __init__(self, child: Child, *, cpu_limit_s: float, wall_limit_s: float) -> None:
        self.stage: Stage = "build"
        self._child = child
        self._start = time.monotonic()
        self._deadline = WallLimit(wall_limit_s, child.pid)
        self._cpu_limit_s = cpu_limit_s

    @property
    def wall_s(self) -> float:
        """The seconds since it began, but for those in which a stop kept it from going on."""
        return time.monotonic() - self._start - self._deadline.moved_s

    def send(self, message: Mapping[str, Any]) -> None:
        """Sends a message."""
        try:
            send(self._child.connection, message)
        except PeerGoneError:
            raise self._casualty() from None

    def send_bytes(self, content: bytes) -> None:
        """Sends bytes."""
        try:
            send_bytes(self._child.connection, content)
        except PeerGoneError:
            raise self._casualty() from None

    def hand_over(self, images: ShownImages) -> None:
        """Gives the child the memory in which it will be shown images."""
        try:
            images.give_to(self._child.connection)
        except OSError:
            raise self._casualty() from None

    def answer(self) -> Mapping[str, Any]:
        """The next message; a stage that it names is entered, a failure raised."""
        try:
            message = receive(self._child.connection, self._deadline)
        except TimeoutError:
            raise self._too_late() from None
        except PeerGoneError:
            raise self._casualty() from None
        if not isinstance(message, dict):
            raise no_valid_answer("it is no object")
        failed = message.get("failed")
        if isinstance(failed, list) and len(failed) == 3 and failed[0] in get_args(Stage):
            raise JobFailure(failed[0], str(failed[1])[:80], str(failed[2])[:1000])
        if message.get("stage") in get_args(Stage):
            self.stage = message["stage"]
        return message

    def content(self, largest: int) -> bytes:
        """The bytes that follow a message, at most `largest`."""
        try:
            return receive_bytes(self._child.connection, largest, self._deadline)
        except TimeoutError:
            raise self._too_late() from None
        except PeerGoneError:
            raise self._casualty() from None

    def cpu_s(self) -> float:
        """The CPU seconds that the child has used by the kernel's account; wall seconds where the system has none."""
        used_s = resting_cpu_s(self._child.pid)
        return self.wall_s if used_s is None else used_s

    def resting_cpu_s(self) -> float:
        """`cpu_s` of a child that has answered, to the microsecond. Raises `JobFailure` for one that goes on.

        What it goes on with is not booked yet: read now, an answer would seem to have cost less than it did.
        """
        if not rests(self._child.pid, _REST_S):
            raise JobFailure(self.stage, "does not rest", f"after its answer, for {_REST_S:g} s")
        return self.cpu_s()

    def end(self) -> Exit:
        """Kills the child; returns how it ended and its CPU seconds."""
        self._child.kill()
        return self._ended()

    def _ended(self) -> Exit:
        try:
            return self._child.wait(_END_S)
        except TimeoutError:
            self._child.kill()
            return self._child.wait()

    def _too_late(self) -> JobFailure:
        self.end()
        took = f"killed after {self.wall_s:.1f} s, in the stage {self.stage}"
        return JobFailure(self.stage, "wall limit", took)

    def _casualty(self) -> JobFailure:
        """The failure of a child that gave no answer."""
        end = self._ended()
        if end.code == -signal.SIGXCPU or (end.code == -signal.SIGKILL and end.cpu_s >= self._cpu_limit_s):
            detail = f"killed after {end.cpu_s:.1f} CPU seconds, in the stage {self.stage}"
            return JobFailure(self.stage, "cpu limit", detail)
        reason = "crashed" if end.code < 0 else "exited"
        return JobFailure(self.stage, reason, f"{end.words} in the stage {self.stage}")


def no_valid_answer(why: str) -> JobFailure:
    """The failure of a child that sent something else than it was asked for."""
    return JobFailure("worker", "no valid answer", f"the worker's answer lacks a finite value: {why}")
