"""What a network costs: parameters, multiply-adds, and CPU time of inference against a reference network in turn."""

import math
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from gi.evaluate.candidate import blame, check_output
from gi.evaluate.clock import cpu_s
from gi.evaluate.costmodel import REFERENCE_WIDTHS
from gi.types import Task

_WINDOW_S = 0.002  # of one timing: long against the clock's step, short against the machine's changes of pace
_BUDGET_S = 0.25
_FEWEST, _MOST = 7, 60
_GOOD_SPREAD = 0.015

_wall_s = time.perf_counter  # bound before a candidate's code could replace it


def reference_network(task: Task) -> nn.Module:
    """The network that times are given as ratios to: it depends on the task only, never on a run or a version."""
    channels, height, width = task.input_shape
    first, second = REFERENCE_WIDTHS
    quarter = ((height + 3) // 4) * ((width + 3) // 4)
    return nn.Sequential(
        nn.Conv2d(channels, first, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(first, second, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(second * quarter, task.num_classes),
    )


def num_params(net: nn.Module) -> int:
    """The number of values in the network's parameters, shared ones counted once."""
    return sum(parameter.numel() for parameter in net.parameters())


def macs_per_sample(net: nn.Module, task: Task, device: str) -> float:
    """Multiply-adds of one sample's forward pass, from the shapes of convolutions and matrix products.

    Also the first run of the network: its output is checked. Leaves the network in evaluation mode.
    """
    with blame("forward"), torch.no_grad():
        net.eval()
        sample = torch.zeros((2, *task.input_shape), device=device)
        with FlopCounterMode(display=False) as counter:
            output = net(sample)
        check_output(output, 2, task)
        return float(counter.get_total_flops()) / 4  # two samples, two operations for a multiply-add


def relative_time(net: nn.Module, images: Tensor, task: Task) -> float:
    """The time of `net(images)` as a ratio to the reference network's: the median over timings taken in turn.

    Other work on the machine slows both members of a pair alike. CPU time, or time of the device where that is not the
    CPU. Stops at a relative standard error of 1.5 %, at 60 pairs, or after a quarter of a second.
    """
    torch.manual_seed(0)
    reference = reference_network(task).to(images.device).eval()
    clock = cpu_s if images.device.type == "cpu" else _wall_s
    with blame("measure"), torch.inference_mode():
        net.eval()
        calls = [_calls_per_window(each, images, clock) for each in (net, reference)]
        ratios: list[float] = []
        start = clock()
        while not _settled(ratios, clock() - start):
            ours = _time(net, images, calls[0], clock)
            ratios.append(ours / _time(reference, images, calls[1], clock))
    return statistics.median(ratios)


def _settled(ratios: list[float], used_s: float) -> bool:
    if len(ratios) < _FEWEST:
        return used_s > 8 * _BUDGET_S and len(ratios) >= 3  # a network that takes seconds: its ratio is sure anyway
    if len(ratios) >= _MOST or used_s > _BUDGET_S:
        return True
    middle = statistics.median(ratios)
    deviation = 1.4826 * statistics.median(abs(ratio - middle) for ratio in ratios)
    return 1.2533 * deviation / math.sqrt(len(ratios)) < _GOOD_SPREAD * middle


def _calls_per_window(net: nn.Module, images: Tensor, clock: Callable[[], float]) -> int:
    _time(net, images, 2, clock)  # the first calls choose kernels
    return max(1, round(_WINDOW_S / max(_time(net, images, 1, clock), 1e-6)))


def _time(net: nn.Module, images: Tensor, calls: int, clock: Callable[[], float]) -> float:
    """Seconds per call."""
    _synchronise(images)
    start = clock()
    for _ in range(calls):
        net(images)
    _synchronise(images)
    return (clock() - start) / calls


def _synchronise(images: Tensor) -> None:
    if images.is_cuda:
        torch.cuda.synchronize(images.device)
