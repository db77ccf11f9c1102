"""Puts the tensors that a checked program makes on the meta device, where they cost nothing, or on the CPU.

On meta a tensor has a shape and no values. That is enough for most programs; one that reads a value (`[r.item() for r
in torch.linspace(0, rate, depth)]`, a least squares fit, a comparison) fails, and is run again with the next `Values`:
first the tensors that its own text makes have values, then the weights of torch's layers, too. Large tensors stay on
meta, so that a huge network is still checked in milliseconds. A device that the text names (`device=`, `.to(device)`)
is replaced, too; one that this machine lacks is an error.
"""

import enum
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

import torch
from torch import nn
from torch._prims_common import suggest_memory_format
from torch.utils._device import _device_constructors

MAX_CONSTANT = 1 << 20  # values of one tensor that a program's text makes: tables of positions, rates, masks
MAX_WEIGHTS = 1 << 24  # values of all weights together: drawing them takes a tenth of a second

_CONSTRUCTORS = _device_constructors()
_MOVING = frozenset({"to", "cpu", "cuda", "type"})
_LAYERS = "torch.nn.modules."
_FORGETFUL = frozenset({"conv2d", "conv_transpose2d", "group_norm", "pad", "pixel_shuffle", "channel_shuffle"})

_Call: TypeAlias = tuple[Callable[..., Any], Any, dict[str, Any]]


class AbsentDeviceError(RuntimeError):
    """A program names a device that this machine lacks."""


class Values(enum.IntEnum):
    """Which tensors have values: none, those that the text itself makes, or the weights of layers, too."""

    NONE = 0
    CONSTANTS = 1
    WEIGHTS = 2


