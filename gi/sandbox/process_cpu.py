"""CPU seconds of this process and of everything that it started."""

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

_CPU_CLOCK = 2  # of a whole process, in the kernel's numbers of clocks: CPUCLOCK_SCHED
_TICK_S = 1 / os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 0.01


class Clock(Protocol):
    """A source of CPU seconds; a test's may count nothing but what the workers report."""

    def used_s(self, reported_by_workers_s: float = 0.0) -> float:
        """CPU seconds since the start."""
        ...


class CpuClock:
    """CPU seconds used since it was made, by this process, its children, theirs and all that ended below them.

    Read from /proc where there is one. Elsewhere only this process and its ended children are seen, and the caller
    passes what its workers report; likewise with `workers_elsewhere`, for workers on other machines.
    """

    def __init__(self, *, workers_elsewhere: bool = False) -> None:
        """Starts the clock."""
        self.sees_children = Path(f"/proc/self/task/{os.getpid()}/children").exists()
        self._workers_elsewhere = workers_elsewhere
        self._vanished = 0.0
        self._last = self._start = self._now()

    def used_s(self, reported_by_workers_s: float = 0.0) -> float:
        """CPU seconds since the start; never less than before. The argument counts where children cannot be seen."""
        now = self._now()
        self._vanished += max(self._last - now, 0.0)  # a child without a `wait` took its count along
        self._last = now
        unseen_s = reported_by_workers_s if self._workers_elsewhere or not self.sees_children else 0.0
        return now + self._vanished - self._start + unseen_s

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Excludes the CPU seconds used inside."""
        before = self.used_s()
        yield
        self._start += self.used_s() - before

    def _now(self) -> float:
        if not self.sees_children:
            spent = os.times()
            return time.process_time() + spent.children_user + spent.children_system
        return sum(map(_cpu_s, _descendants(os.getpid())))


def rests(pid: int, within_s: float) -> bool:
    """Whether no thread of another process runs, or comes to rest within so many seconds."""
    end, pause_s = time.monotonic() + within_s, 2e-5
    while _runs(pid):
        if time.monotonic() > end:
            return False
        time.sleep(pause_s)  # on a busy machine it waits for its turn, which this process must not take
        pause_s = min(2 * pause_s, 0.02)
    return True


def resting_cpu_s(pid: int, within_s: float = 0.2) -> float | None:
    """CPU seconds of another process and all threads that it ever had, exact once none of them runs; None elsewhere.

    The kernel books a thread's time when it leaves the processor. One that still runs after `within_s` seconds is
    asked as it is, up to a tick short.
    """
    if sys.platform != "linux":
        return None
    rests(pid, within_s)
    try:
        return time.clock_gettime((~pid << 3) | _CPU_CLOCK)
    except OSError:
        return None


def _runs(pid: int) -> bool:
    """Whether a thread of the process is running or ready to; fields 3 and 20 of proc(5)'s stat."""
    fields = _text(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    if len(fields) < 18 or fields[0] == "R" or fields[17] == "1":
        return bool(fields) and fields[0] == "R"
    states = (_text(task / "stat").rpartition(")")[2].split()[:1] for task in _listed(Path(f"/proc/{pid}/task")))
    return ["R"] in list(states)


def _descendants(pid: int) -> list[int]:
    pids = [pid]
    for parent in pids:
        for task in _listed(Path(f"/proc/{parent}/task")):
            pids += [int(child) for child in _text(task / "children").split()]
    return pids


def _cpu_s(pid: int) -> float:
    """User and system time of a process and of its ended children; fields 14 to 17 of proc(5)'s stat."""
    fields = _text(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return sum(int(ticks) for ticks in fields[11:15]) * _TICK_S


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
