"""What does not fit where data meets a layer or a function. Check worker only."""

from dataclasses import dataclass
from typing import Any

from torch import nn


@dataclass(frozen=True, slots=True)
class Misfit:
    """What does not fit: kind, argument name and position, value, as in `gi.core.trace.Fix`.

    `layer` is the layer whose argument it is, where that is not the one that was called; or a tensor that the program
    made itself, whose sizes are its arguments; or the earlier step whose call has to change.
    """

    kind: str
    name: str = ""
    position: int = -1
    value: Any = None
    layer: nn.Module | Any = None
