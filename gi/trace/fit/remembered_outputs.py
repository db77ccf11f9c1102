"""A cache of the outputs of torch's functions on meta tensors, by shape. Check worker only.

Most of torch's kernels for meta tensors are Python: a batch norm takes a millisecond to find that its output looks like
its input. The programs that one check worker sees are variants of each other, so nearly every call has been seen.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from gi.trace.program.placement import called, laid_out

MAX_REMEMBERED = 50_000
_SETTINGS = (int, float, str, bool, type(None), torch.dtype)


@dataclass(frozen=True, slots=True)
class _RememberedOutput:
    """The output of a call: a new tensor of this form, or its first tensor changed in place.

    `saved` are the tensors that its backward pass reads, by their index among the argument tensors; -1 is the output.
    """

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype
    requires_grad: bool
    in_place: bool
    saved: tuple[int, ...]


class Outputs:
    """Calls functions; for a repeated call with arguments of equal form, only creates an output of the cached form."""

    def __init__(self) -> None:
        """Starts with an empty cache."""
        self._seen: dict[Any, _RememberedOutput] = {}
        # `x.size()`, `x.dim()`: a cache would not be faster.
        self._answers: set[Callable[..., Any]] = set()  # functions that return no tensor

    def __call__(self, func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> tuple[Any, list[torch.Tensor]]:
        """The output of `func`, and the tensors that its backward pass reads: arguments, the output.

        A tensor changed in place may be returned as another object of the same form. A cached call has no other
        effects, so only functions that matter by their output alone may be called.
        """
        if func in self._answers:
            return func(*args, **kwargs), []
        tensors: list[torch.Tensor] = []
        form = _form((args, tuple(kwargs.items())), tensors)
        # A call without tensors makes one (`torch.zeros`): cheap, and each must be a separate tensor.
        if form is None or not tensors:
            return called(func, args, kwargs), []
        # The grad mode decides what the backward pass keeps.
        key = (func, torch.is_grad_enabled(), form)
        seen = self._seen.get(key)
        if seen is None:
            return self._called(key, func, args, kwargs, tensors)
        output = _rebuilt(seen, tensors)
        return output, [output if n < 0 else tensors[n] for n in seen.saved]

    def _called(
        self, key: Any, func: Any, args: Any, kwargs: Any, tensors: list[torch.Tensor]
    ) -> tuple[Any, list[torch.Tensor]]:
        first, held = tensors[0], set[int]()
        before = (tuple(first.shape), first.stride(), first.requires_grad)

        def pack(tensor: torch.Tensor) -> torch.Tensor:
            held.add(storage_of(tensor))
            return tensor

        # autograd's hooks report what it keeps: a table of functions would miss those of later versions.
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            output = laid_out(func, args, func(*args, **kwargs))
        if not isinstance(output, (torch.Tensor, tuple, list)):
            self._answers.add(func)
        everything = [*tensors, *([output] if isinstance(output, torch.Tensor) else [])]
        saved = [n for n, tensor in enumerate(everything) if storage_of(tensor) in held]
        known = _seen(output, tensors, before, tuple(n if n < len(tensors) else -1 for n in saved))
        if known is not None and len(self._seen) < MAX_REMEMBERED:
            self._seen[key] = known
        return output, [everything[n] for n in saved]


def storage_of(tensor: torch.Tensor) -> int:
    """A number for a tensor's storage: a view has that of its base tensor."""
    return int(tensor.untyped_storage()._cdata)


def _form(value: Any, tensors: list[torch.Tensor]) -> Any:
    """A hashable form of arguments, equal for those that give outputs of equal form; None where there is none."""
    if isinstance(value, torch.Tensor):
        if not value.is_meta:
            return None
        tensors.append(value)
        return value.shape, value.stride(), value.dtype, value.requires_grad
    if isinstance(value, (tuple, list)):
        parts = [_form(part, tensors) for part in value]
        return None if None in parts else (type(value), *parts)
    if isinstance(value, int) and type(value) is not bool:  # a tracked int counts as an int here
        return int, int(value)
    return (type(value), value) if isinstance(value, _SETTINGS) else None


def _seen(
    output: Any, tensors: list[torch.Tensor], before: tuple[Any, ...], saved: tuple[int, ...]
) -> _RememberedOutput | None:
    """The cache entry of an output; None for several outputs, another device, a view, or a form changed in place."""
    if not isinstance(output, torch.Tensor) or not output.is_meta:
        return None
    shape, stride, requires_grad = before
    in_place = output is tensors[0]
    known = _RememberedOutput(tuple(output.shape), output.stride(), output.dtype, output.requires_grad, in_place, saved)
    if in_place:
        others = any(t.requires_grad for t in tensors[1:])
        same = (known.shape, known.stride, known.requires_grad) == (shape, stride, requires_grad or others)
        return known if same else None
    return None if storage_of(output) in {storage_of(t) for t in tensors} else known


def _rebuilt(seen: _RememberedOutput, tensors: list[torch.Tensor]) -> torch.Tensor:
    if not seen.requires_grad:
        return tensors[0] if seen.in_place else _empty(seen)
    output: torch.Tensor = _Rebuilt.apply(seen, *tensors)  # type: ignore[no-untyped-call]
    return output


def _empty(seen: _RememberedOutput) -> torch.Tensor:
    return torch.empty_strided(seen.shape, seen.stride, dtype=seen.dtype, device="meta")


class _Rebuilt(torch.autograd.Function):
    """Makes a tensor depend on others in the autograd graph; never run backwards."""

    @staticmethod
    def forward(_ctx: Any, seen: _RememberedOutput, *_: torch.Tensor) -> torch.Tensor:
        """An empty tensor of the output's form."""
        return _empty(seen)
