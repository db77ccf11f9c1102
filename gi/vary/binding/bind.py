"""Binding: the free names of an ingredient become names in scope or values that suit the place it goes to."""

import ast
import operator
import random
from collections.abc import Callable, Mapping
from typing import Any

from gi.core.protocols import Signature
from gi.core.types import Ingredient, LineType
from gi.source.tree.arithmetic import OPERATORS
from gi.source.tree.tree import dotted
from gi.vary.binding.parameter_rules import DATA, INPUTS, UNKNOWN, Code, OpenParameter, Surroundings, bound


def bound_arguments(
    ingredient: Ingredient, around: Surroundings, signature: Signature, rng: random.Random
) -> str | None:
    """The arguments of the ingredient's call, written for its new place; None where one can take no sensible value.

    A function's first parameter, the data, is left out.
    """
    given = _given(ingredient, signature)
    # Refused here rather than repaired: a size that changes in one of several layers changes what all sums add up.
    if given is None or not _keeps_size(ingredient, around, signature):
        return None
    values: dict[str, Any] = {}
    for name, required in signature:
        slot = OpenParameter(name, given.get(name, UNKNOWN), name in given, required, around, values, rng)
        value = bound(slot)
        # A parameter that must be given and has no sensible value: the ingredient fits nowhere here.
        if value is UNKNOWN and required:
            return None
        if value is not UNKNOWN:
            values[name] = value
    return _written(values, signature)


def _keeps_size(ingredient: Ingredient, around: Surroundings, signature: Signature) -> bool:
    """Whether the layer can leave the image's size as it is, where its line stands for layers of several sizes."""
    name, names = ingredient.symbol.rpartition(".")[2].lower(), {n for n, _ in signature}
    if not around.is_shared:
        return True
    # Normalising over height and width fits one image size, and the line has several.
    if (name in ("layernorm", "rmsnorm") and around.size) or (around.is_varied and names & INPUTS):
        return False
    if ingredient.type == LineType.POOLING:
        return "kernel_size" in names and (
            "padding" in names or (around.window is not None and around.window[1] == "0")
        )
    # A transposed convolution enlarges, where the line has to keep the size.
    return "transpose" not in name or around.stride in ("", "1")


def _given(ingredient: Ingredient, signature: Signature) -> dict[str, Any] | None:
    """The donor's arguments by parameter name: a literal's value, or `UNKNOWN` for what only the donor knows."""
    call = ast.parse(ingredient.call, mode="eval").body
    if not isinstance(call, ast.Call):
        return None
    names = {name: literal for name, literal in ingredient.names if literal is not None}
    parameters = [name for name, _ in signature]
    # What a star brings only the donor's own run knows.
    positional = [a for a in call.args if not isinstance(a, ast.Starred)]
    given = {name: evaluated(a, names) for name, a in zip(parameters, positional, strict=False)}
    given |= {k.arg: evaluated(k.value, names) for k in call.keywords if k.arg in parameters}
    return given


def evaluated(node: ast.expr, names: Mapping[str, str]) -> Any:
    """The value of a literal, of a name with a known literal, or of arithmetic on them; `UNKNOWN` for the rest."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name() | ast.Attribute() if (name := dotted(node)) in names:
            # One step deep: a name whose literal is a name again is the donor's own matter.
            return evaluated(ast.parse(names[name], mode="eval").body, {})
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            values = [evaluated(e, names) for e in elements]
            return UNKNOWN if any(v is UNKNOWN for v in values) else tuple(values)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            value = evaluated(operand, names)
            return -value if isinstance(value, (int, float)) else UNKNOWN
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            a, b = evaluated(left, names), evaluated(right, names)
            return _computed(_ARITHMETIC[type(op)], a, b)
    return UNKNOWN


_ARITHMETIC = OPERATORS | {ast.Div: operator.truediv}


def _computed(function: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
    numbers = (int, float)
    if not isinstance(a, numbers) or not isinstance(b, numbers) or (b == 0 and "div" in function.__name__):
        return UNKNOWN
    return function(a, b)


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
        # As people write them: widths and kernels by position, settings by name.
        by_position = by_position and (required or name in ("p", "kernel_size"))
        parts.append(text if by_position else f"{name}={text}")
    return ", ".join(parts)
