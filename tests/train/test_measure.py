"""Counts against closed forms."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from gi.core.types import Task
from gi.train.cost_model import modelled, reference_counts
from gi.train.measure import buffer_values, macs_per_sample, num_params, reference_network

TASK = Task((1, 28, 28), 10)
TASKS = [TASK, Task((3, 32, 32), 100), Task((1, 8, 8), 10), Task((3, 17, 30), 2), Task((1, 1, 5), 3)]


def dense(width: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(784, width), nn.ReLU(), nn.Linear(width, 10))


@pytest.mark.parametrize("task", TASKS)
def test_the_counts_of_the_reference_network_agree_with_their_formulas(task: Task) -> None:
    net = reference_network(task)
    assert (num_params(net), macs_per_sample(net, task, "cpu")) == reference_counts(task)


@pytest.mark.parametrize("task", TASKS)
def test_the_cost_model_gives_the_reference_network_a_time_of_one(task: Task) -> None:
    params, macs = reference_counts(task)
    assert modelled(params, macs, task=task, images=1000)["time"] == 1
    assert modelled(params * 2, macs * 2, task=task, images=1000)["time"] > 1
    assert modelled(params, macs, task=task, images=2000)["train_time"] == pytest.approx(
        2 * modelled(params, macs, task=task, images=1000)["train_time"]
    )


COUNTS: list[tuple[Callable[[], nn.Module], int, int]] = [
    (lambda: dense(20), 784 * 20 + 20 + 210, 784 * 20 + 200),
    (
        lambda: nn.Sequential(
            nn.Conv2d(1, 8, 3, groups=1, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10)
        ),
        72 + 90,
        72 * 26 * 26 + 80,
    ),
    (
        lambda: nn.Sequential(nn.Conv2d(1, 8, 4, 4), nn.Conv2d(8, 8, 3, groups=8), nn.Flatten(), nn.LazyLinear(10)),
        136 + 80 + 2010,
        128 * 49 + 72 * 25 + 2000,
    ),
]


@pytest.mark.parametrize(("make", "params", "macs"), COUNTS)
def test_counts_parameters_and_multiply_adds(make: Callable[[], nn.Module], params: int, macs: int) -> None:
    net = make()
    assert macs_per_sample(net, TASK, "cpu") == macs
    assert num_params(net) == params


def test_shared_parameters_count_once() -> None:
    layer = nn.Linear(10, 10)
    assert num_params(nn.Sequential(layer, nn.ReLU(), layer)) == 110


class Keeping(nn.Module):
    """Weights in every place where a network may keep them: 10 values each."""

    def __init__(self):
        super().__init__()
        self.dense = nn.Linear(4, 2)
        self.plain = torch.zeros(10, requires_grad=True)
        self.listed = [nn.Parameter(torch.zeros(10)), (torch.zeros(10, requires_grad=True),)]
        self.named = {"a": torch.zeros(10, requires_grad=True), "again": self.plain}
        self.layers = [nn.Linear(4, 2)]
        self.register_buffer("trained", torch.zeros(10, requires_grad=True))
        self.register_buffer("codes", torch.zeros(10))
        self.register_buffer("running_mean", torch.zeros(10))
        self.constant = torch.zeros(10)
        self.half = self.plain * 0.5


def test_weights_count_wherever_a_network_keeps_them():
    net = Keeping()
    assert num_params(net) == 10 + 10 + 20 + 10 + 10 + 10
    before = buffer_values(net)
    net.running_mean += 1
    assert num_params(net, before) == 70, "a running statistic is no weight"
    net.codes += 1
    assert num_params(net, before) == 80, "a buffer that a training changes is one"
    net.constant.requires_grad_()
    assert num_params(net, before) == 90, "as is what a recipe trains"
