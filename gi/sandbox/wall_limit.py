"""The limit on a worker's time to answer; time in which it or its driver was stopped does not count.

A paused container, SIGSTOP and a debugger stop processes while the clock goes on. A limit that counted that time
would kill programs that did nothing wrong, and change what a run decides.
"""

import contextlib
import os
import signal
import time
from pathlib import Path

SLICE_S = 1.0
"""How often the limit is asked. Much later than that, the driver itself was stopped."""
_LATE_S = 5.0


class WallLimit:
    """The moment (of `time.monotonic`) by which a worker process must have answered."""

    def __init__(self, limit_s: float, pid: int) -> None:
        """Counts from now on."""
        self._limit_s, self._pid = limit_s, pid
        self.moved_s = 0.0
        self._asked = time.monotonic()
        self._moment = self._asked + limit_s
        self._was_continued = False

    def moment(self) -> float:
        """When the limit ends as things stand now; ask at least every `SLICE_S` seconds."""
        now = time.monotonic()
        if now - self._asked > SLICE_S + _LATE_S:
            self._moment += now - self._asked
            self.moved_s += now - self._asked
        self._asked = now
        # Once: a program that stops itself would otherwise be waited for without end.
        if now >= self._moment and not self._was_continued and _is_stopped(self._pid):
            self._was_continued = True
            self._moment = now + self._limit_s
            self.moved_s += self._limit_s
            with contextlib.suppress(OSError):
                os.kill(self._pid, signal.SIGCONT)
        return self._moment


def _is_stopped(pid: int) -> bool:
    """Whether a process is stopped by a signal; False where the system has no /proc (proc(5), the field "state")."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in ("T", "t")
    except (OSError, IndexError):
        return False
