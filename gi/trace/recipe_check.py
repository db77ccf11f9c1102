"""A program's recipe, tried for one step in the check worker: its digest, or the `Stop` that says what is wrong."""

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from gi.trace.augmentation.batched import batched_forms
from gi.trace.augmentation.per_image import augmenter
from gi.trace.identity.recipe_digest import recipe_digest
from gi.trace.program.run import Stop, stops

CHECK_STEPS = 60


def tried_recipe(
    names: dict[str, Any],
    net: nn.Module,
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    batch: int,
    ranks: Mapping[int, int],
) -> str:
    """Runs the recipe among the program's `names` for one step of `net`, which is on meta; its digest."""
    if "recipe" not in names:
        raise Stop("recipe", "no recipe", 0, "the program defines no recipe(net, steps)")
    with stops("recipe"):
        parts = names["recipe"](net, CHECK_STEPS)
        if not isinstance(parts, tuple) or len(parts) != 4:
            raise Stop("recipe", "not four parts", 0, "recipe gives no (optimizer, scheduler, loss, augmentation)")
        optimizer, scheduler, loss, augmentation = parts
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise Stop("recipe", "no optimizer", 0, f"the first part is a {type(optimizer).__name__}")
        if augmentation is not None:
            _fit_augmentation(augmentation, input_shape)
        _loss_fits(loss, batch, num_classes)
        held = {id(p) for group in optimizer.param_groups for p in group["params"]}
        if any(id(p) not in held for p in net.parameters() if p.requires_grad):
            raise Stop("recipe", "parameters left out", 0, "the optimizer does not hold every parameter")
        for _ in range(2 if scheduler is not None else 0):
            scheduler.step(1.0) if "metrics" in inspect.signature(scheduler.step).parameters else scheduler.step()
        return recipe_digest(names["recipe"], net, ranks)


def _loss_fits(loss: Any, batch: int, num_classes: int) -> None:
    value = _loss_of(loss, batch, num_classes)
    if not isinstance(value, torch.Tensor) or value.numel() != 1:
        raise Stop("recipe", "loss is no scalar", 0, f"the loss has shape {tuple(getattr(value, 'shape', ()))}")
    if not value.requires_grad:
        raise Stop("recipe", "no gradient", 0, "the loss does not depend on the logits")
    value.backward()  # type: ignore[no-untyped-call]


def _loss_of(loss: Any, batch: int, num_classes: int) -> Any:
    """The loss of some logits: on real ones, as its own weights are, else on meta, as the network's weights are."""
    try:
        logits = torch.zeros(batch, num_classes, requires_grad=True)
        return loss(logits, torch.zeros(batch, dtype=torch.long))
    except RuntimeError:
        logits = torch.empty(batch, num_classes, device="meta", requires_grad=True)
        return loss(logits, torch.empty(batch, dtype=torch.long, device="meta"))


def _fit_augmentation(augmentation: Any, shape: tuple[int, ...]) -> None:
    try:
        augmenter(augmentation, shape, batched_forms())
    except ValueError as error:
        raise Stop("recipe", "wrong augmentation", 0, str(error)) from error
