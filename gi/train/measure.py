"""The cost of a network as its own process counts it: parameters and multiply-adds."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from gi.core.types import Task
from gi.trace.program.candidate import blame, check_output
from gi.trace.program.weights import num_weights, weights
from gi.train.cost_model import REFERENCE_WIDTHS

_STATISTICS = ("running_", "num_batches_tracked")


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
