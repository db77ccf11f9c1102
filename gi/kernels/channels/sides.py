"""The input and output widths of a convolution, and the channels that pass through a depthwise one."""

from dataclasses import dataclass

import numpy as np

from gi.kernels.channels.producers import THROUGH, Shape, planes_of
from gi.kernels.onnx.evaluator import Sizes
from gi.kernels.onnx.graphs import Operator
from gi.kernels.records import Ints, Layer


@dataclass(frozen=True, slots=True)
class Sides:
    """Output channels, input channels and kernel of a convolution, whether or not the index has it."""

    out: int
    into: int
    kernel: tuple[int, ...]
    is_depthwise: bool

    @classmethod
    def of_layer(cls, layer: Layer) -> "Sides":
        """The sides of a layer of the index."""
        return cls(layer.out_channels, layer.in_channels, layer.shape, layer.kind == "depthwise")

    @classmethod
    def of_weight(cls, operator: Operator, weight: Sizes | None) -> "Sides | None":
        """The sides of a convolution with a weight of this shape; None where that is not known."""
        if weight is None or len(weight) < 3 or None in weight:
            return None
        first, second, *kernel = (size or 0 for size in weight)
        groups = max(1, operator.int("group", 1))
        if operator.type == "ConvTranspose":
            return cls(second * groups, first, tuple(kernel), is_depthwise=False)  # its weight is (in, out / groups)
        return cls(first, second * groups, tuple(kernel), is_depthwise=groups > 1 and second == 1)


def let_through(sides: Sides, rows: Ints, numbers: Ints, shape: Shape) -> tuple[Ints, ...]:
    """The planes of channels that pass a depthwise convolution: channel c feeds its `out / in` output channels."""
    if not len(rows):
        return ()
    times = sides.out // sides.into
    spread = (rows[:, None] * times + np.arange(times)).reshape(-1)
    marked = np.repeat(numbers | THROUGH, times)
    order = np.lexsort((marked, spread))  # `planes_of` reads pairs in ascending order
    return planes_of(spread[order], marked[order], shape)
