"""The output sizes of convolutions, pools and resizes."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from gi.kernels.channels.producers import Shape, Value
from gi.kernels.onnx.graphs import Operator

T = TypeVar("T")


def window_sizes(operator: Operator, sizes: Shape, kernel: Sequence[int]) -> Shape:
    """The spatial sizes after a convolution or a pool with this kernel; None where unknown."""
    axes = len(kernel)
    strides, dilations = _each(operator, "strides", axes), _each(operator, "dilations", axes)
    pads = _pads(operator, axes)
    auto, up = operator.text("auto_pad", "NOTSET"), operator.int("ceil_mode")
    return tuple(
        _window(size, kernel[at], strides[at], dilations[at], pads[at] + pads[at + axes], auto, up)
        for at, size in enumerate(sizes)
    )


def _window(size: int | None, kernel: int, stride: int, dilation: int, pad: int, auto: str, up: int) -> int | None:
    if size is None or stride < 1:
        return None
    if auto.startswith("SAME"):
        return -(-size // stride)  # by ONNX's definition of SAME, whatever the kernel
    room = size + (0 if auto == "VALID" else pad) - dilation * (kernel - 1) - 1
    new_size = (-(-room // stride) if up else room // stride) + 1
    return new_size if new_size > 0 else None


def transposed_sizes(operator: Operator, sizes: Shape, kernel: Sequence[int]) -> Shape:
    """The spatial sizes after a transposed convolution."""
    axes = len(kernel)
    declared = operator.ints("output_shape")
    if len(declared) >= axes:
        return tuple(declared[-axes:])
    strides, dilations = _each(operator, "strides", axes), _each(operator, "dilations", axes)
    more = operator.ints("output_padding") or (0,) * axes
    pads = _pads(operator, axes)
    if operator.text("auto_pad", "NOTSET").startswith("SAME"):
        return tuple(None if size is None else size * strides[at] for at, size in enumerate(sizes))
    return tuple(
        None
        if size is None
        else strides[at] * (size - 1) + more[at] + dilations[at] * (kernel[at] - 1) + 1 - pads[at] - pads[at + axes]
        for at, size in enumerate(sizes)
    )


def window_of(operator: Operator, at: int, size: int, new_size: int, kernel: Sequence[int]) -> tuple[int, int, int]:
    """Stride, dilation and leading pad of a pool's window along its spatial axis `at`."""
    axes = len(kernel)
    stride, dilation = _each(operator, "strides", axes)[at], _each(operator, "dilations", axes)[at]
    pads = _pads(operator, axes)
    auto = operator.text("auto_pad", "NOTSET")
    if auto.startswith("SAME"):
        more = max(0, (new_size - 1) * stride + dilation * (kernel[at] - 1) + 1 - size)
        # The extra one of an odd number of pads goes to the end with SAME_UPPER, else to the beginning.
        return stride, dilation, more // 2 if auto == "SAME_UPPER" else more - more // 2
    return stride, dilation, 0 if auto == "VALID" else pads[at]


def resized_shape(operator: Operator, shape: Shape, given: Sequence[Value]) -> Shape:
    """The shape after Resize or Upsample; computed sizes are None."""
    factors = resize_factors(operator, len(shape), given)
    sizes = _resize_sizes(operator, len(shape), given)
    new_shape: list[int | None] = [size if at < 2 else None for at, size in enumerate(shape)]
    for axis in range(len(shape)):
        old = shape[axis]
        if axis in sizes:
            new_shape[axis] = sizes[axis]
        elif axis in factors:
            new_shape[axis] = None if old is None else int(old * factors[axis])
        elif sizes or factors:
            new_shape[axis] = old
    return tuple(new_shape)


def resize_factors(operator: Operator, axes: int, given: Sequence[Value]) -> dict[int, float]:
    """The scale factors of a Resize or Upsample by axis, if constant."""
    # Since opset 11 a Resize has the region of interest before the scales.
    place = 2 if len(given) > 2 else 1
    scales = given[place] if len(given) > place else None
    factors = tuple(operator.attributes["scales"].floats) if "scales" in operator.attributes else ()
    if isinstance(scales, np.ndarray) and scales.size:
        factors = tuple(map(float, scales.reshape(-1)))
    return _by_axis(operator, axes, factors)


def _resize_sizes(operator: Operator, axes: int, given: Sequence[Value]) -> dict[int, int | None]:
    sizes = given[3] if len(given) > 3 else None
    if not isinstance(sizes, np.ndarray) or not sizes.size:
        return {}
    stretched = operator.text("keep_aspect_ratio_policy", "stretch") == "stretch"  # else the sizes are bounds
    by_axis = _by_axis(operator, axes, tuple(map(int, sizes.reshape(-1))))
    return {axis: size if stretched else None for axis, size in by_axis.items()}


def _by_axis(operator: Operator, axes: int, values: Sequence[T]) -> dict[int, T]:
    """The values by their axes; empty where their number does not fit."""
    over = [axis % axes for axis in operator.ints("axes")] or list(range(axes))
    return dict(zip(over, values, strict=True)) if len(over) == len(values) else {}


def _pads(operator: Operator, axes: int) -> tuple[int, ...]:
    """The leading pads of all axes, then the trailing ones; zeros where their number does not fit."""
    pads = operator.ints("pads")
    return pads if len(pads) == 2 * axes else (0,) * 2 * axes


def _each(operator: Operator, name: str, axes: int) -> tuple[int, ...]:
    sizes = operator.ints(name)
    return sizes if len(sizes) == axes else (1,) * axes
