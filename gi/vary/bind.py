"""Binding: the free names of an ingredient become names in scope or values that suit the place it goes to."""

import ast
import operator
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gi.seams import Signature
from gi.source.tree import dotted
from gi.types import Ingredient

_UNKNOWN = object()
_DROPPED = frozenset({"device", "dtype", "inplace", "return_indices", "training", "foreach", "fused", "capturable"})
_INPUTS = frozenset(
    {"in_channels", "in_features", "num_features", "num_channels", "normalized_shape", "num_parameters"}
)
_RATES = (0.1, 0.2, 0.3, 0.5)
MAX_KERNEL, MAX_STRIDE, MAX_GROWTH = 7, 3, 4


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The place an ingredient goes to.

    `channels` is what a layer receives there (channels or features), `size` the image's (height, width) or ();
    `width` the width that the place asks for (`width_is_fixed` for the classes), None where it is free;
    `widths` those of the host's other layers. `net`, `optimizer`, `steps` are the
    recipe's names; `image` is the data set's (height, width).
    """

    channels: int = 1
    size: tuple[int, ...] = ()
    width: int | None = None
    width_is_fixed: bool = False
    widths: tuple[int, ...] = ()
    net: str = "net"
    optimizer: str = "optimizer"
    steps: str = "steps"
    image: tuple[int, int] = (1, 1)


def bound_arguments(
    ingredient: Ingredient, around: Surroundings, signature: Signature, rng: random.Random
) -> str | None:
    """The arguments of the ingredient's call, written for its new place; None where one can take no sensible value.

    A function's first parameter, the data, is left out.
    """
    given = _given(ingredient, signature)
    if given is None:
        return None
    values: dict[str, Any] = {}
    for name, required in signature:
        slot = _Slot(name, given.get(name, _UNKNOWN), name in given, required, around, values, rng)
        value = _bound(slot)
        if value is _UNKNOWN and required:
            return None
        if value is not _UNKNOWN:
            values[name] = value
    return _written(values, signature)


def _given(ingredient: Ingredient, signature: Signature) -> dict[str, Any] | None:
    """The donor's arguments by parameter name: a literal's value, or `_UNKNOWN` for what only the donor knows."""
    call = ast.parse(ingredient.call, mode="eval").body
    if not isinstance(call, ast.Call):
        return None
    names = {name: literal for name, literal in ingredient.names if literal is not None}
    parameters = [name for name, _ in signature]
    positional = [a for a in call.args if not isinstance(a, ast.Starred)]
    given = {name: evaluated(a, names) for name, a in zip(parameters, positional, strict=False)}
    given |= {k.arg: evaluated(k.value, names) for k in call.keywords if k.arg in parameters}
    return given


def evaluated(node: ast.expr, names: Mapping[str, str]) -> Any:
    """The value of a literal, of a name with a known literal, or of arithmetic on them; `_UNKNOWN` for the rest."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name() | ast.Attribute() if (name := dotted(node)) in names:
            return evaluated(ast.parse(names[name], mode="eval").body, {})
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            values = [evaluated(e, names) for e in elements]
            return _UNKNOWN if any(v is _UNKNOWN for v in values) else tuple(values)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            value = evaluated(operand, names)
            return -value if isinstance(value, (int, float)) else _UNKNOWN
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            a, b = evaluated(left, names), evaluated(right, names)
            return _computed(_ARITHMETIC[type(op)], a, b)
    return _UNKNOWN


_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Div: operator.truediv,
}


