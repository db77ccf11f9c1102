"""Isolates a worker process in layers, right after the fork: from the network, files, and other processes.

Each layer stops what another lets through: namespaces take the network away, Landlock every file but the interpreter's
and the job's own, seccomp other processes and new programs. They add a few milliseconds to a fork. Where the system
lacks a layer (macOS, some containers) the others still hold; `ISOLATIONS` says what then happens. None of them keeps a
program from reading what its own process holds, or from using up the CPU, memory and disk space that `limits` leaves
it.
"""

import contextlib
import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import gi
from gi.core.errors import ConfigError
from gi.sandbox.landlock import restrict_files
from gi.sandbox.seccomp import deny_system_calls

Isolation = Literal["auto", "strict", "off"]
#: What `--isolation` takes: every layer that there is; every layer, or no worker at all; none.
ISOLATIONS: tuple[Isolation, ...] = ("auto", "strict", "off")
VARIABLE = "GI_ISOLATION"
NOT_ISOLATED = 77  # the exit status of a worker that strict isolation ended
LAYERS = ("no_new_privs", "namespaces", "landlock", "seccomp")

_PROBE = "import json; from gi.sandbox.isolation import Reach, isolate; print(json.dumps(isolate('auto', Reach())))"
_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38
_NEW_MOUNTS, _NEW_HOST_NAME, _NEW_IPC, _NEW_USER, _NEW_NETWORK = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x40000000
_SYSTEM = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
_STATE = ("/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/sys/vm", "/sys/devices/system", "/sys/fs/cgroup")
_CUDA_READ = ("/proc/driver/nvidia", "/proc/devices", "/sys/module", "/sys/bus/pci", "/sys/devices/pci0000:00", "/opt")


class IsolationError(Exception):
    """A required layer is not available; the message names it and gives the reason."""


@dataclass(frozen=True, slots=True)
class Reach:
    """The files that a worker may read beside the interpreter's, and the folders and files that it may write."""

    readable: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()

    def also_writing(self, path: str) -> "Reach":
        """The same reach with one more writable path."""
        return Reach(self.readable, (*self.writable, path))


def chosen_isolation() -> Isolation:
    """What the user chose, in the variable GI_ISOLATION; "auto" by default. Raises `ConfigError` for another word."""
    chosen = os.environ.get(VARIABLE) or "auto"
    if chosen not in ISOLATIONS:
        raise ConfigError(f"{VARIABLE} is {chosen!r}: choose from {', '.join(ISOLATIONS)}.")
    return chosen


def cuda_reach() -> Reach:
    """The files that CUDA reads and writes beside the interpreter's. Untested: no GPU was available."""
    return Reach(_CUDA_READ, tuple(str(path) for path in Path("/dev").glob("nvidia*")))


def isolate(isolation: Isolation, reach: Reach, *, device: str = "cpu") -> dict[str, str]:
    """Isolates this process irrevocably; returns each of `LAYERS` with "" where it holds, else the reason.

    Raises `IsolationError` where a layer is missing and `isolation` is "strict". With "off" it does nothing.
    """
    missing = dict.fromkeys(LAYERS, "switched off")
    for name, close in _layers(reach, device) if isolation != "off" else ():
        missing[name] = _failure(close)
        if missing[name] and isolation == "strict":
            raise IsolationError(f"{name}: {missing[name]}")
    _of_this_process.update(missing)
    return missing


def probed_layers() -> dict[str, str]:
    """The result of `isolate` on this machine, from a process that is started for it."""
    path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
    done = subprocess.run(
        [sys.executable, "-P", "-c", _PROBE],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        timeout=60,
        check=False,
    )
    answer: dict[str, str] = json.loads(done.stdout or "{}")
    return {name: answer.get(name, "the trial of it failed") for name in LAYERS}


def missing_layers() -> dict[str, str]:
    """In a worker: each layer that does not hold for this process, and why."""
    return {name: why for name, why in _of_this_process.items() if why}


_of_this_process: dict[str, str] = dict.fromkeys(LAYERS, "not a worker")


def _layers(reach: Reach, device: str) -> Iterator[tuple[str, Callable[[], None]]]:
    """The layers in their order: seccomp is last, since it denies the calls that the others are made of."""
    yield "no_new_privs", _no_new_privs
    yield "namespaces", _new_namespaces
    readable = [*_interpreter(), *_SYSTEM, *_STATE, f"/proc/{os.getpid()}", *reach.readable]
    writable = [*_DEVICES, *reach.writable]
    if device != "cpu":
        readable += cuda_reach().readable
        writable += cuda_reach().writable
    yield "landlock", lambda: restrict_files(readable=map(Path, readable), writable=map(Path, writable))
    yield "seccomp", deny_system_calls


def _failure(close: Callable[[], None]) -> str:
    try:
        close()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _no_new_privs() -> None:
    """No program gains rights over its caller's, and other processes of the user cannot look into this one."""
    _control(_PR_SET_NO_NEW_PRIVS, 1)
    with contextlib.suppress(OSError):
        _control(_PR_SET_DUMPABLE, 0)


def _control(option: int, value: int) -> None:
    if sys.platform != "linux":
        raise OSError(0, f"{sys.platform} has no prctl")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _new_namespaces() -> None:
    """A network without interfaces, and mounts, host name and shared memory of its own. Needs a single thread."""
    if sys.platform != "linux":
        raise OSError(0, f"{sys.platform} has no namespaces")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEW_USER | _NEW_NETWORK | _NEW_IPC | _NEW_MOUNTS | _NEW_HOST_NAME) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _interpreter() -> set[str]:
    """The folders of Python, its packages and gi. Other entries of the import path are the user's own."""
    packages = {entry for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")}
    return {
        sys.prefix,
        sys.exec_prefix,
        sys.base_prefix,
        sys.base_exec_prefix,
        *packages,
        str(Path(gi.__file__).parent),
    }
