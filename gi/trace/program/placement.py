"""Where the tensors that a program makes lie while it is checked: on meta, where they cost nothing, or with values.

On meta a tensor has a shape and no numbers. That is enough for most programs; one that asks for a number
(`[r.item() for r in torch.linspace(0, rate, depth)]`, a least squares fit, a comparison) stops, and is run again with
the next `Values`: first what its own text computes is real, then the weights of torch's layers are too. What is too
large stays on meta, so that a huge network is still checked in milliseconds. A device that the text names (`device=`,
`.to(device)`) is replaced alike; one that this machine lacks is an error.
"""

import enum
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

import torch
from torch import nn
from torch.utils._device import _device_constructors

MAX_CONSTANT = 1 << 20  # values of one tensor that a program's text makes: tables of positions, rates, masks
MAX_WEIGHTS = 1 << 24  # values of all weights together: to draw them takes a tenth of a second

_CONSTRUCTORS = _device_constructors()
_MOVING = frozenset({"to", "cpu", "cuda", "type"})
_LAYERS = "torch.nn.modules."

_Call: TypeAlias = tuple[Callable[..., Any], Any, dict[str, Any]]


class AbsentDeviceError(RuntimeError):
    """A program asks for a device by name that this machine lacks."""


class Values(enum.IntEnum):
    """What holds values while a program is built and run: nothing, what its own text computes, weights too."""

    NONE = 0
    CONSTANTS = 1
    WEIGHTS = 2


class Placement:
    """Puts the tensors of one program where its `Values` say."""

    def __init__(self, values: Values) -> None:
        self.values = values
        self._weights_left = MAX_WEIGHTS if values is Values.WEIGHTS else 0

    def call(self, func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> _Call:
        """A call as it has to be for its result to lie where it should. Ask from `__torch_function__` directly.

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
        on_meta.pop("generator", None)  # that of the CPU draws nothing on meta
        if self.values is Values.NONE:
            return on_meta
        count = int(func(*args, **on_meta).numel())
        if sys._getframe(3).f_globals.get("__name__", "").startswith(_LAYERS):  # whoever called the constructor
            self._weights_left -= count
            return {**kwargs, "device": "cpu"} if self._weights_left >= 0 else on_meta
        return {**kwargs, "device": "cpu"} if count <= MAX_CONSTANT else on_meta


def called(func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
    """What a call gives; where it fails for some of its tensors being on meta and some not, what it gives on meta."""
    try:
        return func(*args, **kwargs)
    except (RuntimeError, NotImplementedError, ValueError, TypeError):
        alike, named = _together(args, kwargs)
        if alike is args:
            raise
        return func(*alike, **named)


def _together(args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The arguments of a call on meta where some of them hold values and some do not; the same where all agree.

    What the call writes to goes to meta itself, so that all who hold it see that.
    """
    tensors = list(tensors_in((args, kwargs)))
    if len({t.is_meta for t in tensors}) < 2:
        return args, kwargs
    if not tensors[0].is_meta and args and tensors[0] is args[0] and not isinstance(tensors[0], nn.Parameter):
        to_meta([tensors[0]])
    return _on_meta(args), {name: _on_meta(value) for name, value in kwargs.items()}


def to_meta(tensors: Iterable[torch.Tensor]) -> None:
    """Takes their values from tensors; each stays the object that it is, so that all who hold it see the same."""
    for tensor in tensors:
        if not tensor.is_meta:
            empty = torch.empty_like(tensor, device="meta", requires_grad=tensor.requires_grad)
            bare = nn.Parameter(empty, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else empty
            torch.utils.swap_tensors(tensor, bare)  # type: ignore[no-untyped-call]


def _staying(func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> _Call:
    """A move of a tensor without the device that it names: its other wishes are left, its own dtype where none is."""
    name, x, wishes = func.__name__, args[0], args[1:]
    if name == "type":
        return (func, args, kwargs) if not wishes else (torch.Tensor.to, (x, _dtype(wishes[0])), {})
    named = [a for a in wishes if isinstance(a, (str, torch.device)) or type(a) is int]
    _refuse_absent("cuda" if name == "cuda" else next(iter(named), None))
    kinds = [a.dtype if isinstance(a, torch.Tensor) else a for a in wishes if not any(a is n for n in named)]
    left = [x.dtype if k is None else k for k in kinds]
    if name != "to":
        left, kwargs = [], {}
    return torch.Tensor.to, (x, *(left or [kwargs.get("dtype") or x.dtype])), kwargs if left else {}


def _dtype(kind: Any) -> Any:
    """The dtype of `torch.FloatTensor`, or of its name."""
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
        raise AbsentDeviceError(f"it asks for the device {kind!r} by name, which is not here")


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
