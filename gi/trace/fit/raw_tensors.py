"""Makes weights that a program creates as plain tensors, `nn.Parameter(torch.zeros(1, tokens, dim))`, fit their data.

The call that makes a tensor is like the constructor of a layer, with the sizes as arguments. So for a position
embedding with another number of tokens, or a weight with another number of features, the size to change is known, and
the text is repaired there as for a layer. A tensor is recognised by its memory, and the axis of a view by its stride:
`self.weight.t()` has the axes of `self.weight` in reverse order. Results computed from several tensors, or reshaped,
are not followed. Check worker only.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.parameter import UninitializedParameter

from gi.trace.fit.remembered_outputs import storage_of

FACTORIES = frozenset({"zeros", "ones", "empty", "rand", "randn", "full"})
_SUMS = frozenset(
    {"add", "__add__", "__radd__", "__iadd__", "add_", "sub", "__sub__", "__rsub__", "mul", "__mul__", "__rmul__"}
    | {"__imul__", "mul_", "div", "__truediv__"}
)
_OF_CHANNELS = {"batch_norm": (1, 2, 3, 4), "instance_norm": (1, 2, 3, 4), "group_norm": (2, 3)}
"""Functions, with the positions of arguments that hold one value for each channel."""
_OF_CHANNEL_NAMES = frozenset({"running_mean", "running_var", "weight", "bias"})


@dataclass(frozen=True, slots=True, eq=False)
class RawTensor:
    """A tensor that the program made by a call with these sizes."""

    sizes: tuple[int, ...]
    tensor: torch.Tensor

    @property
    def arguments(self) -> dict[str, int]:
        """The sizes as arguments of the call: size0, size1, ..."""
        return {f"size{i}": size for i, size in enumerate(self.sizes)}


def sizes_of(name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[int, ...]:
    """The sizes in a call of a factory of torch, given as integers or as one tuple; () for other calls."""
    if name not in FACTORIES:
        return ()
    first = args[0] if args else kwargs.get("size")
    sizes = first if isinstance(first, (tuple, list)) else () if name == "full" else args
    return tuple(sizes) if all(isinstance(s, int) for s in sizes) else ()


class RawTensors:
    """The raw tensors of one run, and their misfits with the program's functions."""

    def __init__(self) -> None:
        """Starts without any."""
        # By memory, not by object: `nn.Parameter(t)`, views and `t.data` are other objects over the same memory.
        self._by_storage: dict[int, RawTensor] = {}
        self._kept: list[torch.Tensor] = []

    def made(self, raw: RawTensor) -> None:
        """Records the tensor of a factory call."""
        self._by_storage[storage_of(raw.tensor)] = raw

    def carried(self, inputs: Iterable[Any], output: Any) -> None:
        """Records an output that represents its only input tensor, a raw one: scaled, copied, repeated.

        A result computed from data and a raw tensor counts as data.
        """
        there = (t for t in inputs if isinstance(t, torch.Tensor) and not isinstance(t, UninitializedParameter))
        tensors = [t for t in there if t.dim()]
        # A result of two tensors is data, or belongs to two factory calls: only a single one is followed.
        raw = self.of(tensors[0]) if len(tensors) == 1 else None
        if raw is None or not isinstance(output, torch.Tensor) or storage_of(output) in self._by_storage:
            return
        if tuple(output.shape[-len(raw.sizes) :]) == tuple(raw.sizes) or _repeats(raw, output):
            self._by_storage[storage_of(output)] = raw
            self._kept.append(output)

    def of(self, value: Any) -> RawTensor | None:
        """The raw tensor whose values a tensor holds."""
        if not isinstance(value, torch.Tensor) or isinstance(value, UninitializedParameter):
            return None
        return self._by_storage.get(storage_of(value))

    def moved(self, raw: RawTensor, tensor: torch.Tensor) -> None:
        """Records that another tensor now holds a raw tensor's values."""
        self._by_storage[storage_of(tensor)] = raw

    def size(self, value: torch.Tensor, axis: int) -> int | None:
        """The index of the raw tensor's size that an axis of `value` has; None for none, or for a part of one."""
        raw = self.of(value)
        if raw is None:
            return None
        shown, stride = int(value.shape[axis]), value.stride(axis)
        strides = raw.tensor.stride()
        if storage_of(value) != storage_of(raw.tensor):  # a copy has other strides: axes are counted from the end
            number = axis - value.dim() + len(raw.sizes)
            return number if number >= 0 and raw.sizes[number] == shown else None
        return next((i for i, s in enumerate(raw.sizes) if s == shown and strides[i] == stride), None)

    def misfits(self, name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> Iterator[tuple[Any, int, int]]:
        """(tensor, axis, size) for each raw tensor among a function's arguments that needs another size."""
        if not any(self.of(t) is not None for t in _tensors(args, kwargs)):
            return
        for tensor, axis, size in _wanted(name, args, kwargs, self):
            if int(tensor.shape[axis]) != size and self.size(tensor, axis) is not None:
                yield tensor, axis, size


def _repeats(raw: RawTensor, output: torch.Tensor) -> bool:
    """Whether the output's last axes equal the raw tensor's, but those of size 1: a class token for each image."""
    sizes, shape = raw.sizes, output.shape[-len(raw.sizes) :]
    return len(shape) == len(sizes) and all(size in (1, there) for size, there in zip(sizes, shape, strict=True))


def _tensors(args: Sequence[Any], kwargs: dict[str, Any]) -> list[torch.Tensor]:
    flat = [v for a in (*args, *kwargs.values()) for v in (a if isinstance(a, (tuple, list)) else (a,))]
    return [v for v in flat if isinstance(v, torch.Tensor)]


def _wanted(
    name: str, args: Sequence[Any], kwargs: dict[str, Any], raws: RawTensors
) -> Iterator[tuple[torch.Tensor, int, int]]:
    """(tensor, axis, size) that a function needs of the tensors beside its data."""
    if name in ("cat", "concat", "concatenate"):
        yield from _joined(args, kwargs, raws)
        return
    if not args or not isinstance(args[0], torch.Tensor):
        return
    x = args[0]
    if name in _OF_CHANNELS:
        given = [args[i] for i in _OF_CHANNELS[name] if i < len(args)]
        given += [v for k, v in kwargs.items() if k in _OF_CHANNEL_NAMES]
        yield from ((t, 0, int(x.shape[1])) for t in given if isinstance(t, torch.Tensor) and t.dim() == 1)
    elif name == "linear" or name.startswith("conv"):
        yield from _weighted(name, x, args[1] if len(args) > 1 else kwargs.get("weight"), args, kwargs)
    elif len(args) > 1 and isinstance(args[1], torch.Tensor):
        yield from _pair(name, x, args[1], raws)


def _weighted(
    name: str, x: torch.Tensor, weight: Any, args: Sequence[Any], kwargs: dict[str, Any]
) -> Iterator[tuple[torch.Tensor, int, int]]:
    """`F.linear(x, weight, bias)`, `F.conv2d(x, weight, bias)`."""
    bias = args[2] if len(args) > 2 else kwargs.get("bias")
    # F.conv2d(input, weight, bias, stride, padding, dilation, groups).
    groups = int(kwargs.get("groups", args[6] if len(args) > 6 else 1))
    # A transposed convolution has its widths in reverse order: it is not followed.
    if not isinstance(weight, torch.Tensor) or "transpose" in name or x.dim() < 2:
        return
    if name == "linear":
        yield weight, 1, int(x.shape[-1])
    elif x.dim() == weight.dim() and not x.shape[1] % groups:
        yield weight, 1, int(x.shape[1]) // groups
    if isinstance(bias, torch.Tensor):
        yield bias, 0, int(weight.shape[0])


def _pair(
    name: str, left: torch.Tensor, right: torch.Tensor, raws: RawTensors
) -> Iterator[tuple[torch.Tensor, int, int]]:
    """The sizes needed in a product with a weight, or of the raw one of two operands."""
    if name in ("matmul", "__matmul__", "mm") and left.dim() > 1 and right.dim() > 1:
        if raws.of(right) is not None:
            yield right, right.dim() - 2, int(left.shape[-1])
        elif raws.of(left) is not None:
            yield left, left.dim() - 1, int(right.shape[-2])
    elif name in _SUMS and (raws.of(left) is None) != (raws.of(right) is None):
        raw, data = (right, left) if raws.of(left) is None else (left, right)
        # Broadcasting aligns the last axes, and an axis of 1 fits every size.
        if raw.dim() <= data.dim():
            yield from (
                (raw, axis, int(data.shape[axis - raw.dim() + data.dim()]))
                for axis in range(raw.dim())
                if 1 not in (raw.shape[axis], data.shape[axis - raw.dim() + data.dim()])
            )


def _joined(args: Sequence[Any], kwargs: dict[str, Any], raws: RawTensors) -> Iterator[tuple[torch.Tensor, int, int]]:
    """The sizes needed of raw tensors in a concatenation: those of the data, except along its axis."""
    tensors = [t for t in args[0] if isinstance(t, torch.Tensor)] if args and isinstance(args[0], (tuple, list)) else []
    axis = kwargs.get("dim", args[1] if len(args) > 1 else 0)
    data = next((t for t in tensors if raws.of(t) is None), None)
    if data is None or not isinstance(axis, int):
        return
    for tensor in tensors:
        if raws.of(tensor) is not None and tensor.dim() == data.dim():
            others = (a for a in range(data.dim()) if a != axis % data.dim())
            yield from ((tensor, a, int(data.shape[a])) for a in others if data.shape[a] != tensor.shape[a])


def resized(tensor: torch.Tensor, axis: int, size: int) -> torch.Tensor:
    """A tensor with the needed size along an axis, whose gradient reaches the tensor that it replaces."""
    shape = list(tensor.shape)
    shape[axis] = size
    return tensor.sum() + torch.zeros(shape, device="meta", dtype=tensor.dtype)
