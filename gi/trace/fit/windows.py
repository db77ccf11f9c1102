"""The misfits of convolutions, pools and other image layers with the sizes of images. Check worker only."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from gi.trace.fit.misfit import Misfit

POOLS = (nn.MaxPool1d, nn.MaxPool2d, nn.AvgPool1d, nn.AvgPool2d, nn.LPPool2d)
_ADAPTIVE = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d)
IMAGE_ONLY = (
    *POOLS, *_ADAPTIVE, nn.Upsample, nn.PixelShuffle, nn.PixelUnshuffle, nn.ChannelShuffle, nn.LocalResponseNorm,
    nn.ZeroPad2d, nn.ReflectionPad2d, nn.ReplicationPad2d, nn.ConstantPad2d, nn.Softmax2d,
)  # fmt: skip


def rank(module: nn.Module) -> int:
    """The number of dimensions, batch included, that a layer named ...1d, ...2d or ...3d works on."""
    name = type(module).__name__
    return 2 + int(name[-2]) if name[-2:-1].isdigit() else 4


def window(module: Any, x: torch.Tensor) -> Iterator[Misfit]:
    """The padding that keeps the size, for a kernel that is larger than its padded input."""
    reach = [d * (k - 1) + 1 for k, d in zip(module.kernel_size, module.dilation, strict=True)]
    sizes = x.shape[2:]
    if any(r > s + 2 * int(p) for r, s, p in zip(reach, sizes, module.padding, strict=True)):
        needed = [max(int(p), r // 2) for r, p in zip(reach, module.padding, strict=True)]
        yield Misfit("argument", "padding", 4, needed[0] if len(set(needed)) == 1 else tuple(needed))


def image_misfits(module: nn.Module, x: torch.Tensor) -> Iterator[Misfit]:
    """Removes an image layer whose input is no image or has a size that it cannot take; adapts a pool's settings."""
    if x.dim() != rank(module) or not _takes(module, x):
        yield Misfit("remove")
    elif isinstance(module, POOLS):
        padding = getattr(module, "padding", 0)
        kernel, stride = module.kernel_size, module.stride or module.kernel_size
        # torch refuses a padding of more than half the kernel.
        most = min(int(k) // 2 for k in each_side(kernel, x))
        if max(map(int, each_side(padding, x))) > most:
            yield Misfit("argument", "padding", 2, most)
        sides = [each_side(v, x) for v in (kernel, stride, padding)]
        yield from small_window(x, *sides, ceil_mode=getattr(module, "ceil_mode", False))


def small_window(
    x: torch.Tensor,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    *,
    ceil_mode: bool = False,
) -> Iterator[Misfit]:
    """Sets `ceil_mode` of a pool whose kernel is larger than its padded image, or removes it if that does not help."""
    sizes = [int(s) for s in x.shape[2:]]
    gaps = [s + 2 * int(p) - int(k) for s, p, k in zip(sizes, padding, kernel, strict=False)]
    if min(gaps, default=0) >= 0:
        return
    rounded = all(g + int(s) - 1 >= 0 for g, s in zip(gaps, stride, strict=False))
    if rounded and ceil_mode:
        return
    # An image of one pixel cannot be rounded up.
    if rounded and max(sizes) > 1:
        yield Misfit("argument", "ceil_mode", -1, True)
    else:
        yield Misfit("remove", "ceil_mode" if rounded else "")


def _takes(module: Any, x: torch.Tensor) -> bool:
    sizes = [int(s) for s in x.shape[2:]]
    match module:
        case nn.ReflectionPad2d():
            return max(module.padding) < min(sizes)
        case nn.PixelShuffle():
            return int(x.shape[1]) % module.upscale_factor**2 == 0
        case nn.PixelUnshuffle():
            return all(s % module.downscale_factor == 0 for s in sizes)
        case nn.ChannelShuffle():
            return int(x.shape[1]) % module.groups == 0
    return True


def each_side(value: Any, x: torch.Tensor) -> tuple[int, ...]:
    """A setting of a window for each side of the image."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * (x.dim() - 2)