def _computed(function: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
    numbers = (int, float)
    if not isinstance(a, numbers) or not isinstance(b, numbers) or (b == 0 and "div" in function.__name__):
        return _UNKNOWN
    return function(a, b)


@dataclass(frozen=True, slots=True)
class _Slot:
    """One parameter to fill: the donor's value (`_UNKNOWN` where it has none), and the values bound before it."""

    name: str
    value: Any
    given: bool
    required: bool
    around: Surroundings
    before: dict[str, Any]
    rng: random.Random


def _bound(slot: _Slot) -> Any:
    """The value or `Code` that a parameter gets, `_UNKNOWN` where it is left to its default."""
    name, value = slot.name, slot.value
    if name in _DROPPED:
        return _UNKNOWN
    if name == "input" and slot.required:
        return DATA
    if name in _INPUTS and (slot.given or slot.required):
        return _UNKNOWN if name == "num_parameters" and value in (1, _UNKNOWN) else slot.around.channels
    if name in _RECIPE:
        return Code(_RECIPE[name](slot.around)) if slot.given or slot.required else _UNKNOWN
    if name in _SHAPED:
        return _SHAPED[name](slot)
    if not slot.given or value is _UNKNOWN:
        return _DEFAULTS.get(name, _UNKNOWN) if slot.required else _UNKNOWN
    return value


@dataclass(frozen=True, slots=True)
class Code:
    """An argument that is source text rather than a value."""

    text: str


DATA = Code("")


def _width(slot: _Slot) -> int:
    """The donor's width where it is within reach of the host's, else one of the host's."""
    value, around, rng = slot.value, slot.around, slot.rng
    if around.width is not None and (around.width_is_fixed or rng.random() < 0.5):
        return around.width
    reference = around.width or around.channels
    if isinstance(value, int) and reference / MAX_GROWTH <= value <= max(16, reference * MAX_GROWTH):
        return value
    choices = sorted({around.channels, *around.widths, 2 * around.channels} - {1}) or [8]
    near = [w for w in choices if w <= max(16, reference * MAX_GROWTH)] or choices[:1]
    return around.width if around.width is not None else rng.choice(near)


_RECIPE: dict[str, Callable[[Surroundings], str]] = {
    "params": lambda a: f"{a.net}.parameters()",
    "optimizer": lambda a: a.optimizer,
    "T_max": lambda a: a.steps,
    "total_steps": lambda a: a.steps,
    "total_iters": lambda a: a.steps,
    "steps_per_epoch": lambda a: a.steps,
    "epochs": lambda _: "1",
    "step_size": lambda a: f"max(1, {a.steps} // 3)",
    "milestones": lambda a: f"[{a.steps} // 2, {a.steps} * 3 // 4]",
    "T_0": lambda a: f"max(1, {a.steps} // 4)",
    "step_size_up": lambda a: f"max(1, {a.steps} // 2)",
    "size": lambda a: repr(a.image),
}

_DEFAULTS: dict[str, Any] = {
    "gamma": 0.3,
    "max_lr": 0.01,
    "base_lr": 0.001,
    "p": 0.2,
    "dim": 1,
    "num_groups": 4,
    "output_size": 2,
    "upscale_factor": 2,
    "degrees": 10,
    "threshold": 0.1,
    "value": 0.0,
    "norm_type": 2,
}


def _kernel(slot: _Slot) -> Any:
    value = slot.value[0] if isinstance(slot.value, tuple) and len(slot.value) == 1 else slot.value
    sizes = value if isinstance(value, tuple) else (value,)
    if not all(isinstance(v, int) and 1 <= v <= MAX_KERNEL for v in sizes):
        return 3 if "in_channels" in slot.before else 2
    return value


def _stride(slot: _Slot) -> Any:
    if not slot.given or slot.value is _UNKNOWN or slot.value is None:
        return _UNKNOWN
    return slot.value if isinstance(slot.value, tuple) or slot.value <= MAX_STRIDE else 2


def _padding(slot: _Slot) -> Any:
    if slot.given and slot.value is not _UNKNOWN:
        kernel = slot.before.get("kernel_size")
        too_large = isinstance(slot.value, int) and isinstance(kernel, int) and slot.value > kernel // 2
        return kernel // 2 if too_large else slot.value  # type: ignore[operator]
    kernel = slot.before.get("kernel_size", 1)
    half = tuple(k // 2 for k in kernel) if isinstance(kernel, tuple) else kernel // 2
    return half if slot.given or "in_channels" in slot.before else _UNKNOWN


def _groups(slot: _Slot) -> Any:
    """Groups that only the donor knows are nearly always those of a depthwise convolution."""
    if not slot.given or slot.value == 1:
        return _UNKNOWN
    if slot.value is _UNKNOWN and slot.around.channels > 1 and slot.around.width in (None, slot.around.channels):
        slot.before["out_channels"] = slot.around.channels
        return slot.around.channels
    fits = (
        isinstance(slot.value, int)
        and not slot.around.channels % slot.value
        and not slot.before.get("out_channels", 1) % slot.value
    )
    return slot.value if fits else _UNKNOWN


def _rate(slot: _Slot) -> Any:
    return slot.value if isinstance(slot.value, float) and 0 < slot.value < 1 else slot.rng.choice(_RATES)


def _lr(slot: _Slot) -> Any:
    return (
        slot.value if isinstance(slot.value, float) and 0 < slot.value <= 1 else slot.rng.choice((0.001, 0.003, 0.01))
    )


def _num_groups(slot: _Slot) -> Any:
    if isinstance(slot.value, int) and not slot.around.channels % slot.value:
        return slot.value
    return max(g for g in (1, 2, 4, 8) if not slot.around.channels % g)


_SHAPED: dict[str, Callable[[_Slot], Any]] = {
    "out_channels": _width,
    "out_features": _width,
    "kernel_size": _kernel,
    "stride": _stride,
    "padding": _padding,
    "groups": _groups,
    "p": _rate,
    "lr": _lr,
    "num_groups": _num_groups,
}


def _written(values: dict[str, Any], signature: Signature) -> str:
    """The arguments as people write them: what must be given by position, the rest by name."""
    parts, by_position = [], True
    for name, required in signature:
        if name not in values:
            by_position = False
            continue
        value = values[name]
        text = value.text if isinstance(value, Code) else repr(value)
        if value is DATA:
            continue
        positional = by_position and (required or name in ("p", "kernel_size"))
        parts.append(text if positional else f"{name}={text}")
    return ", ".join(parts)
