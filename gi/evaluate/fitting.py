"""What a layer or function of torch needs its input to be, and how to make it fit on the fly. Check worker only.

The rules read the layer that was really built and the input that really arrived, so they hold for every style of
program. Each rule gives `Misfit`s: what is wrong, in the words of `gi.source.trace.Fix`.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.modules.instancenorm import _InstanceNorm

DENSE = frozenset({"torch.nn.Linear"})
CONVOLUTIONS = frozenset(f"torch.nn.Conv{t}{d}d" for t in ("", "Transpose") for d in (1, 2, 3))
MAX_FLAT = 4096  # a feature map of more values than this is pooled before a dense layer sees it
MAX_DENSE = 10_000_000  # and so it is before a flatten, where the dense layer behind would grow to more weights
POOLED = 4  # to this height and width

_POOLS = (nn.MaxPool1d, nn.MaxPool2d, nn.AvgPool1d, nn.AvgPool2d, nn.LPPool2d)
_ADAPTIVE = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d)
_CHANNEL_DROPOUTS = (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.FeatureAlphaDropout)
_IMAGE_ONLY = (
    *_POOLS, *_ADAPTIVE, nn.Upsample, nn.PixelShuffle, nn.PixelUnshuffle, nn.ChannelShuffle, nn.LocalResponseNorm,
    nn.ZeroPad2d, nn.ReflectionPad2d, nn.ReplicationPad2d, nn.ConstantPad2d, nn.Softmax2d,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Misfit:
    """What does not fit: kind, argument name and position, value, as in `gi.source.trace.Fix`.

    `layer` is the layer whose argument it is, where that is not the one that was called.
    """

    kind: str
    name: str = ""
    position: int = -1
    value: Any = None
    layer: nn.Module | None = None


def misfits(
    module: nn.Module, x: torch.Tensor, image: tuple[int, ...] = (), *, channels_last: bool = False
) -> Iterator[Misfit]:
    """What has to change before `module` can take `x`, in order; nothing where it fits.

    `image` is the shape of the image that was flattened to `x`, () where none was; `channels_last` says that the last
    dimension of an image holds its channels.
    """
    if isinstance(module, _ConvNd):
        yield from _convolution(module, x)
    elif isinstance(module, nn.Linear):
        yield from _dense(module, x, image, channels_last)
    elif isinstance(module, (_BatchNorm, _InstanceNorm)):
        yield from _batch_norm(module, x)
    elif isinstance(module, nn.GroupNorm):
        yield from _group_norm(module, x)
    elif isinstance(module, nn.LayerNorm):
        yield from _layer_norm(module, x, channels_last)
    elif isinstance(module, nn.PReLU) and module.num_parameters not in (1, _channels(x)):
        yield Misfit("argument", "num_parameters", 0, _channels(x))
    elif isinstance(module, _CHANNEL_DROPOUTS) and x.dim() != _rank(module):
        yield Misfit("symbol", value="torch.nn.Dropout")
    elif isinstance(module, _IMAGE_ONLY):
        yield from _image(module, x)
    elif isinstance(module, nn.Unflatten) and x.dim() > 2:
        yield Misfit("remove")


def applied(misfit: Misfit, module: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Makes the layer fit, as the text will later; the input that it then gets."""
    if misfit.kind == "flatten":
        return x.flatten(1)
    if misfit.kind == "pool":
        return nn.functional.adaptive_avg_pool2d(x, misfit.value).flatten(1)
    if misfit.kind == "shrink":
        return x.narrow(1, 0, misfit.value[1])
    if misfit.kind == "unsqueeze":
        return x.reshape(*x.shape, *misfit.value)
    if misfit.kind == "argument":
        _rebuild(module, misfit)
    elif misfit.kind == "symbol":
        module.__class__ = getattr(nn, misfit.value.rpartition(".")[2])
    return x


def promised(misfit: Misfit, module: Any) -> None:
    """Tells a layer that ran already what the text will give it; its weights stay, since data went through them."""
    if misfit.name != "padding":
        setattr(module, misfit.name, misfit.value)
    elif isinstance(misfit.value, str) or not isinstance(module, _ConvNd):
        module.padding = misfit.value
    else:
        module.padding = each_side_of(module, misfit.value)
        module._reversed_padding_repeated_twice = [p for p in reversed(module.padding) for _ in range(2)]


