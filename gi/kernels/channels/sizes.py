"""The sizes that convolutions, pools and resizes give to what they make."""

from collections.abc import Sequence

import numpy as np

from gi.kernels.channels.producers import Shape, Value
from gi.kernels.onnx.graphs import Operator


def window_sizes(operator: Operator, sizes: Shape, kernel: Sequence[int]) -> Shape:
    """What a convolution or a pool with this kernel makes of these spatial sizes, None where that is not known."""
    axes = len(kernel)
    strides, dilations = _each(operator, "strides", axes), _each(operator, "dilations", axes)
    pads = operator.ints("pads") if len(operator.ints("pads")) == 2 * axes else (0,) * 2 * axes
    auto, up = operator.text("auto_pad", "NOTSET"), operator.int("ceil_mode")
    return tuple(
        _window(size, kernel[at], strides[at], dilations[at], pads[at] + pads[at + axes], auto, up)
        for at, size in enumerate(sizes)
    )


def _window(size: int | None, kernel: int, stride: int, dilation: int, pad: int, auto: str, up: int) -> int | None:
    if size is None or stride < 1:
        return None
    if auto.startswith("SAME"):
        return -(-size // stride)
    room = size + (0 if auto == "VALID" else pad) - dilation * (kernel - 1) - 1
    made = (-(-room // stride) if up else room // stride) + 1
    return made if made > 0 else None


def transposed_sizes(operator: Operator, sizes: Shape, kernel: Sequence[int]) -> Shape:
    """What a transposed convolution makes of these spatial sizes."""
    axes = len(kernel)
    told = operator.ints("output_shape")
    if len(told) >= axes:
        return tuple(told[-axes:])
    strides, dilations = _each(operator, "strides", axes), _each(operator, "dilations", axes)
    more = operator.ints("output_padding") or (0,) * axes
    pads = operator.ints("pads") if len(operator.ints("pads")) == 2 * axes else (0,) * 2 * axes
    if operator.text("auto_pad", "NOTSET").startswith("SAME"):
        return tuple(None if size is None else size * strides[at] for at, size in enumerate(sizes))
    return tuple(
        None
        if size is None
        else strides[at] * (size - 1) + more[at] + dilations[at] * (kernel[at] - 1) + 1 - pads[at] - pads[at + axes]
        for at, size in enumerate(sizes)
    )


def resized_shape(operator: Operator, shape: Shape, given: Sequence[Value]) -> Shape:
    """The shape after Resize or Upsample; sizes that only a run would tell are None."""
    arrays = [value if isinstance(value, np.ndarray) else None for value in given]
    sizes = arrays[3] if len(arrays) > 3 else None
    scales = arrays[2] if len(arrays) > 2 else arrays[1] if len(arrays) > 1 else None
    factors = tuple(operator.attributes["scales"].floats) if "scales" in operator.attributes else ()
    if scales is not None and scales.size:
        factors = tuple(map(float, scales.reshape(-1)))
    axes = operator.ints("axes") or tuple(range(len(shape)))
    made: list[int | None] = [size if at < 2 else None for at, size in enumerate(shape)]
    for place, axis in enumerate(axes):
        if sizes is not None and sizes.size == len(axes):
            made[axis] = int(sizes.reshape(-1)[place])
        elif len(factors) == len(axes):
            old = shape[axis]
            made[axis] = None if old is None else int(old * factors[place])
    return tuple(made)


def _each(operator: Operator, name: str, axes: int) -> tuple[int, ...]:
    found = operator.ints(name)
    return found if len(found) == axes else (1,) * axes
