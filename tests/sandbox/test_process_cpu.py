import os
import signal
import subprocess
import sys
import time

import pytest

from gi.sandbox.process_cpu import CpuClock

BURN = "import time\nwhile time.process_time() < 0.4: pass\n"


def burn(cpu_s):
    start = time.process_time()
    while time.process_time() < start + cpu_s:
        pass


def test_counts_this_process_from_the_moment_it_was_made():
    burn(0.05)
    clock = CpuClock()
    assert clock.used_s() < 0.05
    burn(0.2)
    assert 0.1 < clock.used_s() < 0.6


def test_counts_a_child_that_has_ended():
    clock = CpuClock()
    subprocess.run([sys.executable, "-S", "-c", BURN], check=True)
    assert clock.used_s() > 0.3


def test_counts_a_child_and_its_child_that_still_run():
    clock = CpuClock()
    if not clock.sees_children:
        pytest.skip("no /proc here")
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-S', '-c', {BURN + 'time.sleep(60)'!r}])"
    child = subprocess.Popen([sys.executable, "-S", "-c", code], start_new_session=True)
    try:
        deadline = time.monotonic() + 30
        while clock.used_s() < 0.35 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert clock.used_s() > 0.3
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def test_never_runs_backwards_and_adds_what_workers_report_where_it_cannot_see_them(monkeypatch):
    readings = iter([10.0, 12.0, 11.0, 13.0])
    monkeypatch.setattr(CpuClock, "_now", lambda self: next(readings))
    clock = CpuClock()
    clock.sees_children = False
    assert [clock.used_s(5.0), clock.used_s(5.0), clock.used_s(6.0)] == [7.0, 7.0, 10.0]