def each_side_of(module: _ConvNd, value: Any) -> tuple[int, ...]:
    """A setting of a convolution for each dimension of its kernel."""
    return tuple(value) if isinstance(value, tuple) else (value,) * len(module.kernel_size)


def _channels(x: torch.Tensor) -> int:
    return int(x.shape[1]) if x.dim() > 1 else int(x.shape[0])


def _rank(module: nn.Module) -> int:
    """The number of dimensions, batch included, that a layer named ...1d, ...2d or ...3d works on."""
    name = type(module).__name__
    return 2 + int(name[-2]) if name[-2:-1].isdigit() else 4


def _convolution(module: _ConvNd, x: torch.Tensor) -> Iterator[Misfit]:
    if x.dim() != len(module.kernel_size) + 2:
        return  # a convolution of flat features: torch's own error says it best
    channels, before = _channels(x), module.in_channels  # a misfit is applied as soon as it is given
    if before != channels:
        yield Misfit("argument", "in_channels", 0, channels)
        if module.groups == before and before > 1:  # depthwise stays depthwise
            yield Misfit("argument", "groups", 6, channels)
            if module.out_channels % channels:
                yield Misfit("argument", "out_channels", 1, channels * max(1, module.out_channels // before))
        elif channels % module.groups:
            yield Misfit("argument", "groups", 6, math.gcd(channels, module.groups, module.out_channels))
    elif module.groups > 1 and module.out_channels % module.groups:
        yield Misfit("argument", "groups", 6, math.gcd(channels, module.out_channels))
    if not isinstance(module, _ConvTransposeNd) and not isinstance(module.padding, str):
        yield from _window(module, x)


def _window(module: Any, x: torch.Tensor) -> Iterator[Misfit]:
    """A kernel that is larger than its padded input gets the padding that keeps the size."""
    reach = [d * (k - 1) + 1 for k, d in zip(module.kernel_size, module.dilation, strict=True)]
    sizes = x.shape[2:]
    if any(r > s + 2 * int(p) for r, s, p in zip(reach, sizes, module.padding, strict=True)):
        needed = [max(int(p), r // 2) for r, p in zip(reach, module.padding, strict=True)]
        yield Misfit("argument", "padding", 4, needed[0] if len(set(needed)) == 1 else tuple(needed))


def _dense(module: nn.Linear, x: torch.Tensor, image: tuple[int, ...], channels_last: bool) -> Iterator[Misfit]:
    features = int(x.shape[-1])
    if image and features * module.out_features > max(MAX_DENSE, module.weight.numel()):
        pooled = _pooled(image, max(module.in_features, MAX_FLAT), wanted=module.in_features)
        features = pooled.value[1]
        yield pooled
    if x.dim() == 4 and not channels_last:
        _, channels, height, width = x.shape
        features = channels * height * width
        if features > MAX_FLAT and height * width > POOLED * POOLED:
            features = channels * POOLED * POOLED
            yield Misfit("pool", value=POOLED)
        else:
            yield Misfit("flatten")
    if module.in_features != features:
        yield Misfit("argument", "in_features", 0, features)


def pooled_before_head(image: tuple[int, ...], num_classes: int) -> Misfit | None:
    """What gives (n, num_classes) where maps were flattened, one for each class, or what keeps a new last layer small.

    None where a dense layer on top is small.
    """
    if image[1] == num_classes:
        return _pooled(image, num_classes, wanted=num_classes)
    return _pooled(image, MAX_FLAT) if math.prod(image[1:]) * num_classes > MAX_DENSE else None


def _pooled(image: tuple[int, ...], most: int, wanted: int = 0) -> Misfit:
    """The image pooled to squares before it is flattened: to `wanted` features, else to at most so many.

    Its value is (height and width, number of features).
    """
    _, channels, height, width = image
    sizes = range(min(height, width), 0, -1)
    exact = [s for s in sizes if channels * s * s == wanted]
    size = next(iter(exact or (s for s in sizes if channels * s * s <= most)), 1)
    return Misfit("shrink", value=(size, channels * size * size))


def _batch_norm(module: Any, x: torch.Tensor) -> Iterator[Misfit]:
    dims = {"1d": (2, 3), "2d": (4,), "3d": (5,)}.get(type(module).__name__[-2:])
    if dims and x.dim() not in dims and x.dim() in (2, 3, 4):
        base = type(module).__name__[:-2]
        if base == "InstanceNorm" and x.dim() == 2:
            yield Misfit("remove")
            return
        yield Misfit("symbol", value=f"torch.nn.{base}{'2d' if x.dim() == 4 else '1d'}")
    if module.num_features != _channels(x):
        yield Misfit("argument", "num_features", 0, _channels(x))


def _group_norm(module: nn.GroupNorm, x: torch.Tensor) -> Iterator[Misfit]:
    channels = _channels(x)
    if module.num_channels != channels:
        yield Misfit("argument", "num_channels", 1, channels)
    if channels % module.num_groups:
        yield Misfit("argument", "num_groups", 0, math.gcd(channels, module.num_groups))


def _layer_norm(module: nn.LayerNorm, x: torch.Tensor, channels_last: bool) -> Iterator[Misfit]:
    count = len(module.normalized_shape)
    if tuple(module.normalized_shape) != tuple(x.shape[-count:]) or count >= x.dim():
        shape = tuple(int(n) for n in x.shape[1:])
        if count == 1 and (channels_last or x.dim() == 3):  # of each position, or of each token
            shape = shape[-1:]
        yield Misfit("argument", "normalized_shape", 0, shape if len(shape) > 1 else shape[0])


def _image(module: nn.Module, x: torch.Tensor) -> Iterator[Misfit]:
    """A layer that works on images is left out where there is no image, or none of a size that it can take."""
    if x.dim() != _rank(module) or not _takes(module, x):
        yield Misfit("remove")
    elif isinstance(module, _POOLS):
        padding = getattr(module, "padding", 0)
        kernel, stride = module.kernel_size, module.stride or module.kernel_size
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
    """A pool whose kernel is larger than its image takes what there is; where that is nothing, it goes."""
    sizes = [int(s) for s in x.shape[2:]]
    gaps = [s + 2 * int(p) - int(k) for s, p, k in zip(sizes, padding, kernel, strict=False)]
    if min(gaps, default=0) >= 0:
        return
    rounded = all(g + int(s) - 1 >= 0 for g, s in zip(gaps, stride, strict=False))
    if rounded and ceil_mode:
        return
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
            return _channels(x) % module.upscale_factor**2 == 0
        case nn.PixelUnshuffle():
            return all(s % module.downscale_factor == 0 for s in sizes)
        case nn.ChannelShuffle():
            return _channels(x) % module.groups == 0
    return True


def each_side(value: Any, x: torch.Tensor) -> tuple[int, ...]:
    """A setting of a window for each side of the image."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * (x.dim() - 2)


def _rebuild(module: Any, misfit: Misfit) -> None:
    """Sets one argument of a built layer, with the meta parameters that follow from it."""
    setattr(module, misfit.name, misfit.value)
    if isinstance(module, _POOLS):
        return
    if isinstance(module, _ConvNd):
        _rebuild_convolution(module)
    elif isinstance(module, nn.Linear):
        module.weight = nn.Parameter(torch.empty(module.out_features, module.in_features, device="meta"))
    elif isinstance(module, nn.LayerNorm):
        value = misfit.value
        module.normalized_shape = tuple(value) if isinstance(value, tuple) else (value,)
        _resize_affine(module, *module.normalized_shape)
    elif isinstance(module, nn.PReLU):
        module.weight = nn.Parameter(torch.empty(misfit.value, device="meta"))
    else:
        _resize_affine(module, getattr(module, "num_features", None) or module.num_channels)


def _rebuild_convolution(module: Any) -> None:
    padding, dims = module.padding, len(module.kernel_size)
    module.padding = padding if isinstance(padding, (tuple, str)) else (padding,) * dims
    if not isinstance(module.padding, str):
        module._reversed_padding_repeated_twice = [p for p in reversed(module.padding) for _ in range(2)]
    groups = module.groups if not (module.in_channels % module.groups or module.out_channels % module.groups) else 1
    first, second = (
        (module.in_channels, module.out_channels) if module.transposed else (module.out_channels, module.in_channels)
    )
    module.weight = nn.Parameter(torch.empty(first, second // groups, *module.kernel_size, device="meta"))
    if module.bias is not None:
        module.bias = nn.Parameter(torch.empty(module.out_channels, device="meta"))


def _resize_affine(module: Any, *shape: int) -> None:
    for name in ("weight", "bias"):
        if getattr(module, name, None) is not None:
            setattr(module, name, nn.Parameter(torch.empty(*shape, device="meta")))
    for name in ("running_mean", "running_var"):
        if getattr(module, name, None) is not None:
            setattr(module, name, torch.empty(*shape, device="meta"))
