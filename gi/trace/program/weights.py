"""The weights of a network, wherever it stores them. Exported files may contain the text of this module."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

from torch import Tensor, nn


def num_weights(net: nn.Module) -> int:
    """The number of trained values: parameters, and other tensors that require a gradient, each counted once.

    A network may store them as plain tensors, as buffers, or in lists and dicts. Running statistics do not count.
    """
    return sum(weight.numel() for weight in weights(net))


def weights(net: nn.Module) -> list[Tensor]:
    """The network's parameters in their order, then other tensors that it holds and that require a gradient."""
    own = {id(p): p for p in net.parameters()}
    others = {
        id(t): t for t in held_tensors(net, set()) if t.is_leaf and (t.requires_grad or isinstance(t, nn.Parameter))
    }
    return list((own | others).values())


def held_tensors(value: Any, seen: set[int]) -> Iterator[Tensor]:
    """Yield every tensor among an object's attributes and their elements, recursively."""
    if id(value) in seen or value is None or isinstance(value, (ModuleType, type, str, bytes, int, float)):
        return
    seen.add(id(value))
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from held_tensors(part, seen)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for part in value:
            yield from held_tensors(part, seen)
    elif isinstance(value, nn.Module) or (hasattr(value, "__dict__") and not callable(value)):
        yield from held_tensors(value.__dict__, seen)
