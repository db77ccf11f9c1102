"""The check through the real worker process."""

import pytest

from gi.core.trace import Stopped, Trace
from gi.source.gate.passing import Gate
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


MARKS = program("torch.nn.mark = True\nself.a = nn.Linear(64, 10)", "return self.a(x.flatten(1))")
SEES = program("self.a = nn.Linear(64, 10, bias=not hasattr(torch.nn, 'mark'))", "return self.a(x.flatten(1))")
BLOCK = "import torch\nfrom torch import nn\n\n\nclass Block(nn.Module):\n{}    pass\n"


def test_what_a_program_leaves_in_its_process_meets_no_other(worker):
    assert isinstance(worker(MARKS, SMALL), Trace)
    answer = worker(SEES, SMALL)
    assert isinstance(answer, Trace)
    assert answer.num_params == 650


def test_what_a_class_leaves_in_its_process_meets_no_program(worker):
    worker.block(BLOCK.format("    torch.nn.mark = True\n"), "Block", ())
    answer = worker(f"{SEES}\n# asked again", SMALL)
    assert answer.num_params == 650


def test_programs_that_the_rules_let_pass_share_a_process():
    with CheckWorker() as worker:
        worker(TEXT, SMALL)
        process = worker._worker._child
        worker(sequential("nn.Flatten()", "nn.Linear(64, 10)"), SMALL)
        assert process is not None
        assert worker._worker._child is process


def test_a_program_that_passes_by_trust_alone_is_the_last_of_its_process():
    trusted = TEXT.replace("import torch\n", "import torch, platform\n")
    with CheckWorker(gate=Gate((trusted,))) as worker:
        assert isinstance(worker(trusted, SMALL), Trace)
        assert worker._worker._child is None
