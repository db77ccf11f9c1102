"""Finds calls that overwrite a tensor that a backward pass still needs. Check worker only.

The backward of a sigmoid reads the function's result, that of a convolution its input; if that is changed in place
afterwards, `backward` fails. This happens when a new layer precedes `nn.ReLU(inplace=True)` or `out += x`, or when the
normalisation between a convolution and an in-place ReLU was removed.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from gi.trace.fit.misfit import Misfit
from gi.trace.fit.remembered_outputs import storage_of

_AUGMENTED = frozenset({"__iadd__", "__isub__", "__imul__", "__itruediv__"})
_FLAGGED = {"relu": 1, "relu6": 1, "hardtanh": 3, "elu": 2, "selu": 1, "celu": 2, "leaky_relu": 2, "rrelu": 4}
_FLAGGED |= {"silu": 1, "mish": 1, "hardswish": 1, "hardsigmoid": 1, "dropout": 3, "threshold": 3}


class Kept:
    """The tensors that the backward pass of the calls so far reads."""

    def __init__(self) -> None:
        """Starts without any."""
        self._saved: dict[int, torch.Tensor] = {}  # by their memory, which lives as long as they do

    def note(self, saved: Iterable[torch.Tensor]) -> None:
        """Records the tensors that the backward of a call reads."""
        self._saved.update((storage_of(t), t) for t in saved if not isinstance(t, nn.Parameter))

    def _holds(self, value: Any) -> bool:
        return isinstance(value, torch.Tensor) and storage_of(value) in self._saved

    def overwriting_layer(self, layer: nn.Module, x: torch.Tensor) -> Misfit | None:
        """The misfit of a layer that changes a saved tensor in place; None where it does not."""
        return Misfit("inplace") if getattr(layer, "inplace", False) is True and self._holds(x) else None

    def overwriting_function(self, func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Misfit | None:
        """The same for a function: `F.relu(x, inplace=True)`, `x.relu_()`, `x += y`."""
        if not args or not self._holds(args[0]):
            return None
        name = getattr(func, "__name__", "")
        # By position, too, as in the common `F.relu(x, True)`.
        flag = args[_FLAGGED[name]] if len(args) > _FLAGGED.get(name, len(args)) else kwargs.get("inplace", False)
        in_place = flag is True or name in _AUGMENTED or (name.endswith("_") and not name.startswith("_"))
        return Misfit("inplace") if in_place else None
