"""The misfits of torch's functions with their arguments, and their outputs once repaired. Check worker only.

A misfit of two feature maps is repaired at its cause, such as a window whose padding loses the border, or a gate whose
last layer has another width; only the rest gets a projection or a pooling.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from gi.trace.fit.data_flow import DataFlow, channel_pad, connections, shrinking, strided
from gi.trace.fit.misfit import Misfit
from gi.trace.fit.windows import each_side, small_window

_SUMS = frozenset({"add", "__add__", "__radd__", "sub", "mul", "__mul__", "__rmul__"})
_IN_PLACE = frozenset({"add_", "__iadd__", "mul_", "__imul__"})
_CONCATENATIONS = frozenset({"cat", "concat", "concatenate"})


def function_misfits(
    name: str, args: tuple[Any, ...], kwargs: dict[str, Any], batch: int, flow: DataFlow
) -> list[Misfit]:
    """The changes needed before function `name` can take its arguments; [] where it fits."""
    if name in _CONCATENATIONS:
        return list(_concatenation(args, flow))
    if not args or not isinstance(args[0], torch.Tensor):
        return []
    x = args[0]
    if name in ("view", "reshape"):
        # A wrong number of values comes first: a reshape would not fit either.
        unfilled = list(_view(x, args[1:], batch, flow))
        return unfilled or ([Misfit("reshape")] if name == "view" and _cannot_view(x, args[1:]) else [])
    # torch dispatches `F.max_pool2d` through inner functions called `fn` and `boolean_dispatch`.
    if name.startswith(("max_pool", "avg_pool")) or name in ("boolean_dispatch", "fn"):
        return list(_pool(x, args, kwargs))
    if name.startswith("adaptive_") and x.dim() == 2:
        return [Misfit("remove")]
    if name in _SUMS | _IN_PLACE and len(args) > 1 and isinstance(args[1], torch.Tensor):
        return list(_sum(x, args[1], name in _IN_PLACE, flow))
    return []


def made_to_fit(misfits: list[Misfit], func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The function's output as it will be after the repair."""
    # The last misfit determines the output; those before it are changed arguments of earlier layers.
    kind, name, value = misfits[-1].kind, misfits[-1].name, misfits[-1].value
    x = args[0]
    if kind == "view":
        return x.flatten(1)
    if kind == "reshape":
        return x.reshape(*args[1:])
    if kind == "shrink":
        return x.flatten(2).sum(2)
    if kind == "becomes":
        return like(x, value)
    if kind in ("resize", "sized") and not isinstance(x, torch.Tensor):
        return func([_resized(t, value) for t in x], *args[1:], **kwargs)
    if kind in ("project", "resize"):
        return _target(args[0], args[1], name)
    if kind == "argument" and isinstance(x, torch.Tensor) and misfits[-1].layer is None:
        names = ("input", "kernel_size", "stride", "padding")
        given = dict(zip(names, args, strict=False)) | kwargs
        return func(**(given | {m.name: m.value for m in misfits}))
    return x