class Placement:
    """Chooses the device of one program's tensors by its `Values`."""

    def __init__(self, values: Values) -> None:
        self.values = values
        self._weights_left = MAX_WEIGHTS if values is Values.WEIGHTS else 0

    def call(self, func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> _Call:
        """The call, changed so that its result has the right device. Only for use directly in `__torch_function__`.

        Raises `AbsentDeviceError`.
        """
        if func in _CONSTRUCTORS:
            _refuse_absent(kwargs.get("device"))
            return func, args, self._placed(func, args, kwargs)
        if kwargs.get("device") is not None:
            _refuse_absent(kwargs["device"])
            kwargs = {**kwargs, "device": args[0].device if args and isinstance(args[0], torch.Tensor) else "meta"}
        if getattr(func, "__name__", "") in _MOVING and args and isinstance(args[0], torch.Tensor):
            return _staying(func, args, kwargs)
        return func, args, kwargs

    def _placed(self, func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
        on_meta = {**kwargs, "device": "meta"}
        on_meta.pop("generator", None)  # a CPU generator is not allowed on meta
        if self.values is Values.NONE:
            return on_meta
        count = int(func(*args, **on_meta).numel())
        if sys._getframe(3).f_globals.get("__name__", "").startswith(_LAYERS):  # the caller of the tensor's constructor
            self._weights_left -= count
            return {**kwargs, "device": "cpu"} if self._weights_left >= 0 else on_meta
        return {**kwargs, "device": "cpu"} if count <= MAX_CONSTANT else on_meta


def called(func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
    """The result of a call; if it fails because only some of its tensors are on meta, the result on meta."""
    try:
        return func(*args, **kwargs)
    except (RuntimeError, NotImplementedError, ValueError, TypeError):
        alike, named = _together(args, kwargs)
        if alike is args:
            raise
        return func(*alike, **named)


def laid_out(func: Callable[..., Any], args: Any, output: Any) -> Any:
    """The output of a function in the memory layout that it has on the CPU: channels last where an operand's is.

    On meta some functions forget it, and a `view` of their output would pass that fails on the CPU.
    """
    name = getattr(func, "__name__", "")
    if name not in _FORGETFUL or not isinstance(output, torch.Tensor) or output.dim() != 4:
        return output
    operands = args[:2] if name.startswith("conv") else args[:1]  # of a convolution the weight counts, too
    is_last = any(suggest_memory_format(operand) is torch.channels_last for operand in operands)
    return output.contiguous(memory_format=torch.channels_last) if is_last and output.is_meta else output


def _together(args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The arguments moved to meta where only some of the tensors are there; unchanged where all agree.

    A first tensor, which the call may write to, is moved in place, so that all references see it.
    """
    tensors = list(tensors_in((args, kwargs)))
    if len({t.is_meta for t in tensors}) < 2:
        return args, kwargs
    if not tensors[0].is_meta and args and tensors[0] is args[0] and not isinstance(tensors[0], nn.Parameter):
        to_meta([tensors[0]])
    return _on_meta(args), {name: _on_meta(value) for name, value in kwargs.items()}


def to_meta(tensors: Iterable[torch.Tensor]) -> None:
    """Moves tensors to meta in place: each stays the same object, so that all references see it."""
    for tensor in tensors:
        if not tensor.is_meta:
            empty = torch.empty_like(tensor, device="meta", requires_grad=tensor.requires_grad)
            bare = nn.Parameter(empty, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else empty
            torch.utils.swap_tensors(tensor, bare)  # type: ignore[no-untyped-call]


def _staying(func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> _Call:
    """A call that moves or converts a tensor, without the device that it names.

    `Tensor.to` takes a device, a dtype or another tensor, then two flags, each of them also by name, and `Module.to`
    passes None for what its caller left out: all of it is read before one form of the call is made.
    """
    name, x, wishes = func.__name__, args[0], args[1:]
    if name == "type":
        return (func, args, kwargs) if not wishes else (torch.Tensor.to, (x, _dtype(wishes[0])), {})
    devices = [a for a in wishes if isinstance(a, (str, torch.device)) or type(a) is int]
    _refuse_absent("cuda" if name == "cuda" else next(iter(devices), None))
    layout = {"memory_format": kwargs["memory_format"]} if kwargs.get("memory_format") is not None else {}
    if name != "to":
        return torch.Tensor.to, (x, x.dtype), layout
    given = [*wishes, kwargs.get("tensor"), kwargs.get("dtype")]
    flags = [a for a in wishes if isinstance(a, bool)]
    kinds = [a.dtype if isinstance(a, torch.Tensor) else a for a in given if isinstance(a, (torch.Tensor, torch.dtype))]
    if len(devices) + len(flags) + len(kinds) < sum(a is not None for a in given):
        return func, args, kwargs  # which says what is wrong with it
    copies = any(flags[1:]) or bool(kwargs.get("copy"))
    return torch.Tensor.to, (x, kinds[0] if kinds else x.dtype), {"copy": copies, **layout}


def _dtype(kind: Any) -> Any:
    """The dtype of a tensor type such as `torch.FloatTensor`, given as class or name."""
    if isinstance(kind, str):
        _refuse_absent("cuda" if ".cuda." in kind else None)
        kind = getattr(torch, kind.rpartition(".")[2])
    if getattr(kind, "is_cuda", False):
        _refuse_absent("cuda")
    return getattr(kind, "dtype", kind)


def _refuse_absent(device: Any) -> None:
    if device is None:
        return
    kind = "cuda" if type(device) is int else torch.device(device).type
    if kind not in ("cpu", "meta") and not (kind == "cuda" and torch.cuda.is_available()):
        raise AbsentDeviceError(f"it asks for the device {kind!r} by name, which this machine lacks")


def _on_meta(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value if value.is_meta or not value.dim() else value.to("meta")
    if isinstance(value, (tuple, list)):
        return type(value)(map(_on_meta, value)) if type(value) in (tuple, list) else value
    return value


def tensors_in(value: Any) -> Iterator[torch.Tensor]:
    """The tensors in a value, through tuples, lists and dicts."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from tensors_in(part)
    elif isinstance(value, dict):
        yield from tensors_in(list(value.values()))
