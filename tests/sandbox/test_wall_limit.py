"""A worker's wall limit counts the time in which it and its driver ran."""

import os
import signal
import socket
import subprocess
import time

import pytest

from gi.sandbox import wall_limit
from gi.sandbox.messages import receive, send
from gi.sandbox.wall_limit import WallLimit


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(wall_limit.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def sleeper():
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process.pid
        os.kill(process.pid, signal.SIGKILL)


def test_time_in_which_the_driver_was_stopped_does_not_count(clock):
    limit = WallLimit(20.0, os.getpid())
    clock[0] += 1.0
    assert limit.moment() == 120.0
    clock[0] += 3600.0
    assert limit.moment() == 3720.0
    clock[0] += 1.0
    assert limit.moment() == 3720.0


def test_a_busy_machine_is_no_stop(clock):
    limit = WallLimit(20.0, os.getpid())
    for _ in range(10):
        clock[0] += 4.0
        assert limit.moment() == 120.0


def test_a_stopped_worker_is_continued_once_and_no_more(clock, sleeper):
    os.kill(sleeper, signal.SIGSTOP)
    wait_until_stopped(sleeper)
    limit = WallLimit(3.0, sleeper)
    clock[0] += 4.0
    assert limit.moment() == 107.0
    os.kill(sleeper, signal.SIGSTOP)
    wait_until_stopped(sleeper)
    clock[0] += 4.0
    assert limit.moment() == 107.0


def test_an_answer_that_lies_there_past_the_limit_is_an_answer():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        limit = WallLimit(0.0, os.getpid())
        send(theirs, "answer")
        assert receive(ours, limit) == "answer"
        with pytest.raises(TimeoutError):
            receive(ours, limit)


def wait_until_stopped(pid):
    while not wall_limit._is_stopped(pid):
        time.sleep(0.01)
