"""Which call overwrites what a backward pass still needs. Check worker only.

The backward of a ReLU or a sigmoid reads the function's result; where that is changed in place afterwards, `backward`
fails. So it does where a new layer stands in front of `nn.ReLU(inplace=True)` or of `out += x`.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from gi.evaluate.fitting import Misfit

_AUGMENTED = frozenset({"__iadd__", "__isub__", "__imul__", "__itruediv__"})
_FLAGGED = {"relu": 1, "relu6": 1, "hardtanh": 3, "elu": 2, "selu": 1, "celu": 2, "leaky_relu": 2, "rrelu": 4}
_FLAGGED |= {"silu": 1, "mish": 1, "hardswish": 1, "hardsigmoid": 1, "dropout": 3, "threshold": 3}


_SAVED = frozenset(
    {
        "relu",
        "sigmoid",
        "tanh",
        "softmax",
        "log_softmax",
        "softmin",
        "exp",
        "sqrt",
        "rsqrt",
        "reciprocal",
        "gumbel_softmax",
    }
)


class Kept:
    """The results that a backward pass reads, as the functions that gave them were called."""

    def __init__(self) -> None:
        """Starts with none."""
        self._results: dict[int, Any] = {}

    def note(self, func: Callable[..., Any], output: Any) -> None:
        """A function gave a result, a new one or its first argument's changed."""
        if getattr(func, "__name__", "").rstrip("_") in _SAVED:
            self._results[id(output)] = output
        else:
            self._results.pop(id(output), None)

    def overwriting_layer(self, layer: nn.Module, x: torch.Tensor) -> Misfit | None:
        """What has to change where a layer works in place on what is kept."""
        return Misfit("inplace") if getattr(layer, "inplace", False) is True and id(x) in self._results else None

    def overwriting_function(self, func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Misfit | None:
        """The same for a function: `F.relu(x, inplace=True)`, `x.relu_()`, `x += y`."""
        if not args or id(args[0]) not in self._results:
            return None
        name = getattr(func, "__name__", "")
        flag = args[_FLAGGED[name]] if len(args) > _FLAGGED.get(name, len(args)) else kwargs.get("inplace", False)
        in_place = flag is True or name in _AUGMENTED or (name.endswith("_") and not name.startswith("_"))
        return Misfit("inplace") if in_place else None
