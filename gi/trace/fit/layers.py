"""What a layer or function of torch needs its input to be, and how to make it fit on the fly. Check worker only.

The rules read the layer that was really built and the input that really arrived, so they hold for every style of
program. Each rule gives `Misfit`s: what is wrong, in the words of `gi.core.trace.Fix`.
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
MAX_DENSE = 10_000_000  # and so it is before a flatten, where the dense layer behind would grow to more weights
POOLED = 4  # to this height and width


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
    elif isinstance(module, nn.Dropout1d) and x.dim() not in (2, 3):  # the others warn at most
        yield Misfit("symbol", value="torch.nn.Dropout")
    elif isinstance(module, IMAGE_ONLY):
        yield from image_misfits(module, x)
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


def attention_width(module: nn.Module) -> int | None:
    """The width of the tokens that a layer of attention was built for, and keeps: its heads divide it."""
    if isinstance(module, nn.TransformerEncoder) and len(module.layers):
        module = module.layers[0]
    if isinstance(module, nn.TransformerEncoderLayer):
        module = module.self_attn
    return int(module.embed_dim) if isinstance(module, nn.MultiheadAttention) else None


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
    # The width that the layer has already is kept where a pool gives it: then only the pool is new.
    exact = [s for s in sizes if channels * s * s == wanted]
    size = next(iter(exact or (s for s in sizes if channels * s * s <= most)), 1)
    return Misfit("shrink", value=(size, channels * size * size))


def _batch_norm(module: Any, x: torch.Tensor) -> Iterator[Misfit]:
    dims = {"1d": (2, 3), "2d": (4,), "3d": (5,)}.get(type(module).__name__[-2:])
    # A layer for another number of axes becomes its sibling: their settings have the same names.
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
        # The greatest number of groups that divides both: 1 always does, and would change what the layer normalises.
        yield Misfit("argument", "num_groups", 0, math.gcd(channels, module.num_groups))


def _layer_norm(module: nn.LayerNorm, x: torch.Tensor, channels_last: bool) -> Iterator[Misfit]:
    count = len(module.normalized_shape)
    if tuple(module.normalized_shape) != tuple(x.shape[-count:]) or count >= x.dim():
        shape = tuple(int(n) for n in x.shape[1:])
        # Of all axes behind the batch where it was so before.
        if count == 1 and (channels_last or x.dim() == 3):  # of each position, or of each token
            shape = shape[-1:]
        yield Misfit("argument", "normalized_shape", 0, shape if len(shape) > 1 else shape[0])


def _rebuild(module: Any, misfit: Misfit) -> None:
    """Sets one argument of a built layer, with the meta parameters that follow from it."""
    # A parametrised weight would be computed over the new one.
    settle_weights(module)
    setattr(module, misfit.name, misfit.value)
    if isinstance(module, POOLS):
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
        # torch keeps this copy of the padding for its other padding modes.
        module._reversed_padding_repeated_twice = [p for p in reversed(module.padding) for _ in range(2)]
    # The fix of `groups` may still be to come: until then any number that divides the widths.
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
