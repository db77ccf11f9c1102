"""Stands in for the clock: times computed from parameters and multiply-adds, equal on every machine."""

from collections.abc import Mapping

from gi.core.types import Task

# What a forward pass costs beside its multiply-adds, in multiply-adds: calls per sample, and reading each parameter
# once per batch. Rough on purpose: a model must order programs, not predict seconds.
_FIXED_WORK = 20_000
_WORK_PER_PARAM = 0.1
_BACKWARD = 3.0  # forward, and the gradients by input and by weight
_WORK_PER_S = 5e9


def modelled(params: float, macs: float, *, task: Task, images: int) -> Mapping[str, float]:
    """`time` (as a ratio to the reference network) and `train_time` (seconds) of a program."""
    work = _work(params, macs)
    return {"time": work / _work(*reference_counts(task)), "train_time": _BACKWARD * work * images / _WORK_PER_S}


def reference_counts(task: Task) -> tuple[int, int]:
    """Parameters and multiply-adds per sample of `measure.reference_network`."""
    channels, height, width = task.input_shape
    first, second = REFERENCE_WIDTHS
    half, quarter = ((height + 1) // 2) * ((width + 1) // 2), ((height + 3) // 4) * ((width + 3) // 4)
    convolutions = channels * first * 9, first * second * 9
    dense = second * quarter * task.num_classes
    params = sum(convolutions) + first + second + dense + task.num_classes
    return params, convolutions[0] * half + convolutions[1] * quarter + dense


def _work(params: float, macs: float) -> float:
    return _FIXED_WORK + macs + _WORK_PER_PARAM * params


REFERENCE_WIDTHS = (16, 32)
