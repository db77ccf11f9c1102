"""The check through the real worker process."""

import pytest

from gi.core.trace import Stopped, Trace
from gi.trace.client import CheckWorker
from tests.checking import SMALL, InProcess, program, sequential
from tests.stand_ins import OPEN


@pytest.fixture(scope="module")
def worker():
    with CheckWorker(wall_limit_s=3.0, gate=OPEN) as worker:
        yield worker


TEXT = sequential("nn.Conv2d(1, 4, 3)", "nn.Flatten()", "nn.Linear(9, 10)")


def test_answers_what_a_trace_in_this_process_says(worker):
    assert worker(TEXT, SMALL) == InProcess()(TEXT, SMALL)
    assert worker.cpu_s > 0


def test_an_entry_may_be_given_with_each_call(worker):
    named = TEXT.replace("class Net", "class Model")
    answer = worker(named, SMALL, entry="Model")
    assert isinstance(answer, Trace)
    assert answer.network == "Model"
    assert worker(named, SMALL) == Stopped("build", "undefined name", 0, "NameError: name 'Net' is not defined")


def test_one_text_is_checked_once(worker):
    first = worker(TEXT, SMALL)
    spent = worker.cpu_s
    assert worker(TEXT, SMALL) is first
    assert worker.cpu_s == spent


def test_knows_the_installed_torch(worker):
    assert worker.signature("torch.nn.ReLU") == (("inplace", False),)
    assert worker.signature("torch.nn.Missing") is None
    assert worker.counterpart("torch.nn.ReLU") == "torch.nn.functional.relu"


@pytest.mark.parametrize(
    ("forward", "reason"),
    [
        ("import os\nos._exit(3)", "crash"),
        ("while True:\n    pass", "timeout"),
        ("import sys\nsys.exit()", "SystemExit"),
    ],
)
def test_a_program_that_ends_the_process_costs_that_process_alone(worker, forward, reason):
    answer = worker(program("self.a = nn.Linear(1, 1)", forward), SMALL)
    assert isinstance(answer, Stopped)
    assert answer.reason == reason
    assert isinstance(worker(TEXT, SMALL), Trace)