def like(x: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """A tensor of a shape that depends on `x`."""
    # Later calls need only the shape, and a gradient that reaches back to `x`.
    return x.sum().expand(shape)


def _resized(x: torch.Tensor, size: Any) -> torch.Tensor:
    return x if tuple(x.shape[2:]) == tuple(size) else nn.functional.adaptive_avg_pool2d(x, size)


def _target(left: torch.Tensor, right: torch.Tensor, changed: str) -> torch.Tensor:
    kept, other = (right, left) if changed == "left" else (left, right)
    return kept + like(other, tuple(kept.shape))


# Views ---------------------------------------------------------------------------------------------------------------


def _view(x: torch.Tensor, sizes: tuple[Any, ...], batch: int, flow: DataFlow) -> Iterator[Misfit]:
    """Views to (-1, k) or (n, k) with another number k of features, or to sizes that the features do not fill."""
    if len(sizes) == 1 and isinstance(sizes[0], (tuple, list, torch.Size)):
        sizes = tuple(sizes[0])
    # A view of a tensor whose first size is not the batch may merge images on purpose.
    if not all(isinstance(s, int) for s in sizes) or x.shape[:1] != (batch,):
        return
    features = math.prod(x.shape[1:])
    if len(sizes) != 2:
        yield from _filled(x, tuple(int(s) for s in sizes), batch, flow)
    elif sizes[0] > 0 and sizes[0] % batch:  # a fixed number of images: `x.view(100, -1)`
        yield Misfit("view", "batch", value=(-1, features))
    # -1 fits any size; a number fits one image size only.
    elif sizes[0] in (batch, -1) and (sizes[1] not in (features, -1)):
        if x.dim() == 4 and sizes[1] == x.shape[1]:  # one value for each channel
            yield Misfit("shrink", value=(1, int(sizes[1])))
        else:
            yield Misfit("view", value=(-1, features))


def _cannot_view(x: torch.Tensor, sizes: tuple[Any, ...]) -> bool:
    """Whether a view to these sizes fails by the memory layout, where a reshape, which may copy, works.

    For example the output of a transpose or a channels-last block, before a user's `x.view(x.size(0), -1)`.
    """
    # Most tensors are contiguous, and trying costs an exception.
    if x.is_contiguous() or (len(sizes) == 1 and not isinstance(sizes[0], (int, tuple, list))):
        return False
    try:
        x.reshape(*sizes)
    except (RuntimeError, TypeError):
        return False
    try:
        x.view(*sizes)
    except RuntimeError:
        return True
    return False


def _filled(x: torch.Tensor, sizes: tuple[int, ...], batch: int, flow: DataFlow) -> Iterator[Misfit]:
    """Sets the width of the layer before to what the view needs: (n, c, 1, 1), (n, groups, c, h, w)."""
    if len(sizes) < 3 or sizes[0] != batch or -1 in sizes or math.prod(sizes) == x.numel():
        return
    # The leading axes stay, and the view splits the last one.
    kept = x.dim() - 1
    if len(sizes) > x.dim() > 2 and sizes[:kept] == tuple(x.shape[:kept]):  # (n, tokens, heads, features of each)
        source = flow.width_source(x, kept)
        if source is not None:
            yield width_of(source, math.prod(sizes[kept:]))
            yield Misfit("becomes", value=sizes)
        return
    room = math.prod(sizes[1:]) if x.dim() == 2 else math.prod(sizes[1 : len(sizes) - x.dim() + 2])
    layer = flow.last_connection(x)
    if layer is not None and room and (x.dim() == 2 or tuple(sizes[-2:]) == tuple(x.shape[-2:])):
        yield width_of(layer, room)
        yield Misfit("becomes", value=sizes)


def width_of(layer: nn.Module, value: int) -> Misfit:
    """The misfit of a layer that needs the output width `value`."""
    names = {nn.Linear: "out_features", nn.Embedding: "embedding_dim"}
    return Misfit("argument", names.get(type(layer), "out_channels"), 1, value, layer)


# Pools ---------------------------------------------------------------------------------------------------------------


def _pool(x: torch.Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[Misfit]:
    kernel = args[1] if len(args) > 1 else kwargs.get("kernel_size")
    # Without a stride, a pool's is its kernel.
    stride = kwargs.get("stride", args[2] if len(args) > 2 else None) or kernel
    padding = kwargs.get("padding", args[3] if len(args) > 3 else 0)
    if kernel is None or x.dim() not in (2, 3, 4) or kwargs.get("ceil_mode"):
        return
    if x.dim() == 2:
        yield Misfit("remove")
    else:
        most = min(int(k) // 2 for k in each_side(kernel, x))
        if max(map(int, each_side(padding, x))) > most:
            yield Misfit("argument", "padding", 3, most)
        yield from small_window(x, *(each_side(v, x) for v in (kernel, stride, padding)))


# Sums and concatenations ---------------------------------------------------------------------------------------------


def _sum(left: torch.Tensor, right: torch.Tensor, in_place: bool, flow: DataFlow) -> Iterator[Misfit]:
    if left.dim() != right.dim() and min(left.dim(), right.dim()) > 1:
        yield from _one_axis(left, right, flow)
    if left.dim() != right.dim() or left.dim() not in (2, 3, 4) or left.shape == right.shape:
        return
    pairs = list(zip(left.shape[1:], right.shape[1:], strict=True))
    # Broadcasting fits them; but an operand changed in place keeps its shape, and only the other can be broadcast.
    if all(a == b or (1 in (a, b) and not (in_place and a == 1)) for a, b in pairs):
        return
    padded = list(_padded(left, right, flow)) if left.dim() == 4 and left.shape[1] != right.shape[1] else []
    if left.dim() < 4:
        yield from _features(left, right, flow)
    elif padded:
        yield from padded
    # One value for each channel: a gate (squeeze and excitation), whose width follows the image's.
    elif 1 in (left.shape[2] * left.shape[3], right.shape[2] * right.shape[3]) and left.shape[1] != right.shape[1]:
        yield from _gate(left, right, flow)
    else:
        yield from _images(left, right, flow)


def _features(left: torch.Tensor, right: torch.Tensor, flow: DataFlow) -> Iterator[Misfit]:
    residual = left.dim() == 3 and (flow.led_to(left, right) or flow.led_to(right, left))
    mended = list(_one_axis(left, right, flow)) if residual else []  # all blocks have one width: the branch changes
    if mended:
        yield from mended
    elif left.shape[:-1] == right.shape[:-1]:
        side, source, target = _changed(left, right, flow)
        yield Misfit("project", side, value=(int(source.shape[-1]), int(target.shape[-1]), 0))
    else:
        yield from _one_axis(left, right, flow)


def _one_axis(left: torch.Tensor, right: torch.Tensor, flow: DataFlow) -> Iterator[Misfit]:
    """Operands that differ in one axis: a layer that determines its size in one of them gets the other's size.

    So a mixer's number of tokens is restored, by the dense layer over tokens at the end of the added branch.
    """
    # Shapes are aligned from the end, as broadcasting does.
    rank, shapes = max(left.dim(), right.dim()), [(1,) * 9 + tuple(t.shape) for t in (left, right)]
    pairs = list(zip(*(shape[-rank:] for shape in shapes), strict=True))
    different = [axis for axis, (a, b) in enumerate(pairs) if a != b and 1 not in (a, b)]
    if len(different) != 1:
        return
    axis, whole = different[0], [max(pair) for pair in pairs]
    for tensor, other, own in ((right, left, 0), (left, right, 1)):
        source = flow.width_source(tensor, axis - rank + tensor.dim())
        # A layer that feeds both cannot be changed for one of them.
        if source is not None and not flow.led_to(tensor, other):
            whole[axis] = int(pairs[axis][own])
            yield width_of(source, whole[axis])
            yield Misfit("becomes", value=tuple(whole))
            return


def _padded(left: torch.Tensor, right: torch.Tensor, flow: DataFlow) -> Iterator[Misfit]:
    """Pads a shortcut that is widened by padding to the other operand's width: see `gi.source.repair.padding`.

    A projection there would make the widths of all later blocks depend on the padding, which depends on them. If sizes
    differ, too, the next round repairs these.
    """
    ways = [channel_pad(steps) for steps in flow.apart([left, right])]
    for pad, other in zip(ways, (right, left), strict=True):
        if pad is not None:
            size = (min(a, b) for a, b in zip(left.shape[2:], right.shape[2:], strict=True))
            yield Misfit("pad", value=int(other.shape[1]), layer=pad)
            yield Misfit("becomes", value=(left.shape[0], other.shape[1], *size))
            return


def _gate(left: torch.Tensor, right: torch.Tensor, flow: DataFlow) -> Iterator[Misfit]:
    """Sets the width of the layer that makes a gate, one value for each channel, to the image's."""
    side, gate, image = ("left", left, right) if left.shape[2] * left.shape[3] == 1 else ("right", right, left)
    layer = flow.last_connection(gate)
    if layer is not None:
        yield width_of(layer, int(image.shape[1]))
        yield Misfit("becomes", value=tuple(image.shape))
    else:
        yield Misfit("project", side, value=(int(gate.shape[1]), int(image.shape[1]), 1))


def _images(left: torch.Tensor, right: torch.Tensor, flow: DataFlow) -> Iterator[Misfit]:
    same_size, same_width = left.shape[2:] == right.shape[2:], left.shape[1] == right.shape[1]
    windows = [] if same_size else _windows([left, right], flow)
    if same_size:
        side, source, target = _changed(left, right, flow)
        yield Misfit("project", side, value=(int(source.shape[1]), int(target.shape[1]), 1))
        return
    yield from windows
    # The larger image is reduced to the smaller one's size: strides can shrink, not grow.
    smaller_left = (left.shape[2], left.shape[3]) < (right.shape[2], right.shape[3])
    side, source, target = ("right", right, left) if smaller_left else ("left", left, right)
    stride = _stride(source, target)
    if stride and not same_width:
        yield Misfit("project", side, value=(int(source.shape[1]), int(target.shape[1]), stride))
    else:
        change = strided(flow.apart([source, target])[0], stride) if stride and not windows else None
        if change is not None:
            yield Misfit("stride", "stride", 3, change[1], change[0])
        yield Misfit("resize", side, value=tuple(int(s) for s in target.shape[2:]))
    if windows:  # padding is preferred: a resize is used only once no padding fits
        yield Misfit("becomes", value=tuple(source.shape))


def _windows(tensors: list[torch.Tensor], flow: DataFlow) -> list[Misfit]:
    misfits = {}
    for steps in flow.apart(tensors):
        for layer, name, value in shrinking(steps):
            misfits[id(layer)] = Misfit("argument", name, 4 if name == "padding" else -1, value, layer)
    return list(misfits.values())


def _changed(left: torch.Tensor, right: torch.Tensor, flow: DataFlow) -> tuple[str, torch.Tensor, torch.Tensor]:
    """The operand to project, so that the following layers get the width from before the text was changed.

    That is the one whose width no other layer has; else the longer branch, unless its input changed, or the shorter
    one is transformed by calls without weights.
    """
    odd = [flow.is_odd(flow.last_connection(t)) for t in (left, right)]
    if odd[0] != odd[1]:
        return ("left", left, right) if odd[0] else ("right", right, left)
    ways = flow.apart([left, right])
    left_is_longer = connections(ways[0]) > connections(ways[1])
    longer, short = (0, 1) if left_is_longer else (1, 0)
    first = next((s.layer for s in reversed(ways[longer]) if connections([s])), None)
    tensors = (left, right)
    transformed = not connections(ways[short]) and not flow.led_to(tensors[short], tensors[longer])
    if first is not None and (flow.is_mended(first) or transformed):
        longer, short = short, longer
    return ("left", "right")[longer], tensors[longer], tensors[short]


def _stride(source: torch.Tensor, target: torch.Tensor) -> int:
    """The stride of a 1x1 convolution from one image's size to the other's; 0 where none fits."""
    stride = math.ceil(source.shape[2] / target.shape[2])
    fits = all(-(-s // stride) == t for s, t in zip(source.shape[2:], target.shape[2:], strict=True))
    return stride if fits else 0


def _concatenation(args: tuple[Any, ...], flow: DataFlow) -> Iterator[Misfit]:
    tensors = [t for t in args[0] if isinstance(t, torch.Tensor)] if args and isinstance(args[0], (list, tuple)) else []
    if len(tensors) < 2 or any(t.dim() != 4 for t in tensors) or len({t.shape[2:] for t in tensors}) == 1:
        return
    windows = _windows(tensors, flow)
    yield from windows
    sizes = [tuple(int(s) for s in t.shape[2:]) for t in tensors]
    yield Misfit("resize", value=min(sizes))
    if windows:  # padding is preferred: a resize is used only once no padding fits
        yield Misfit("sized", value=max(sizes))
