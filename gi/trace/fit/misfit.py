"""A misfit between data and a layer or function. Check worker only."""

from dataclasses import dataclass
from typing import Any

from torch import nn


@dataclass(frozen=True, slots=True)
class Misfit:
    """A needed change: kind, argument name and position, value, as in `gi.core.trace.Fix`.

    `layer` is the layer to change where that is not the called one; or a tensor that the program made, whose sizes are
    its arguments; or the earlier step whose call has to change.
    """

    kind: str
    name: str = ""
    position: int = -1
    value: Any = None
    layer: nn.Module | Any = None
