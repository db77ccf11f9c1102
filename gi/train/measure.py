"""What a network costs: parameters, multiply-adds, and CPU time of inference against a reference network in turn."""

import time
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from gi.core.types import Task
from gi.sandbox.clock import cpu_s
from gi.trace.program.candidate import blame, check_output
from gi.trace.program.weights import num_weights, weights
from gi.train.cost_model import REFERENCE_WIDTHS

_WINDOW_S = 0.0015  # of one timing: several calls of a small network, so that the other's traces in the cache are gone
_FEWEST, _MOST = 15, 60
_BUDGET_S = 0.2
_STATISTICS = ("running_", "num_batches_tracked")
_DEAR_S, _FEWEST_DEAR = 1.0, 5  # a network that takes tenths of a second needs fewer

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


def num_params(net: nn.Module, before: Mapping[str, Tensor] | None = None) -> int:
    """The number of values that a training sets, shared ones counted once, wherever the network keeps them.

    `before` are the buffers as they were before a training (`buffer_values`): those that it changed count too, but
    for running statistics.
    """
    counted = {id(weight) for weight in weights(net)}
    return num_weights(net) + sum(b.numel() for _, b in changed_buffers(net, before or {}) if id(b) not in counted)


def changed_buffers(net: nn.Module, before: Mapping[str, Tensor]) -> list[tuple[str, Tensor]]:
    """The buffers, by name, that are no longer as they were before a training (`buffer_values`)."""
    return [(n, b) for n, b in net.named_buffers() if n in before and not _is_equal(b, before[n])]


def buffer_values(net: nn.Module) -> dict[str, Tensor]:
    """Copies of the buffers by their names, without running statistics."""
    named = net.named_buffers()
    return {n: b.detach().clone() for n, b in named if not n.rpartition(".")[2].startswith(_STATISTICS)}


def _is_equal(buffer: Tensor, before: Tensor) -> bool:
    return buffer.shape == before.shape and bool(torch.equal(buffer, before))


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
    """The time of `net(images)` as a ratio to the reference network's, from 15 to 60 timings of each in turn.

    CPU time, or the device's where that is not the CPU. The fastest of each counts: what else the machine does only
    ever adds time. Beside a second busy worker the ratio repeats within 1 to 5 % (standard deviation), the median of
    ratios within 4 to 17 % (experiments/02-workers).
    """
    torch.manual_seed(0)
    pair = net, reference_network(task).to(images.device).eval()
    clock = cpu_s if images.device.type == "cpu" else _wall_s
    times: list[tuple[float, float]] = []
    with blame("measure"), torch.inference_mode():
        net.eval()
        calls = [_calls_per_window(each, images, clock) for each in pair]
        start = clock()
        while not _enough(len(times), clock() - start):
            ours, reference = (_time(each, images, n, clock) for each, n in zip(pair, calls, strict=True))
            times.append((ours, reference))
    return min(first for first, _ in times) / min(second for _, second in times)


def _enough(count: int, used_s: float) -> bool:
    if used_s > _DEAR_S and count >= _FEWEST_DEAR:
        return True
    return count >= _MOST or (count >= _FEWEST and used_s > _BUDGET_S)


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
