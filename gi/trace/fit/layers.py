"""The misfits of torch's layers with their inputs, and how to make a layer fit during the run. Check worker only.

The rules compare the built layer with its actual input, so they hold for every style of program. Each rule yields
`Misfit`s with the fields of `gi.core.trace.Fix`.
"""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.modules.instancenorm import _InstanceNorm

from gi.trace.fit.misfit import Misfit
from gi.trace.fit.plain_weights import settle_weights
from gi.trace.fit.windows import IMAGE_ONLY, POOLS, image_misfits, window

MAX_FLAT = 4096  # a feature map of more values than this is pooled before a dense layer sees it
MAX_DENSE = 10_000_000  # before a flatten it is pooled, too, if the dense layer would grow to more weights
POOLED = 4  # height and width after pooling


def misfits(
    module: nn.Module, x: torch.Tensor, image: tuple[int, ...] = (), *, channels_last: bool = False
) -> Iterator[Misfit]:
    """The changes needed before `module` can take `x`, in order; none where it fits.

    `image` is the shape of the image that was flattened to `x`, () where none was; `channels_last` means that an
    image's last dimension holds its channels.
    """
    if isinstance(module, _ConvNd):
        yield from _convolution(module, x)
    elif isinstance(module, nn.Linear):
        yield from _dense(module, x, image, channels_last)
    elif isinstance(module, (_BatchNorm, _InstanceNorm)):
        yield from _batch_norm(module, x)
    elif isinstance(module, nn.GroupNorm):
        yield from _group_norm(module, x)
    elif isinstance(module, (nn.LayerNorm, nn.RMSNorm)):
        yield from _layer_norm(module, x, channels_last)
    elif isinstance(module, nn.PReLU) and module.num_parameters not in (1, _channels(x)):
        yield Misfit("argument", "num_parameters", 0, _channels(x))
    elif isinstance(module, nn.Dropout1d) and x.dim() not in (2, 3):  # the others warn at most
        yield Misfit("symbol", value="torch.nn.Dropout")
    elif isinstance(module, IMAGE_ONLY):
        yield from image_misfits(module, x)
    elif isinstance(module, nn.Unflatten) and x.dim() > 2:
        yield Misfit("remove")


def applied(misfit: Misfit, module: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Makes the layer fit, as the repaired text will; returns the input that it then gets."""
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


def attention_width(module: nn.Module) -> int | None:
    """The token width of an attention layer, which must stay, since its heads divide it; None for other layers."""
    if isinstance(module, nn.TransformerEncoder) and len(module.layers):
        module = module.layers[0]
    if isinstance(module, nn.TransformerEncoderLayer):
        module = module.self_attn
    return int(module.embed_dim) if isinstance(module, nn.MultiheadAttention) else None


def promised(misfit: Misfit, module: Any) -> None:
    """Sets an argument of a layer that ran already to its repaired value, without changing its weights."""
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


def _convolution(module: _ConvNd, x: torch.Tensor) -> Iterator[Misfit]:
    if x.dim() != len(module.kernel_size) + 2:
        return  # a convolution of flat features, for which torch's own error is clear
    channels, before = _channels(x), module.in_channels  # read now: each misfit is applied as soon as it is yielded
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
        yield from window(module, x)


def _dense(module: nn.Linear, x: torch.Tensor, image: tuple[int, ...], channels_last: bool) -> Iterator[Misfit]:
    features = int(x.shape[-1])
    # A flatten of large maps in front of a dense layer would make tens of millions of weights: decision 005.
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
    """The pooling that gives (n, num_classes) from one map for each class, or that keeps a new last layer small.

    None where a dense layer after the flatten is small.
    """
    if image[1] == num_classes:
        return _pooled(image, num_classes, wanted=num_classes)
    return _pooled(image, MAX_FLAT) if math.prod(image[1:]) * num_classes > MAX_DENSE else None


def _pooled(image: tuple[int, ...], most: int, wanted: int = 0) -> Misfit:
    """The pooling of an image to a square before it is flattened: to `wanted` features, else to at most `most`.

    Its value is (height and width, number of features).
    """
    _, channels, height, width = image
    sizes = range(min(height, width), 0, -1)
    # The layer's present width is kept if some pooling gives it: then only the pool is new.
    exact = [s for s in sizes if channels * s * s == wanted]
    size = next(iter(exact or (s for s in sizes if channels * s * s <= most)), 1)
    return Misfit("shrink", value=(size, channels * size * size))


def _batch_norm(module: Any, x: torch.Tensor) -> Iterator[Misfit]:
    dims = {"1d": (2, 3), "2d": (4,), "3d": (5,)}.get(type(module).__name__[-2:])
    # Replaced by the layer of the same kind for this number of axes, whose settings have the same names.
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
        # The greatest common divisor: 1 would always fit, but changes most what the layer normalises.
        yield Misfit("argument", "num_groups", 0, math.gcd(channels, module.num_groups))


def _layer_norm(module: nn.LayerNorm | nn.RMSNorm, x: torch.Tensor, channels_last: bool) -> Iterator[Misfit]:
    count = len(module.normalized_shape)
    if tuple(module.normalized_shape) != tuple(x.shape[-count:]) or count >= x.dim():
        shape = tuple(int(n) for n in x.shape[1:])
        # All axes but the batch, as before; the last one alone for each position or token.
        if count == 1 and (channels_last or x.dim() == 3):
            shape = shape[-1:]
        yield Misfit("argument", "normalized_shape", 0, shape if len(shape) > 1 else shape[0])


def _rebuild(module: Any, misfit: Misfit) -> None:
    """Sets one argument of a built layer, and the meta parameters that depend on it."""
    # A parametrised weight would be computed anew over the resized one.
    settle_weights(module)
    setattr(module, misfit.name, misfit.value)
    if isinstance(module, POOLS):
        return
    if isinstance(module, _ConvNd):
        _rebuild_convolution(module)
    elif isinstance(module, nn.Linear):
        module.weight = nn.Parameter(torch.empty(module.out_features, module.in_features, device="meta"))
    elif isinstance(module, (nn.LayerNorm, nn.RMSNorm)):
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
        # torch keeps this copy of the padding for its other padding modes.
        module._reversed_padding_repeated_twice = [p for p in reversed(module.padding) for _ in range(2)]
    # A fix of `groups` may follow: until then any number that divides the widths.
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
