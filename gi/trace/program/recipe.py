"""Calls a program's `recipe(net, steps)` and checks its result, in the check worker and for training."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from gi.trace.augmentation.batched import batched_forms
from gi.trace.augmentation.per_image import augmenter
from gi.trace.program.candidate import CandidateError, blame

CHECK_STEPS = 60


@dataclass(frozen=True, slots=True)
class Recipe:
    """The parts that a program's `recipe(net, steps)` returns."""

    optimizer: torch.optim.Optimizer
    scheduler: Any
    loss: Callable[[Tensor, Tensor], Tensor]
    augmentation: Callable[[Tensor], Tensor] | None  # for a batch of pixels from 0 to 1, with draws for each image


def make_recipe(module: ModuleType, net: nn.Module, steps: int, image_shape: tuple[int, ...]) -> Recipe:
    """The checked result of the program's `recipe(net, steps)`, for images of shape (c, h, w)."""
    if not hasattr(module, "recipe"):
        raise CandidateError("recipe", "no recipe", "the program defines no recipe(net, steps)")
    with blame("recipe"):
        parts = module.recipe(net, steps)
    if not isinstance(parts, tuple | list) or len(parts) != 4:
        raise CandidateError("recipe", "not four parts", "recipe gives no (optimizer, scheduler, loss, augmentation)")
    optimizer, scheduler, loss, augmentation = parts
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise CandidateError("recipe", "no optimizer", f"the first part is a {type(optimizer).__name__}")
    if scheduler is not None and not hasattr(scheduler, "step"):
        raise CandidateError("recipe", "no scheduler", f"the second part is a {type(scheduler).__name__}")
    if not callable(loss):
        raise CandidateError("recipe", "no loss", f"the third part is a {type(loss).__name__}")
    if augmentation is not None and not callable(augmentation):
        raise CandidateError("recipe", "no augmentation", f"the fourth part is a {type(augmentation).__name__}")
    augment = None if augmentation is None else _fitted_augmentation(augmentation, image_shape)
    return Recipe(optimizer, scheduler, loss, augment)


def _fitted_augmentation(augmentation: Any, image_shape: tuple[int, ...]) -> Callable[[Tensor], Tensor]:
    """A recipe's augmentation for batches. Raises `CandidateError` where it does not return images of the shape."""
    with blame("recipe"):
        try:
            return augmenter(augmentation, image_shape, batched_forms())
        except ValueError as error:
            raise CandidateError("recipe", "wrong augmentation", str(error)) from error


def try_recipe(
    module: ModuleType, net: nn.Module, input_shape: tuple[int, ...], num_classes: int, *, batch: int
) -> None:
    """Checks a program's recipe, its loss and its scheduler with `net` on meta. Raises `CandidateError`."""
    recipe = make_recipe(module, net, CHECK_STEPS, input_shape)
    with blame("recipe"):
        _loss_fits(recipe.loss, batch, num_classes)
        held = {id(p) for group in recipe.optimizer.param_groups for p in group["params"]}
        if any(id(p) not in held for p in net.parameters() if p.requires_grad):
            raise CandidateError("recipe", "parameters left out", "the optimizer does not hold every parameter")
        scheduler = recipe.scheduler
        for _ in range(2 if scheduler is not None else 0):
            # ReduceLROnPlateau needs the metric that it monitors.
            scheduler.step(1.0) if "metrics" in inspect.signature(scheduler.step).parameters else scheduler.step()


def _loss_fits(loss: Any, batch: int, num_classes: int) -> None:
    value = _loss_of(loss, batch, num_classes)
    if not isinstance(value, torch.Tensor) or value.numel() != 1:
        raise CandidateError("recipe", "loss is no scalar", f"the loss has shape {tuple(getattr(value, 'shape', ()))}")
    if not value.requires_grad:
        raise CandidateError("recipe", "no gradient", "the loss does not depend on the logits")
    value.backward()  # type: ignore[no-untyped-call]


def _loss_of(loss: Any, batch: int, num_classes: int) -> Any:
    """The loss of some logits: on the CPU, like class weights of the loss, else on meta, like the network's."""
    try:
        logits = torch.zeros(batch, num_classes, requires_grad=True)
        return loss(logits, torch.zeros(batch, dtype=torch.long))
    except RuntimeError:
        logits = torch.empty(batch, num_classes, device="meta", requires_grad=True)
        return loss(logits, torch.empty(batch, dtype=torch.long, device="meta"))
