"""The training loop and the scoring: one thread, batches gathered from tensors in memory, nothing between the steps."""

import math
import random
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from gi.core.streams import stream_seed
from gi.core.types import Task
from gi.data.dataset import Dataset, SplitName, open_split
from gi.data.splits import stratified_order
from gi.sandbox.clock import cpu_s
from gi.trace.program.candidate import CandidateError, blame, check_output
from gi.trace.program.recipe import Recipe

SCORING_BATCH = 256
_FUSED = (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD)
_PROJECTION_FACTOR = 1.15  # early steps are dearer than later ones: a projection must overshoot by this much


class Batches:
    """One split in memory as uint8, normalised batch by batch.

    A whole set of floats would cost its conversion up front and four times the memory of every gather. With `count`
    only the first so many samples of the split's stratified order.
    """

    def __init__(self, dataset: Dataset, split: SplitName, device: str, *, count: int | None = None) -> None:
        images, labels = open_split(Path(dataset.path), split)
        if count is not None and count < len(labels):
            first = np.sort(stratified_order(labels)[:count])
            images, labels = images[first], labels[first]
        self.num_samples = len(labels)
        self.task = dataset.task
        self._images = _tensor(images).to(device)
        self._labels = _tensor(labels).to(device)
        shape = (1, -1, 1, 1)
        self._mean = torch.tensor(dataset.mean, dtype=torch.float32, device=device).view(shape)
        self._scale = torch.tensor(dataset.std, dtype=torch.float32, device=device).view(shape).reciprocal()

    def take(
        self, chosen: Tensor | slice, augmentation: Callable[[Tensor], Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Normalised float32 images (n, c, h, w) and labels (n,) of the chosen samples.

        An augmentation gets the images before that, as float32 from 0 to 1.
        """
        images = self._images[chosen].to(torch.float32)
        if augmentation is not None:
            images = augmentation(images.div_(255)) * 255
        return images.sub_(self._mean).mul_(self._scale), self._labels[chosen]


def seed_everything(seed: int, purpose: str) -> None:
    """Seeds every generator that a program may draw from, for one purpose of one job."""
    number = stream_seed(seed, purpose)
    torch.manual_seed(number)
    random.seed(number)
    np.random.seed(number % 2**32)


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
) -> None:
    """Trains `net` in place, one step for each row of `order`.

    `layout` is the memory layout in which the network takes its images (`fastest_layout`). `check_pace(step)` is called
    after steps 1, 2, 4, 8, ... and may raise. Raises `CandidateError`, with the reason "nan" as soon as a loss is not
    finite.
    """
    net.train()
    fuse(recipe.optimizer)
    next_check = 1
    with blame("train"):
        for number, chosen in enumerate(order, start=1):
            loss = train_step(net, recipe, batches, chosen, layout=layout)
            if not math.isfinite(loss):
                raise CandidateError("train", "nan", f"the loss is {loss} after {number} of {len(order)} steps")
            if number == next_check and check_pace is not None:
                next_check *= 2
                check_pace(number)


def train_step(
    net: nn.Module, recipe: Recipe, batches: Batches, chosen: Tensor, *, layout: torch.memory_format
) -> float:
    """One step on the chosen samples; returns the loss before it."""
    images, labels = batches.take(chosen, recipe.augmentation)
    loss = _update(net, recipe, images.contiguous(memory_format=layout), labels, batches.task)
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


def error_rate(net: nn.Module, batches: Batches, *, layout: torch.memory_format = torch.contiguous_format) -> float:
    """The share of the samples whose largest output is not their label. Raises `CandidateError` for a NaN."""
    wrong = 0
    with blame("measure"), torch.inference_mode():
        net.eval()
        for start in range(0, batches.num_samples, SCORING_BATCH):
            images, labels = batches.take(slice(start, start + SCORING_BATCH))
            logits = net(images.contiguous(memory_format=layout))
            check_output(logits, len(labels), batches.task, "measure")
            if not bool(torch.isfinite(logits).all()):
                raise CandidateError("measure", "nan", "an output for a sample to score is not finite")
            wrong += int((logits.argmax(dim=1) != labels).sum())
    return wrong / batches.num_samples


def pace_check(limit_s: float, steps: int) -> Callable[[int], None]:
    """A check that raises `CandidateError` when the steps so far predict more CPU seconds than `limit_s`."""
    start = cpu_s()
    first = 0.0

    def check(step: int) -> None:
        nonlocal first
        used = cpu_s() - start
        if step == 1:
            first = used  # has what happens once: allocation, choice of kernels
            per_step = used / 4
        else:
            per_step = (used - first) / (step - 1)
        projected = used + per_step * (steps - step)
        if projected > limit_s * _PROJECTION_FACTOR:
            pace = f"{projected:.0f} CPU seconds projected after {step} of {steps} steps"
            detail = f"{pace}, {limit_s:.0f} allowed (--cpu-limit)"
            raise CandidateError("train", "too slow", detail)

    return check


def _update(net: nn.Module, recipe: Recipe, images: Tensor, labels: Tensor, task: Task) -> float:
    """One optimizer step; returns the loss before it."""

    def closure() -> float:
        recipe.optimizer.zero_grad(set_to_none=True)
        logits = net(images)
        check_output(logits, len(labels), task, "train")
        loss = recipe.loss(logits, labels)
        if not isinstance(loss, Tensor) or loss.dim():
            found = tuple(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
            raise CandidateError("train", "loss is no scalar", f"the loss is {found}, expected one number")
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.item()

    if isinstance(recipe.optimizer, torch.optim.LBFGS):  # the one that evaluates the loss itself, several times
        return float(recipe.optimizer.step(closure))  # type: ignore[no-untyped-call]
    loss = closure()
    recipe.optimizer.step()
    return loss


def fuse(optimizer: torch.optim.Optimizer) -> None:
    """Has torch's most used optimizers take their step in one kernel: same rule, a fifth of a small network's time."""
    if type(optimizer) in _FUSED:
        for group in optimizer.param_groups:
            if not (group["foreach"] or group["differentiable"] or group.get("capturable")):
                group["fused"] = True


def _advance(scheduler: Any, loss: float) -> None:
    if isinstance(scheduler, ReduceLROnPlateau):
        scheduler.step(loss)
    elif scheduler is not None:
        scheduler.step()


def _tensor(array: np.ndarray) -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the map is read-only, and nothing here writes to it
        return torch.from_numpy(array)
