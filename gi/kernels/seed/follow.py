"""Tracks channels in a running network: the convolution and output channel of each channel of a tensor.

Every tensor has label tensors of its own shape. Operators that only move values (views, permutations, splits,
concatenations) are applied to the labels, too, so channel shuffles are covered; channelwise operators pass them on; a
sum has the labels of both operands; all others end them.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

BASE = 1 << 20  # a label is number * BASE + channel; the image's number is 0
HIDDEN = -1
_MOST_SOURCES = 8
_MOVES = frozenset(
    (
        *("view", "reshape", "flatten", "unflatten", "permute", "transpose", "swapaxes", "movedim", "contiguous"),
        *("unsqueeze", "squeeze", "chunk", "split", "tensor_split", "unbind", "narrow", "getitem", "__getitem__"),
        *("index_select", "roll", "cat", "concat", "concatenate", "stack", "channel_shuffle"),
    )
)
_JOINS = frozenset(["add", "__add__", "__radd__", "add_", "__iadd__", "cat", "concat", "concatenate", "stack"])
_LINEAR_AFTER = frozenset(
    ["max_pool2d", "avg_pool2d", "dropout", "dropout2d", "boolean_dispatch", "fn", "contiguous", "clone"]
)
_CONV_PARAMETERS = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
_NORM_PARAMETERS = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")


class Follow(TorchFunctionMode):
    """While active, labels follow the data; subclasses implement `convolve` and `normalise`."""

    def __init__(self) -> None:
        super().__init__()
        self.added: list[tuple[int, int]] = []  # numbers of layers whose outputs are added

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Runs the function and labels its output."""
        name, kwargs = getattr(func, "__name__", ""), kwargs or {}
        if name == "conv2d":
            return self.convolve(bound(_CONV_PARAMETERS, args, kwargs))
        if name == "batch_norm":
            return self.normalise(bound(_NORM_PARAMETERS, args, kwargs))
        output = self.run(func, name, args, kwargs)
        self.pass_on(func, name, args, kwargs, output)
        return output

    def run(self, func: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: Any) -> Any:  # noqa: ARG002
        """The function's output; a subclass may change it."""
        return func(*args, **kwargs)

    def convolve(self, arguments: dict[str, Any]) -> Tensor:
        """The output of a convolution."""
        raise NotImplementedError

    def normalise(self, arguments: dict[str, Any]) -> Tensor:
        """The output of a batch normalisation."""
        raise NotImplementedError

    def pass_on(self, func: Callable[..., Any], name: str, args: Any, kwargs: Any, output: Any) -> None:
        """Labels `output` from the labels of the arguments."""
        if name in _MOVES:
            self._move(func, args, kwargs, output)
        elif isinstance(output, Tensor) and (name in _JOINS or not labels_of(output)):
            inputs = [a for a in (*args, *kwargs.values()) if isinstance(a, Tensor) and labels_of(a)]
            labels = _handed_on(name, inputs, output)
            if name in _JOINS:
                self._note_sum(inputs)
            if labels:
                set_labels(output, labels)
                if name in _LINEAR_AFTER and len(inputs) == 1 and linear_in(inputs[0]):
                    set_linear(output, linear_in(inputs[0]))

    def _move(self, func: Callable[..., Any], args: Any, kwargs: Any, output: Any) -> None:
        depth = max((len(labels_of(t)) for t in _tensors(args)), default=0)
        # The same function on the labels, which moves them like the values.
        moved = [func(*_swapped(args, k), **kwargs) for k in range(depth)]
        if isinstance(output, Tensor):
            set_labels(output, [m for m in moved if isinstance(m, Tensor)])
        elif isinstance(output, tuple | list):
            for n, each in enumerate(output):
                if isinstance(each, Tensor):
                    set_labels(each, [m[n] for m in moved])

    def _note_sum(self, inputs: list[Tensor]) -> None:
        numbers = [whole(t) for t in inputs if t.dim() == 4]
        if len(numbers) == 2:
            self.added += [(a, b) for a in numbers[0] for b in numbers[1] if a > 0 and b > 0 and a != b]


def bound(names: tuple[str, ...], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call by name."""
    return {**dict(zip(names, args, strict=False)), **kwargs}


def fresh_labels(output: Tensor, number: int) -> list[Tensor]:
    """The labels of a tensor whose channels are those of the layer `number`, in order."""
    codes = number * BASE + torch.arange(output.shape[1])
    return [codes.view(1, -1, *[1] * (output.dim() - 2)).expand(output.shape)]


def labels_of(tensor: Tensor) -> list[Tensor]:
    """The labels of a tensor; [] where unknown."""
    return getattr(tensor, "_gi_labels", [])


def set_labels(tensor: Tensor, labels: list[Tensor]) -> None:
    """Sets the labels of a tensor, of its own shape."""
    tensor._gi_labels = labels[:_MOST_SOURCES]  # type: ignore[attr-defined]


def linear_in(tensor: Tensor) -> int:
    """The number of the convolution that gave this tensor, with at most pooling or dropout in between; 0 for none."""
    return getattr(tensor, "_gi_linear", 0)


def set_linear(tensor: Tensor, number: int) -> None:
    """Marks the tensor as the output of the convolution `number`."""
    tensor._gi_linear = number  # type: ignore[attr-defined]


def channel_labels(tensor: Tensor) -> Tensor:
    """(k, channels) labels of an (n, c, h, w) tensor."""
    if not labels_of(tensor):
        return torch.full((1, tensor.shape[1]), HIDDEN)
    return torch.stack([each[0, :, 0, 0] for each in labels_of(tensor)])


def whole(tensor: Tensor) -> list[int]:
    """The numbers of the layers whose channels, all and in order, are the tensor's channels."""
    numbers = []
    for row in channel_labels(tensor):
        number = int(row[0]) // BASE
        if bool((row == number * BASE + torch.arange(len(row))).all()):
            numbers.append(number)
    return numbers


def _handed_on(name: str, inputs: list[Tensor], output: Tensor) -> list[Tensor]:
    """The labels after a channelwise operator: those of the arguments with as many channels."""
    if output.dim() not in (2, 4) or not inputs:
        return []
    same = [t for t in inputs if t.dim() == output.dim() and t.shape[1] == output.shape[1]]
    if output.dim() == 2:
        return labels_of(same[0]) if same and name != "linear" and same[0].shape == output.shape else []
    if name not in _JOINS and same:  # a gate has one value for each channel: the larger operand is the data
        same = [max(same, key=lambda t: t.shape[2] * t.shape[3])]
    rows = {tuple(each[0, :, 0, 0].tolist()): each for t in same for each in labels_of(t)}
    return [each[:1, :, :1, :1].expand(output.shape) for each in rows.values()]


def _tensors(args: Any) -> list[Tensor]:
    if isinstance(args, Tensor):
        return [args]
    return [t for a in args for t in _tensors(a)] if isinstance(args, tuple | list) else []


def _swapped(args: Any, k: int) -> Any:
    """The arguments with each tensor replaced by its k-th labels; by its first ones where it has fewer."""
    if isinstance(args, Tensor):
        labels = labels_of(args)
        if not labels:
            return torch.full(args.shape, HIDDEN)
        return labels[k] if k < len(labels) else labels[0]
    return type(args)(_swapped(a, k) for a in args) if isinstance(args, tuple | list) else args
