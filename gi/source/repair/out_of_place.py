"""What works in place on a value that the backward pass still needs, written so that it does not."""

import ast
from collections.abc import Callable

from gi.core.errors import UnrepairableError
from gi.core.trace import Fix, Trace
from gi.source.repair.values import find_argument
from gi.source.tree.arithmetic import SIGNS, brackets
from gi.source.tree.tree import Replacement, Source


def out_of_place(source: Source, fix: Fix, _: Trace) -> list[Replacement]:
    """The layer or function works on a new tensor. Raises `UnrepairableError` where the text gives no hold."""
    node = source.node_at(fix.built[0] if fix.built else fix.site)
    if isinstance(node, ast.AugAssign):
        return as_assignment(source, node)
    if isinstance(node, ast.Call):
        flag = next((n for n in _flags(node)), None)
        if flag is not None:
            return [_without(source, node, flag)]
        if isinstance(node.func, ast.Attribute) and node.func.attr.endswith("_"):
            return _function(source, node, node.func)
    raise UnrepairableError(f"what works in place at line {fix.site[0]} is written in no plain way")


def _flags(call: ast.Call) -> list[ast.expr]:
    """The arguments that may say `inplace`: by name, or a plain True at the end."""
    named = find_argument(call, "inplace", -1)
    last: list[ast.expr] = [a for a in call.args[-1:] if isinstance(a, ast.Constant) and a.value is True]
    return [named] if named is not None else last


def _without(source: Source, call: ast.Call, flag: ast.expr) -> Replacement:
    keyword = next((k for k in call.keywords if k.value is flag), None)
    start, end = source.bytes_of(keyword or flag)
    whole = source.data[: source.bytes_of(call)[1] - 1]
    # A trailing comma of the call goes too.
    if not whole[end:].strip(b" \t\r\n,"):  # the last argument: with the comma before it
        start = len(source.data[:start].rstrip(b" \t\r\n,"))
        return Replacement(start, end, "")
    following = whole[end:]
    return Replacement(start, end + len(following) - len(following.lstrip(b" \t\r\n,")), "")


def as_assignment(source: Source, node: ast.AugAssign, changed: Callable[[str], str] = str) -> list[Replacement]:
    """`x += f(x)` as `x = changed(x) + f(x)`."""
    if not isinstance(node.target, ast.Name) or type(node.op) not in SIGNS:
        raise UnrepairableError(f"the sum of line {node.lineno} is no plain sum")
    (start, end), (first, last) = source.bytes_of(node), source.bytes_of(node.value)
    target = node.target.id
    opening, closing = brackets(node.value)
    operation = f"{target} = {changed(target)} {SIGNS[type(node.op)]} {opening}"
    # `x *= a + b` is `x = x * (a + b)`.
    return [Replacement(start, first, operation), *([Replacement(last, end, closing)] if closing or last < end else [])]


def _function(source: Source, call: ast.Call, func: ast.Attribute) -> list[Replacement]:
    """`torch.relu_(x)` as `torch.relu(x)`; a statement of its own cannot be repaired, since its value is unused."""
    if isinstance(source.parents.get(call), ast.Expr):
        raise UnrepairableError(f"the value of line {call.lineno} is not used")
    return [Replacement(source.bytes_of(func)[1] - 1, source.bytes_of(func)[1], "")]
