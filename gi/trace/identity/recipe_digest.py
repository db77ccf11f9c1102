"""Digests of how a program trains: equal for equal recipes, whatever their text."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from gi.trace.identity.described import described

#: The numbers of steps that a recipe is called with: a schedule of fixed length and one that depends on the training's
#: length, or is capped (`min(500, steps // 10)`), may agree at one and differ at another. No two share a divisor.
STEPS = (61, 997, 50_021)


def digest(*parts: Any) -> str:
    """16 hexadecimal digits for anything with a stable `repr`."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def recipe_digest(recipe: Callable[[nn.Module, int], Any], net: nn.Module, ranks: Mapping[int, int]) -> str:
    """The digest of a recipe: parts, settings and code for each of `STEPS`, and its changes of the network.

    `ranks` has the parameters' order of first use by their ids: names and the order of definition do not count.
    """
    known = {id(p): f"weight {ranks.get(id(p), -1)} {tuple(p.shape)}" for p in net.parameters()} | {id(net): "net"}
    before = repr(net)
    recipes = []
    # The recipe runs three times on one network, which is cheap on meta tensors.
    for steps in STEPS:
        with _ValuesSet(net, ranks) as values_set:
            parts = recipe(net, steps)
        recipes.append([_optimizer(parts[0], ranks), *(described(part, known) for part in parts[1:]), values_set.calls])
    frozen = sorted(ranks.get(id(p), -1) for p in net.parameters() if not p.requires_grad)
    return digest(recipes, frozen, repr(net) if repr(net) != before else "")


def _optimizer(optimizer: torch.optim.Optimizer, ranks: Mapping[int, int]) -> Any:
    """Class, settings and groups. Where all weights are in one group, only their shapes count."""
    groups = optimizer.param_groups
    settings = [{k: described(v) for k, v in sorted(g.items()) if k != "params"} for g in groups]
    return [
        described(optimizer),
        settings,
        # With one group the order of the weights has no meaning; with several, ranks identify the layers of each.
        [_weights(group["params"], ranks if len(groups) > 1 else {}) for group in groups],
    ]


def _weights(weights: Sequence[torch.Tensor], ranks: Mapping[int, int]) -> Any:
    return sorted((ranks.get(id(p), -1), tuple(p.shape)) for p in weights)


class _ValuesSet(TorchFunctionMode):
    """Records a recipe's `calls` that set values of weights: `nn.init.zeros_(net.head.weight)`."""

    def __init__(self, net: nn.Module, ranks: Mapping[int, int]) -> None:
        super().__init__()
        self.calls: list[Any] = []
        self._ranks = {storage(p): ranks.get(id(p), -1) for p in net.parameters()}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        target = kwargs.get("tensor", args[0] if args else None)
        name = getattr(func, "__name__", "")
        if isinstance(target, torch.Tensor) and storage(target) in self._ranks and is_setter(func):
            given = [described(v) for v in args[1:]], sorted((k, described(v)) for k, v in kwargs.items())
            self.calls.append([name, self._ranks[storage(target)], given])
        return func(*args, **kwargs)


def is_setter(func: Callable[..., Any]) -> bool:
    """Whether a function of torch changes its first tensor: by convention its name ends in an underscore."""
    name = getattr(func, "__name__", "")
    return name == "__setitem__" or (name.endswith("_") and not name.endswith(("__", "requires_grad_", "retain_grad_")))


def storage(tensor: torch.Tensor) -> int:
    """A number for a tensor's storage, the same for its views; also for meta tensors, which have no memory."""
    return int(tensor.untyped_storage()._cdata)


def reached(output: torch.Tensor) -> set[int]:
    """The ids of the parameters that get a gradient in a backward pass from `output`."""
    seen, stack, leaves = set[Any](), [output.grad_fn], set[int]()
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            leaves.add(id(node.variable))
        stack.extend(following for following, _ in node.next_functions)
    return leaves
