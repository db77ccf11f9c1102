"""No program gets a better score than it earned: with the gate off, each forgery is scored honestly or fails."""

import pytest
import torch

from gi.core.protocols import Job
from gi.core.types import Failed, Scored
from gi.sandbox.isolation import probed_layers
from gi.train import conversation
from tests.attacks import time_forgeries
from tests.attacks.forgeries import FORGERIES, program
from tests.attacks.time_forgeries import TIME_FORGERIES

IMAGES = 1500
CHANCE = 0.8  # of ten classes, less what an untrained network gets right by luck


@pytest.fixture(scope="module")
def honest(executor):
    outcome = executor.submit(Job("it", program(), 1, IMAGES)).result(120)
    assert isinstance(outcome, Scored), outcome
    return outcome.values


@pytest.fixture(scope="module", autouse=True)
def _isolated():
    if lacking := {name: why for name, why in probed_layers().items() if why}:
        pytest.skip(f"this system lacks layers: {lacking}")


def test_the_honest_program_is_better_than_chance_and_worse_than_perfect(honest):
    assert 0.05 < honest["error"] < 0.5
    assert honest["params"] == 650


@pytest.mark.parametrize(("name", "text"), FORGERIES.items(), ids=FORGERIES.keys())
def test_a_forged_score_is_the_honest_one_or_a_failure(evaluate, honest, name, text, tmp_path, monkeypatch):
    if name.startswith("pipe/"):  # a process that goes on after its connection was closed
        monkeypatch.setattr(conversation, "_END_S", 5.0)
    outcome = evaluate(text, images=IMAGES, timed=False, weights_path=str(tmp_path / "it.pt"))
    if isinstance(outcome, Failed):
        return
    if outcome.values["error"] < CHANCE:
        assert outcome.values["params"] >= 640, "what it learned counts, wherever it was"
    if not name.startswith("weights/"):  # some of these begin with other weights
        assert outcome.values["error"] >= honest["error"] - 0.03
    torch.load(tmp_path / "it.pt", weights_only=True)


def test_each_forgery_is_a_program():
    for text in (*FORGERIES.values(), *TIME_FORGERIES.values()):
        compile(text, "forgery", "exec")


def test_there_are_enough_of_them():
    assert len(FORGERIES) >= 30
    assert len(TIME_FORGERIES) >= 10


# --------------------------------------------------------------------------------------------------------------- times


@pytest.fixture(scope="module")
def honest_time(executor):
    """The least of three: what else the machine does makes a time longer, and a forged one look short beside it."""
    outcomes = [executor.submit(Job("it", time_forgeries.program(), seed, IMAGES)).result(120) for seed in (1, 2, 3)]
    assert all(isinstance(outcome, Scored) and outcome.values["error"] < CHANCE for outcome in outcomes), outcomes
    return min(outcome.values["time"] for outcome in outcomes)


@pytest.mark.parametrize(("name", "text"), TIME_FORGERIES.items(), ids=TIME_FORGERIES.keys())
def test_a_forged_time_is_the_honest_one_or_a_failure(evaluate, honest_time, name, text):
    outcome = evaluate(text, images=IMAGES)
    if isinstance(outcome, Failed) or outcome.values["error"] >= CHANCE / 2:
        return  # a quick answer that is wrong is no forgery
    assert outcome.values["time"] > honest_time / 2


def test_a_network_that_draws_or_looks_at_its_batch_is_no_forgery(evaluate):
    """What is drawn is drawn again, and batches are composed as they were."""
    drawing = "x = torch.dropout(x, 0.2, True)\nx = x - x.mean(0)\n"
    outcome = evaluate(time_forgeries.program(drawing + time_forgeries.HONEST), images=IMAGES)
    again = evaluate(time_forgeries.program(drawing + time_forgeries.HONEST), images=IMAGES)
    assert isinstance(outcome, Scored), outcome
    assert outcome.values["error"] == again.values["error"]
