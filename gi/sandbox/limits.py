"""Resource limits of a worker process: complete on Linux, elsewhere as far as the system has them."""

import contextlib
import ctypes
import os
import signal
import sys
from dataclasses import dataclass
from math import ceil
from pathlib import Path

_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_MB = 1 << 20
_FILE_BYTES = 2048 * _MB
_OPEN_FILES = 256


@dataclass(frozen=True, slots=True)
class Limits:
    """`memory_mb` (MiB) comes on top of what the warm server has mapped; `cpu_s` is None for a long-lived worker.

    `device` matters because CUDA maps hundreds of gigabytes of addresses that it never touches.
    """

    memory_mb: int
    cpu_s: float | None = None
    device: str = "cpu"


def die_with_parent(parent: int) -> None:
    """Has the kernel kill this process when its parent goes (Linux), and ends it if `parent` has gone already."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> None:
    """Makes this process the parent of descendants whose own parent dies, so that it can end them (Linux)."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1)


def children() -> list[int]:
    """The process ids of this process's children, adopted ones included; empty where the system does not list them."""
    try:
        return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
    except OSError:
        return []


def confine(limits: Limits) -> None:
    """Sets this process's resource limits. A limit that the system refuses stays as it was."""
    import resource

    bounds = {"RLIMIT_CORE": 0, "RLIMIT_FSIZE": _FILE_BYTES, "RLIMIT_NOFILE": _OPEN_FILES}
    memory = _memory_bound(limits)
    if memory is not None:
        bounds[memory[0]] = memory[1]
    for name, bound in bounds.items():
        _set_limit(getattr(resource, name), bound, bound)
    if limits.cpu_s is not None:
        # SIGXCPU at the soft limit ends the process; the hard limit is for one that catches it.
        _set_limit(resource.RLIMIT_CPU, ceil(limits.cpu_s), ceil(limits.cpu_s) + 1)


def _memory_bound(limits: Limits) -> tuple[str, int] | None:
    """The limit to set and its bytes: addresses on the CPU, private writable memory where CUDA is used."""
    try:
        pages = Path("/proc/self/statm").read_text().split()
    except OSError:
        return None  # no such file outside Linux, and macOS does not honour these limits
    name, mapped = ("RLIMIT_AS", pages[0]) if limits.device == "cpu" else ("RLIMIT_DATA", pages[5])
    return name, int(mapped) * os.sysconf("SC_PAGE_SIZE") + limits.memory_mb * _MB


def _set_limit(which: int, soft: int, hard: int) -> None:
    import resource

    _, ceiling = resource.getrlimit(which)
    if ceiling != resource.RLIM_INFINITY:
        soft, hard = min(soft, ceiling), min(hard, ceiling)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(which, (soft, hard))
