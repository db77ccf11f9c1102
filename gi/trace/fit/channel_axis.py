"""Finds the axis of a tensor's channels, followed call by call from the image. Check worker only.

An image has them in axis 1, (n, c, h, w); tokens, the input of dense layers and layer norms, in the last, (n, tokens,
c). A transpose, a flatten or a view moves the axis, and an elementwise function keeps it. After a product of two
tensors (attention) the axis is unknown: the answer is None there, and variation inserts nothing that would need it.
Guessing from the rank alone took the attention maps (n, heads, tokens, tokens) for images, and the tokens for
channels: three of ten edits of a mixer did not run.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.instancenorm import _InstanceNorm

from gi.trace.fit.windows import IMAGE_ONLY

Shape: TypeAlias = tuple[int, ...]

LAST = (
    nn.Linear, nn.Bilinear, nn.LayerNorm, nn.RMSNorm, nn.Embedding, nn.MultiheadAttention, nn.RNNBase,
    nn.TransformerEncoder, nn.TransformerEncoderLayer, nn.TransformerDecoder, nn.TransformerDecoderLayer,
)  # fmt: skip
FIRST = (_ConvNd, _BatchNorm, _InstanceNorm, nn.GroupNorm, *IMAGE_ONLY)
_LAST_FUNCTIONS = frozenset({"linear", "layer_norm", "rms_norm", "embedding"})
_FIRST_FUNCTIONS = (
    "conv", "batch_norm", "instance_norm", "group_norm", "max_pool", "avg_pool", "adaptive_", "interpolate",
    "pixel_", "fn", "boolean_dispatch",
)  # fmt: skip
_PRODUCTS = frozenset({"matmul", "__matmul__", "__rmatmul__", "bmm", "mm", "einsum", "baddbmm", "tensordot"})
_PRODUCTS |= {"scaled_dot_product_attention", "addmm"}


def layer_axis(layer: nn.Module | None, rank: int) -> int | None:
    """The axis that a layer treats as the channels of a tensor with `rank` axes; None where it may be any."""
    if isinstance(layer, nn.LayerNorm) and len(layer.normalized_shape) > 1:
        return None
    if isinstance(layer, LAST):
        return rank - 1
    return 1 if isinstance(layer, FIRST) else None


def output_axis(
    name: str, layer: nn.Module | None, args: Sequence[Any], given: Sequence[tuple[Shape, int | None]], after: Shape
) -> int | None:
    """The axis of the channels in a call's output of shape `after`; None where it is not known.

    `given` are the shapes and axes of its input tensors, `args` its arguments after the first.
    """
    rank = len(after)
    if rank < 2:
        return None
    # Features, and the input image.
    if rank == 2 or name == "input":
        return 1
    own = layer_axis(layer, rank)
    if own is not None:
        return own
    if layer is None and (moved_axis := _of_function(name, given, rank)) is not None:
        return None if moved_axis < 0 else moved_axis
    known = [(shape, axis) for shape, axis in given if axis is not None]
    alike = next(((shape, axis) for shape, axis in known if shape == after), None)
    permutation = moved(name, args, rank) if given and len(given[0][0]) == rank else None
    if permutation is not None and given[0][1] in permutation:
        return permutation.index(given[0][1])
    return alike[1] if alike else _kept(*known[0], after) if known else None


def _of_function(name: str, given: Sequence[tuple[Shape, int | None]], rank: int) -> int | None:
    """The axis that a function of torch treats as channels; -1 where unknown, None where it may be any."""
    if name in _LAST_FUNCTIONS:
        return rank - 1
    if name in _PRODUCTS:  # of one tensor with a weight, else of two with each other
        return rank - 1 if len(given) == 1 and name != "einsum" else -1
    return 1 if name.startswith(_FIRST_FUNCTIONS) else None


def moved(name: str, args: Sequence[Any], rank: int) -> tuple[int, ...] | None:
    """For each axis of the result its axis in the input; None where the function moves none."""
    if name == "permute":
        order = args[0] if len(args) == 1 and isinstance(args[0], (tuple, list)) else args
        return tuple(int(a) % rank for a in order) if len(order) == rank else None
    if name in ("transpose", "swapaxes", "swapdims") and len(args) == 2:
        order = list(range(rank))
        first, second = int(args[0]) % rank, int(args[1]) % rank
        order[first], order[second] = second, first
        return tuple(order)
    if name in ("movedim", "moveaxis") and len(args) == 2 and all(isinstance(a, int) for a in args):
        order = [axis for axis in range(rank) if axis != int(args[0]) % rank]
        order.insert(int(args[1]) % rank, int(args[0]) % rank)
        return tuple(order)
    return None


def _kept(before: Shape, axis: int, after: Shape) -> int | None:
    """The axis after a call that changes sizes or the number of axes: at the same place from one end, if that fits."""
    rank = len(after)
    if len(before) == rank:
        return axis
    # As a flatten of height and width: only axes behind it were merged or split.
    if before[: axis + 1] == after[: axis + 1]:
        return axis
    behind = len(before) - axis
    if behind < rank and before[axis:] == after[-behind:]:  # only those before it were
        return rank - behind
    last = axis == len(before) - 1 and before[: rank - 1] == after[:-1]  # it was merged with those before it
    return rank - 1 if last else None
