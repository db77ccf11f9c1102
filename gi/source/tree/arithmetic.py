"""Whole-number arithmetic in a text: what its operators do, and what an expression gives under known names."""

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
}
SIGNS: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.FloorDiv: "//", ast.Div: "/"}
_MORE = OPERATORS | {ast.Div: operator.truediv, ast.Pow: operator.pow, ast.Mod: operator.mod}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "int": int, "round": round, "abs": abs, "max": max, "min": min, "math.ceil": math.ceil, "math.floor": math.floor,
    "math.sqrt": math.sqrt, "math.prod": math.prod,
}  # fmt: skip
_LARGEST = 1 << 40
_ATOMS = (ast.Name, ast.Call, ast.Attribute, ast.Subscript, ast.Constant)


def brackets(operand: ast.expr) -> tuple[str, str]:
    """What an expression stands in as the operand of something else: ("(", ")"), or ("", "") where it needs none."""
    return ("", "") if isinstance(operand, _ATOMS) else ("(", ")")


def literal(node: ast.expr) -> str | None:
    """A literal in Python's own spelling; None for any other expression."""
    try:
        return repr(ast.literal_eval(node))
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None


def value_of(node: ast.expr, names: Mapping[str, int]) -> Any:
    """The number that an expression gives; None where it holds anything else than arithmetic over the names.

    A name may be a whole expression, as it is written: "self.width", "sizes[0]".
    """
    try:
        value = _value(node, names)
    except (ArithmeticError, TypeError, ValueError, KeyError):
        return None
    return value if abs(value) < _LARGEST else None


def _value(node: ast.expr, names: Mapping[str, int]) -> Any:
    match node:
        case ast.Constant(value=int() | float() as value):
            return value
        case ast.BinOp(left=left, op=op, right=right):
            values = _value(left, names), _value(right, names)
            if isinstance(op, ast.Pow) and not 0 <= values[1] <= 8:
                raise ValueError("a power that no size has")
            return _MORE[type(op)](*values)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, names)
        case ast.Call(func=func, args=args, keywords=[]) if ast.unparse(func) in _FUNCTIONS:
            return _FUNCTIONS[ast.unparse(func)](*(_value(a, names) for a in args))
    return names[ast.unparse(node)]
