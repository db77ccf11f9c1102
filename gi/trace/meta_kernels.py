"""Short ways to the shapes of frequent operators on meta tensors, which torch works out in Python step by step.

Torch describes many operators on the meta device by their decomposition into simpler ones, each in Python: a batch
normalisation is thirty of them and takes 3 ms, a linear layer 0.8 ms. What remains of it on meta is a tensor like its
input. `install` has torch answer just that, in this process, for the operators below. Whatever is unusual (integers,
half precision, mixed types, tensors with gaps, shapes that do not fit) goes to torch's own description, so that results
and errors stay. Gradients, and the checks that torch makes before it asks for a shape, are not touched.

Example: `relu(x)` for floats (8, 16, 28, 28) on meta is `empty_like(x)`; for integers it is what torch says.
It cannot speed up what asks no operator: most of the time to build a layer is its `__init__`.
"""

import inspect
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch._decomp import global_decomposition_table

_Kernel = Callable[..., Any]

_LIKE_THEIR_INPUT = (
    "relu", "gelu", "leaky_relu", "hardswish", "elu", "hardtanh", "mish", "hardsigmoid",
)  # fmt: skip
_IN_PLACE = ("relu_", "leaky_relu_", "hardswish_", "elu_", "hardtanh_", "silu_", "hardsigmoid_", "normal_")
_OF_TWO = ("add.Tensor", "sub.Tensor", "mul.Tensor", "div.Tensor")
_TYPES = (torch.float32, torch.float64)
_KEPT: list[torch.library.Library] = []  # torch forgets what a library registered when it goes


@cache
def install() -> None:
    """Registers the short ways with torch's dispatcher; twice is once. An older torch keeps its own descriptions."""
    library = torch.library.Library("aten", "IMPL", "Meta")  # type: ignore[no-untyped-call]
    # Without this option torch refuses a second kernel for an operator that it describes itself.
    if "allow_override" not in inspect.signature(library.impl).parameters:
        return
    _KEPT.append(library)
    for name, kernel in kernels().items():
        library.impl(name, kernel, allow_override=True)  # type: ignore[no-untyped-call]


def kernels() -> dict[str, _Kernel]:
    """The short way of each operator, by its name, around torch's own description.

    Operators that this torch describes otherwise are left out.
    """
    ways: dict[str, Callable[[_Kernel], _Kernel]] = {
        **dict.fromkeys(_LIKE_THEIR_INPUT, _like_input),
        **dict.fromkeys(_IN_PLACE, _itself),
        **dict.fromkeys(_OF_TWO, _like_both),
        "native_batch_norm": _batch_norm,
        "native_layer_norm": _layer_norm,
        "native_group_norm": _group_norm,
        "addmm": _addmm,
    }
    return {name: way(own) for name, way in ways.items() if (own := described(name)) is not None}


def described(name: str) -> _Kernel | None:
    """Torch's own description of an operator ("add.Tensor", "relu") in Python, None where it has none."""
    packet, _, overload = name.partition(".")
    operator = getattr(getattr(torch.ops.aten, packet), overload or "default")
    tables = global_decomposition_table.values()
    return next((table[operator] for table in tables if operator in table), None)


def _is_plain(x: Any) -> bool:
    """Whether it is a tensor of floats without gaps, laid out in one of the two common ways."""
    # Not a subclass: `torch.export` traces with fake tensors, whose sizes may be symbols that must not be compared.
    if type(x) not in (torch.Tensor, torch.nn.Parameter) or x.dtype not in _TYPES:
        return False
    return bool(x.is_contiguous() or (x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last)))


def _have_type(x: torch.Tensor, *others: torch.Tensor | None) -> bool:
    return all(other is None or other.dtype == x.dtype for other in others)


def _like_input(own: _Kernel) -> _Kernel:
    def kernel(x: torch.Tensor, *rest: Any, **named: Any) -> Any:
        return torch.empty_like(x) if _is_plain(x) else own(x, *rest, **named)

    return kernel


def _itself(own: _Kernel) -> _Kernel:
    def kernel(x: torch.Tensor, *rest: Any, **named: Any) -> Any:
        return x if _is_plain(x) else own(x, *rest, **named)

    return kernel


def _like_both(own: _Kernel) -> _Kernel:
    def kernel(x: Any, y: Any, *rest: Any, **named: Any) -> Any:
        same = _is_plain(x) and _is_plain(y) and _have_type(x, y) and x.shape == y.shape and x.stride() == y.stride()
        return torch.empty_like(x) if same and not named else own(x, y, *rest, **named)

    return kernel


def _batch_norm(own: _Kernel) -> _Kernel:
    def kernel(x: torch.Tensor, weight: Any, bias: Any, mean: Any, variance: Any, *rest: Any) -> Any:
        if not _is_plain(x) or x.dim() < 2 or not _have_type(x, weight, bias, mean, variance):
            return own(x, weight, bias, mean, variance, *rest)
        return torch.empty_like(x), x.new_empty(x.shape[1]), x.new_empty(x.shape[1])

    return kernel


def _layer_norm(own: _Kernel) -> _Kernel:
    def kernel(x: torch.Tensor, shape: Sequence[int], weight: Any, bias: Any, eps: float) -> Any:
        around = x.dim() - len(shape)
        fits = around >= 0 and x.shape[around:] == tuple(shape)
        if not fits or not x.is_contiguous() or not _is_plain(x) or not _have_type(x, weight, bias):
            return own(x, shape, weight, bias, eps)
        statistics = [*x.shape[:around], *[1] * len(shape)]
        return torch.empty_like(x), x.new_empty(statistics), x.new_empty(statistics)

    return kernel


def _group_norm(own: _Kernel) -> _Kernel:
    def kernel(x: torch.Tensor, weight: Any, bias: Any, n: int, c: int, hw: int, groups: int, eps: float) -> Any:
        if not x.is_contiguous() or not _is_plain(x) or not _have_type(x, weight, bias) or c % groups:
            return own(x, weight, bias, n, c, hw, groups, eps)
        return torch.empty_like(x), x.new_empty((n, groups)), x.new_empty((n, groups))

    return kernel


def _addmm(own: _Kernel) -> _Kernel:
    def kernel(bias: torch.Tensor, a: torch.Tensor, b: torch.Tensor, **scales: Any) -> Any:
        fits = a.dim() == b.dim() == 2 and bias.dim() == 1 and a.shape[1] == b.shape[0] and bias.shape[0] == b.shape[1]
        if not fits or not _is_plain(a) or not _have_type(a, bias, b):
            return own(bias, a, b, **scales)
        return a.new_empty((a.shape[0], b.shape[1]))

    return kernel
