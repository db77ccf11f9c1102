"""Worker processes as the driver sees them: the warm server, shared in a process, and one forked child."""

import contextlib
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from gi.core.errors import WorkerError
from gi.sandbox.isolation import NOT_ISOLATED, Reach, chosen_isolation
from gi.sandbox.limits import Limits
from gi.sandbox.messages import wait_readable

START_LIMIT_S = 180.0
NOTHING = Reach()
_STARTER = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]); "
    "from gi.sandbox.fork_server import main; main(int(sys.argv[1]))"
)
_KEPT_VARIABLES = ("CUDA", "NVIDIA", "LD_LIBRARY_PATH", "TMPDIR", "HOME", "PATH")
# One thread each, the same hashes in every process, and no trimming of the heap: glibc gives large blocks back to the
# kernel and faults them in again at every step, which is up to a third of a small network's training time. Where the
# system allows it the heap lies in huge pages: a training touches the same large blocks again and again.
_SET_VARIABLES = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
    "MALLOC_TOP_PAD_": str(16 << 20),
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}


class ServerDied(Exception):  # noqa: N818
    """The warm server ended while a worker of it was running: no fault of that worker's task."""


@dataclass(frozen=True, slots=True)
class Exit:
    """How a worker process ended: exit status, or minus the signal's number; its CPU seconds, user and system."""

    code: int
    cpu_s: float

    @property
    def words(self) -> str:
        """How it ended, for people."""
        if self.code == NOT_ISOLATED:
            return "this system lacks a layer of isolation, and strict isolation was asked for: see `gi doctor`"
        if self.code >= 0:
            return f"exit status {self.code}"
        with contextlib.suppress(ValueError):
            return f"signal {signal.Signals(-self.code).name}"
        return f"signal {-self.code}"


class _RequestFailedError(Exception):
    """The server did not fork a worker; the message is its last line on stderr, or the error."""


class Child:
    """One forked worker process: `connection` is the socket to it. Close it, or use it as a context manager."""

    def __init__(self, connection: socket.socket, status: int) -> None:
        self.connection = connection
        self._status = os.fdopen(status, "rb", buffering=0)
        self._exit: Exit | None = None
        self._lock = threading.Lock()
        self.pid: int = self._read_status(time.monotonic() + START_LIMIT_S)["pid"]

    def kill(self) -> None:
        """Kills the process and everything in its group; does nothing once it has ended."""
        with self._lock:
            if self._exit is not None or self._status.closed:
                return
            for kill in (os.killpg, os.kill):
                with contextlib.suppress(OSError):
                    kill(self.pid, signal.SIGKILL)

    def wait(self, timeout_s: float = 30.0) -> Exit:
        """Waits for the end of the process. Raises `TimeoutError`, or `ServerDied` where the server has ended too."""
        if self._exit is None:
            record = self._read_status(time.monotonic() + timeout_s)
            with self._lock:
                self._exit = Exit(int(record["code"]), float(record["cpu_s"]))
        return self._exit

    def close(self) -> None:
        """Kills the process if it still runs, and closes the connection."""
        self.kill()
        with contextlib.suppress(TimeoutError, ServerDied, ValueError):
            self.wait()
        self.connection.close()
        self._status.close()

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read_status(self, deadline: float) -> dict[str, Any]:
        line = b""
        while not line.endswith(b"\n"):
            wait_readable(self._status.fileno(), deadline)
            byte = self._status.read(1)
            if not byte:
                raise ServerDied("the worker server ended")
            line += byte
        record: dict[str, Any] = json.loads(line)
        return record


class ForkServer:
    """Starts worker processes from one warm process that has torch imported; started on first use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._stderr: IO[bytes] | None = None

    def start(self) -> None:
        """Starts the server without waiting until it is warm; does nothing while it runs."""
        with self._lock:
            self._ensure_running()

    def fork(self, target: str, limits: Limits, reach: Reach = NOTHING, *, imports: Sequence[str] = ()) -> Child:
        """A new confined and isolated process that runs `module:function(connection)`.

        It reaches the files of `reach`; `imports` names modules that it needs from outside the interpreter's folders. A
        server that has died is started again, once. Raises `WorkerError` where that does not help.
        """
        fields = {
            "target": target,
            "limits": dataclasses.asdict(limits),
            "reach": dataclasses.asdict(reach),
            "isolation": chosen_isolation(),
            "imports": [*imports, target.partition(":")[0]],
        }
        request = json.dumps(fields).encode()
        for attempt in (1, 2):
            try:
                return self._request(request)
            except _RequestFailedError as error:
                if attempt == 2:
                    raise WorkerError(f"the worker process cannot start ({error}): see `gi doctor`.") from error
        raise AssertionError

    def close(self) -> None:
        """Ends the server and every process that it started."""
        with self._lock:
            self._stop()

    def _request(self, request: bytes) -> Child:
        asked: subprocess.Popen[bytes] | None = None
        try:
            ours, theirs = socket.socketpair()
            status_r, status_w = os.pipe()
            try:
                with self._lock:
                    control, asked = self._ensure_running(), self._process
                    socket.send_fds(control, [request], [theirs.fileno(), status_w])
                    wait_readable(control.fileno(), time.monotonic() + START_LIMIT_S)
                    if control.recv(1) != b"+":
                        raise ServerDied("closed")
            except BaseException:
                ours.close()
                os.close(status_r)
                raise
            finally:
                theirs.close()
                os.close(status_w)
            return Child(ours, status_r)
        except (ServerDied, OSError, TimeoutError) as error:
            raise _RequestFailedError(self._let_go(asked) or str(error)) from error

    def _let_go(self, failed: "subprocess.Popen[bytes] | None") -> str:
        """Ends the server that a request failed on; returns the last line that it wrote to stderr."""
        with self._lock:
            # Another thread that lost the same server may have started the next one, where its worker runs by now.
            return self._stop() if self._process is failed else ""

    def _ensure_running(self) -> socket.socket:
        if self._process is not None and self._process.poll() is not None:
            self._stop()
        if self._control is None:
            self._control, theirs = socket.socketpair()
            self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the server)
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-c", _STARTER, str(theirs.fileno()), json.dumps(_import_path())],
                    pass_fds=[theirs.fileno()],
                    env=_environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=self._stderr,
                    start_new_session=True,
                )
        return self._control

    def _stop(self) -> str:
        """Ends the server; returns the last line that it wrote to stderr."""
        if self._control is None or self._process is None or self._stderr is None:
            return ""
        self._control.close()  # the server ends its workers when it sees this
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._stderr.seek(0)
        lines = self._stderr.read().decode(errors="replace").strip().splitlines()
        self._stderr.close()
        self._control = self._process = self._stderr = None
        return lines[-1] if lines else ""


def _import_path() -> list[str]:
    return [entry or str(Path.cwd()) for entry in sys.path]


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name.startswith(_KEPT_VARIABLES)}
    return {**kept, **_SET_VARIABLES}


class _Shared:
    """The process's one warm server, alive while it has users: a second would cost 3 CPU seconds and 200 MB."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._server = ForkServer()

    def acquire(self) -> ForkServer:
        with self._lock:
            self._users += 1
            return self._server

    def release(self) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                self._server.close()


_shared = _Shared()


@contextlib.contextmanager
def warm_server() -> Iterator[ForkServer]:
    """The warm server, shared with every other user in this process; it ends with its last user."""
    server = _shared.acquire()
    try:
        yield server
    finally:
        _shared.release()
