"""The warm server: imports torch once, then forks a worker process for each request in milliseconds.

Runs as a process of its own (`main`), started by `gi.sandbox.server`. It only imports: it never runs a torch
operator, starts a thread or touches CUDA, because a fork would inherit half of that. multiprocessing's own fork server
is not used: it re-imports the driver's `__main__`, unpickles, keeps the environment, cannot tell what a killed child
had used, and its children outlive it.
"""

import contextlib
import gc
import importlib
import json
import os
import selectors
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gi.core.compat import allow_torchvision
from gi.core.decoding import decoded
from gi.sandbox.isolation import NOT_ISOLATED, IsolationError, Reach, isolate
from gi.sandbox.limits import Limits, adopt_orphans, children, confine, die_with_parent

# torch.optim imports torch._dynamo on first use: 1.3 s of CPU which each forked worker would pay again.
PRELOAD = (
    "numpy",
    "torch",
    "torch._dynamo",
    "torch.utils.flop_counter",
    "torch.utils.serialization.config",  # of torch.load: its reader of comments takes 2 ms
    "torchvision.transforms.v2",
    "gi.train.scorer",
    "gi.trace.service",
)
_KEPT_VARIABLES = ("CUDA", "NVIDIA", "LD_LIBRARY_PATH")
_REQUEST_BYTES = 65536


@dataclass(frozen=True, slots=True)
class _Running:
    status: int
    scratch: Path


def main(control_fd: int) -> None:
    """Serves requests from the socket `control_fd` until its other end closes; then ends every worker."""
    control = socket.socket(fileno=control_fd)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    adopt_orphans()
    preload()
    scratch_root = Path(tempfile.mkdtemp(prefix="gi-"))
    running: dict[int, _Running] = {}
    try:
        _serve(control, scratch_root, running)
    finally:
        _end_all(running)
        shutil.rmtree(scratch_root, ignore_errors=True)


def preload() -> None:
    """Imports what every worker needs, and freezes it so that the garbage collector skips it."""
    importlib.import_module("torch")
    allow_torchvision()
    for module in PRELOAD:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    gc.collect()
    gc.freeze()  # a full collection walks a million objects of torch, and writes to pages that the workers share


def _serve(control: socket.socket, scratch_root: Path, running: dict[int, _Running]) -> None:
    wake_r, wake_w = os.pipe()
    os.set_blocking(wake_w, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_w, warn_on_full_buffer=False)
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        selector.register(wake_r, selectors.EVENT_READ)
        while True:
            ready = {key.fd for key, _ in selector.select()}
            if wake_r in ready:
                os.read(wake_r, 4096)
                _reap(running)
            if control.fileno() in ready:
                body, descriptors, _, _ = socket.recv_fds(control, _REQUEST_BYTES, 2)
                if not body:
                    return
                control.sendall(b"+")
                scratch = Path(tempfile.mkdtemp(dir=scratch_root))
                ours = [control.detach, selector.close, lambda: _close(wake_r, wake_w)]
                _fork(json.loads(body), *descriptors, scratch=scratch, running=running, ours=ours)


def _fork(
    request: dict[str, Any],
    connection: int,
    status: int,
    *,
    scratch: Path,
    running: dict[int, _Running],
    ours: list[Callable[[], Any]],
) -> None:
    server = os.getpid()
    pid = os.fork()
    if pid:
        running[pid] = _Running(status, scratch)
        os.close(connection)
        _tell(status, {"pid": pid})
        return
    code = 1
    try:
        die_with_parent(server)
        os.setsid()  # a group of its own: one kill ends what the candidate started, and Ctrl-C does not reach it
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        control = ours[0]()
        for close in ours[1:]:
            close()
        _close(control, status, *(other.status for other in running.values()))
        _work(request, socket.socket(fileno=connection), scratch)
        code = 0
    except IsolationError:
        code = NOT_ISOLATED
    finally:
        os._exit(code)


def _work(request: dict[str, Any], connection: socket.socket, scratch: Path) -> None:
    """Confines and isolates the process, then calls the request's target with the connection."""
    os.chdir(scratch)
    tempfile.tempdir = str(scratch)  # the server has found a folder out of the worker's reach
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    for name in [name for name in os.environ if not name.startswith(_KEPT_VARIABLES)]:
        del os.environ[name]
    limits, reach = decoded(Limits, request["limits"]), decoded(Reach, request["reach"])
    confine(limits)
    for module in request["imports"]:
        importlib.import_module(module)  # what lies outside the interpreter's folders is out of reach afterwards
    isolate(request["isolation"], reach.also_writing(str(scratch)), device=limits.device)
    module, _, function = request["target"].partition(":")
    getattr(sys.modules[module], function)(connection)


def _reap(running: dict[int, _Running]) -> None:
    """Reports every worker that ended, kills what it started and deletes its scratch folder."""
    while True:
        try:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        ended = running.pop(pid, None)
        if ended is None:
            continue
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)
        _kill_strays(running)
        shutil.rmtree(ended.scratch, ignore_errors=True)
        cpu_s = usage.ru_utime + usage.ru_stime
        _tell(ended.status, {"code": os.waitstatus_to_exitcode(status), "cpu_s": cpu_s})
        os.close(ended.status)


def _kill_strays(running: dict[int, _Running]) -> None:
    """Kills descendants of dead workers, which the kernel has made children of this process."""
    for pid in children():
        if pid not in running:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)


def _end_all(running: dict[int, _Running]) -> None:
    for pid in running:
        for kill in (os.killpg, os.kill):
            with contextlib.suppress(OSError):
                kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while os.wait()[0]:
            _kill_strays(running)


def _tell(status: int, message: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # the driver may have lost interest
        os.write(status, json.dumps(message).encode() + b"\n")


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
