"""The training loop: one thread, batches gathered from tensors in memory, nothing between the steps."""

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from gi.core.streams import stream_seed
from gi.core.types import Task
from gi.sandbox.clock import cpu_s
from gi.trace.program.candidate import CandidateError, blame, check_output
from gi.trace.program.recipe import Recipe
from gi.train.batches import Batches

_FUSED = (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD)
# Early steps are dearer than later ones, and on a busy machine a single one may take several times as long as the rest:
# what is projected after n steps must overshoot the limit by so much, and by _EARLY / n more.
_OVERSHOOT, _EARLY = 1.15, 2.0
_ONCE_S = 0.3  # allocation and the choice of kernels, on a busy machine


def seed_everything(seed: int, purpose: str) -> None:
    """Seeds every generator that a program may draw from, for one purpose of one job."""
    number = stream_seed(seed, purpose)
    torch.manual_seed(number)
    random.seed(number)
    np.random.seed(number % 2**32)  # NumPy refuses larger ones


def batch_order(num_samples: int, batch_size: int, steps: int, seed: int) -> Tensor:
    """(steps, batch_size) sample numbers: one permutation of all samples after another, cut into full batches."""
    generator = torch.Generator().manual_seed(stream_seed(seed, "batches"))
    epochs = math.ceil(steps * batch_size / num_samples)
    order = torch.cat([torch.randperm(num_samples, generator=generator) for _ in range(epochs)])
    return order[: steps * batch_size].view(steps, batch_size)


def train(
    net: nn.Module,
    recipe: Recipe,
    batches: Batches,
    order: Tensor,
    *,
    layout: torch.memory_format = torch.contiguous_format,
    check_pace: Callable[[int], None] | None = None,
) -> list[float]:
    """Trains `net` in place, one step for each row of `order`; returns the loss before each.

    `layout` is the memory layout in which the network takes its images (`fastest_layout`). `check_pace(step)` is called
    after steps 1, 2, 4, 8, ... and may raise. Raises `CandidateError`, with the reason "nan" as soon as a loss is not
    finite.
    """
    net.train()
    fuse(recipe.optimizer)
    losses: list[float] = []
    next_check = 1
    with blame("train"):
        for number, batch in enumerate(batches.each(order, recipe.augmentation, layout), start=1):
            loss = _step(net, recipe, *batch, batches.task)
            if not math.isfinite(loss):
                raise CandidateError("train", "nan", f"the loss is {loss} after {number} of {len(order)} steps")
            losses.append(loss)
            if number == next_check and check_pace is not None:
                next_check *= 2
                check_pace(number)
    return losses


def train_step(
    net: nn.Module, recipe: Recipe, batches: Batches, chosen: Tensor, *, layout: torch.memory_format
) -> float:
    """One step on the chosen samples; returns the loss before it."""
    images, labels = batches.take(chosen, recipe.augmentation)
    return _step(net, recipe, images.contiguous(memory_format=layout), labels, batches.task)


def _step(net: nn.Module, recipe: Recipe, images: Tensor, labels: Tensor, task: Task) -> float:
    loss = _update(net, recipe, images, labels, task)
    # Each loss is read, which costs little beside a step, so that a training that has failed ends at once.
    if math.isfinite(loss):
        _advance(recipe.scheduler, loss)
    return loss


def fastest_layout(net: nn.Module, task: Task, device: str) -> torch.memory_format:
    """Puts the network's weights into the layout in which it trains fastest, and returns that layout.

    With the channels last a network with pooling trains in two thirds of the time, one without in at most a tenth more
    (experiments/02-workers). A `view` that takes the usual layout for granted does not run: then that one stays.
    """
    sample = torch.zeros((2, *task.input_shape), device=device).contiguous(memory_format=torch.channels_last)
    with blame("forward"), torch.no_grad():
        try:
            net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            net.eval()(sample)
        except RuntimeError:
            net.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
            return torch.contiguous_format
    return torch.channels_last


def pace_check(limit_s: float, steps: int) -> Callable[[int], None]:
    """A check that raises `CandidateError` when the steps so far predict more CPU seconds than `limit_s`."""
    start = cpu_s()
    first = 0.0

    def check(step: int) -> None:
        nonlocal first
        used = cpu_s() - start
        if step == 1:
            first = used
            per_step = max(used - _ONCE_S, 0.0)
        else:
            per_step = (used - first) / (step - 1)
        projected = used + per_step * (steps - step)
        if projected > limit_s * (_OVERSHOOT + _EARLY / step):
            pace = f"{projected:.0f} CPU seconds projected after {step} of {steps} steps"
            detail = f"{pace}, {limit_s:.0f} allowed (--cpu-limit)"
            raise CandidateError("train", "too slow", detail)

    return check


def _update(net: nn.Module, recipe: Recipe, images: Tensor, labels: Tensor, task: Task) -> float:
    """One optimizer step; returns the loss before it."""

    def closure() -> float:
        _forget_gradients(recipe.optimizer)
        logits = net(images)
        check_output(logits, len(labels), task, "train")
        loss = recipe.loss(logits, labels)
        if not isinstance(loss, Tensor) or loss.dim():
            what = tuple(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
            raise CandidateError("train", "loss is no scalar", f"the loss is {what}, expected one number")
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.item()

    if isinstance(recipe.optimizer, torch.optim.LBFGS):  # the one that evaluates the loss itself, several times
        return float(recipe.optimizer.step(closure))  # type: ignore[no-untyped-call]
    loss = closure()
    recipe.optimizer.step()
    return loss


def _forget_gradients(optimizer: torch.optim.Optimizer) -> None:
    """What `zero_grad` of torch's optimizers does, without its record for a profiler: 50 us less a step."""
    if type(optimizer).zero_grad is not torch.optim.Optimizer.zero_grad:
        optimizer.zero_grad(set_to_none=True)
        return
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = None


def fuse(optimizer: torch.optim.Optimizer) -> None:
    """Has torch's most used optimizers take their step in one kernel: same rule, a fifth of a small network's time."""
    if type(optimizer) in _FUSED:
        for group in optimizer.param_groups:
            # Set in the group, where `step` reads it. Torch refuses "fused" beside the first two when it makes
            # an optimizer.
            if not (group["foreach"] or group["differentiable"] or group.get("capturable")):
                group["fused"] = True


def _advance(scheduler: Any, loss: float) -> None:
    if isinstance(scheduler, ReduceLROnPlateau):
        scheduler.step(loss)
    elif scheduler is not None:
        scheduler.step()
