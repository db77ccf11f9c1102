"""No program has fewer multiply-adds counted than a way to its outputs takes, where they decide what survives."""

import pytest

from gi.core.protocols import Job
from gi.core.settings import RunConfig
from gi.core.types import Failed, Scored
from gi.train.executor import LocalExecutor
from tests.attacks.count_forgeries import COUNT_FORGERIES
from tests.attacks.forgeries import program
from tests.stand_ins import OPEN

IMAGES, CHANCE = 640, 0.8
DENSE_MACS = 640


@pytest.fixture(scope="module")
def by_model(server, digits):
    config = RunConfig(dataset="digits", images=2000, clock="model", memory_limit_mb=1024, cpu_limit_s=20)
    with LocalExecutor(digits, config, workers=2, gate=OPEN) as local:
        yield lambda text: local.submit(Job("it", text, 1, IMAGES)).result(240)


def test_honest_multiply_adds_are_those_of_the_layers(by_model):
    outcome = by_model(program())
    assert isinstance(outcome, Scored), outcome
    assert outcome.values["macs"] == DENSE_MACS


@pytest.mark.parametrize("name", COUNT_FORGERIES)
def test_a_forged_count_is_the_honest_one_or_a_failure(by_model, name):
    outcome = by_model(COUNT_FORGERIES[name])
    if isinstance(outcome, Failed):
        assert "worker" not in outcome.stage, outcome
    elif outcome.values["error"] < CHANCE:
        assert outcome.values["macs"] >= DENSE_MACS


def test_a_network_that_draws_and_works_in_place_is_counted(by_model):
    drawing = "x = torch.nn.functional.dropout(x, 0.2, True).relu_()\nout = self.dense(x - x.mean(0))"
    outcome = by_model(program(forward=drawing))
    assert isinstance(outcome, Scored), outcome
    assert outcome.values["macs"] == DENSE_MACS
