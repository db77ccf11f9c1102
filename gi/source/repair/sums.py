"""Operands that do not fit together: one of them is projected or pooled, also in blocks that are built many times."""

import ast
from collections.abc import Callable, Sequence
from typing import Any

from gi.core.errors import UnrepairableError
from gi.core.trace import Case, Fix, Trace
from gi.source.places import placing
from gi.source.repair.expressions import condition, expression
from gi.source.repair.out_of_place import as_assignment
from gi.source.tree.imports import spelling, with_import
from gi.source.tree.statements import insert_after
from gi.source.tree.tree import Replacement, Source

_POOL = "torch.nn.functional.adaptive_avg_pool2d"


def project(source: Source, fix: Fix, trace: Trace, taken: set[str]) -> list[Replacement]:
    """One operand passes through a layer that gives it the other's width. The layer's name is added to `taken`."""
    node = source.node_at(fix.site)
    constructor = placing.constructor_of(source, node) if node else None
    if node is None or constructor is None:
        raise UnrepairableError(f"the sum of line {fix.site[0]} stands in no class with a constructor")
    code, imports = _projection(source, fix, trace.points[fix.route[0]].cases)
    name = placing.fresh("project", taken)
    taken.add(name)
    definition = insert_after(source, constructor.body[-1], f"self.{name} = {code}")
    changed = _changed(source, node, fix.name, lambda operand: f"self.{name}({operand})", f"self.{name}(")
    return [definition, *changed, *imports]


def _projection(source: Source, fix: Fix, cases: Sequence[Case]) -> tuple[str, list[Replacement]]:
    """The layer: where only some objects need it, under the condition that they do; else in all whose sum runs.

    In an object whose sum never runs, the layer's weights would get no gradient.
    """
    # A condition in the constructor decides for each object: `Conv2d(...) if stride != 1 else Identity()`.
    summing, needing = [c for c in cases if c.value], [c for c in cases if c.wanted]
    in_needing, in_summing = _held(cases, needing), _held(cases, summing)
    if in_needing is None and in_summing is None:
        raise UnrepairableError(f"the sum of line {fix.site[0]} runs in some objects of its class, in others never")
    code, imports = _layer(source, fix, summing if in_needing is None else needing)
    if held := in_summing if in_needing is None else in_needing:
        plain, more = placing.spelled(source, "torch.nn.Identity", "")
        code, imports = f"{code} if {held} else {plain}", [*imports, *more]
    return code, imports


def _held(cases: Sequence[Case], chosen: Sequence[Case]) -> str | None:
    """The condition that holds in just the chosen cases: "" where that is all of them, None where there is none."""
    if len(chosen) == len(cases):
        return ""
    return condition([dict(c.names) for c in cases], [c in chosen for c in cases])


def _layer(source: Source, fix: Fix, cases: Sequence[Case]) -> tuple[str, list[Replacement]]:
    """A 1x1 convolution, or a dense layer for features, with the widths that each case needs or has."""
    scopes = [dict(c.names) for c in cases]
    wanted = [c.wanted[0] if c.wanted else _own_widths(c, fix.name) for c in cases]
    # `(channels, out, stride)`, where a stride of 0 means features.
    alike = len({len(widths) for widths in wanted}) == 1  # else one object adds maps where another adds features
    texts = [expression(scopes, values) for values in zip(*wanted, strict=True)] if alike else [None]
    if any(t is None for t in texts):
        raise UnrepairableError(f"the sum of line {fix.site[0]} needs different layers in objects of one class")
    channels, out, stride = (t.text for t in texts if t is not None)
    step = f", stride={stride}" if stride not in ("0", "1") else ""
    symbol, rest = ("torch.nn.Linear", "") if stride == "0" else ("torch.nn.Conv2d", f", 1{step}")
    return placing.spelled(source, symbol, f"{channels}, {out}{rest}")


def _own_widths(case: Case, side: str) -> tuple[int, int, int]:
    """What a projection that changes no width is built with."""
    shape = case.value[side == "right"]
    width = shape[1] if len(shape) == 4 else shape[-1]
    return width, width, int(len(shape) == 4)


def _changed(
    source: Source, node: ast.AST, side: str, through: Callable[[str], str], opening: str
) -> list[Replacement]:
    """One operand of a sum sent through a call."""
    if isinstance(node, ast.BinOp):
        return source.wrap(node.left if side == "left" else node.right, opening, through("")[len(opening) :])
    if isinstance(node, ast.AugAssign) and side == "right":
        return source.wrap(node.value, opening, through("")[len(opening) :])
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        return as_assignment(source, node, through)
    if isinstance(node, ast.Call) and _operands(node):
        operand = _operands(node)[side == "right"]
        return source.wrap(operand, opening, through("")[len(opening) :])
    raise UnrepairableError(f"the sum of line {getattr(node, 'lineno', 0)} is no plain sum")


def _operands(call: ast.Call) -> list[ast.expr]:
    """The operands of `torch.add(a, b)` or `a.add(b)`."""
    if len(call.args) == 2 and not any(isinstance(a, ast.Starred) for a in call.args):
        return list(call.args)
    return [call.func.value, call.args[0]] if len(call.args) == 1 and isinstance(call.func, ast.Attribute) else []


# Sizes ---------------------------------------------------------------------------------------------------------------


def resize(source: Source, fix: Fix, trace: Trace) -> list[Replacement]:
    """One operand of a sum, or the elements of a concatenation, pooled to the others' size."""
    node, cases = source.node_at(fix.site), [c for c in trace.points[fix.route[0]].cases if c.value]
    name, line = spelling(source, _POOL)
    imports = [with_import(source, line)] if line else []
    if isinstance(node, ast.Call) and not fix.name:
        return [*_resized_elements(source, node, cases, name), *imports]
    if node is None:
        raise UnrepairableError(f"no sum stands at line {fix.site[0]}")
    side, size, hoisted = _size(source, node, fix, cases)
    changed = _changed(source, node, side, lambda operand: f"{name}({operand}, {size})", f"{name}(")
    return [*changed, *hoisted, *imports]


def _operand(node: ast.AST, side: str) -> ast.expr | None:
    match node:
        case ast.BinOp(left=left, right=right) | ast.AugAssign(target=left, value=right):
            return left if side == "left" else right
        case ast.Call() if _operands(node):
            return _operands(node)[side == "right"]
    return None


def _size(source: Source, node: ast.AST, fix: Fix, cases: Sequence[Case]) -> tuple[str, str, list[Replacement]]:
    """Which operand is resized, the size's text, and what else that needs.

    The size is a number where it is always the same, else read off the other operand, which gets a name if it has none.
    """
    wanted = {c.wanted[0] for c in cases if c.wanted}
    # One size everywhere is a plain number; else it is read off the tensor that it has to match.
    if len(wanted) == 1 and all(c.wanted for c in cases):
        return fix.name, _number(wanted.pop()), []
    other = "right" if fix.name == "left" else "left"
    for side, kept in ((fix.name, other), (other, fix.name)):
        operand = _operand(node, kept)
        if isinstance(operand, (ast.Name, ast.Attribute)):
            return side, f"{source.code(operand)}.shape[2:]", []
    left = _operand(node, "left")
    if not isinstance(node, ast.BinOp) or left is None:
        # Only a sum has two operands in one expression, so only there a walrus in the first is seen by the second.
        raise UnrepairableError("two operands of a sum have different sizes, and neither has a name")
    name = placing.fresh_variable(source, "first")
    return "right", f"{name}.shape[2:]", source.wrap(left, f"({name} := ", ")")


def _number(size: Any) -> str:
    return str(size[0]) if len(set(size)) == 1 else repr(tuple(size))


def _resized_elements(source: Source, node: ast.Call, cases: Sequence[Case], pool: str) -> list[Replacement]:
    """The elements of a concatenation that are larger than the smallest one."""
    wanted = {c.wanted[0] for c in cases if c.wanted}
    elements = node.args[0] if node.args else None
    if isinstance(elements, ast.Name) and len(wanted) == 1:
        size = _number(wanted.pop())
        return [source.replace(elements, f"[{pool}(t, {size}) for t in {elements.id}]")]
    if not isinstance(elements, (ast.List, ast.Tuple)) or any(isinstance(e, ast.Starred) for e in elements.elts):
        raise UnrepairableError(f"the concatenation of line {node.lineno} is of no plain list")
    needing = [c for c in cases if c.wanted]
    larger = [i for i in range(len(elements.elts)) if any(c.value[i][2:] != c.wanted[0] for c in needing)]
    kept = [e for i, e in enumerate(elements.elts) if i not in larger and isinstance(e, ast.Name)]
    size = _number(wanted.pop()) if len(wanted) == 1 and len(needing) == len(cases) else ""
    if not size and not kept:
        raise UnrepairableError(f"the concatenation of line {node.lineno} is of different sizes in different objects")
    size = size or f"{source.code(kept[0])}.shape[2:]"
    return [r for i in larger for r in source.wrap(elements.elts[i], f"{pool}(", f", {size})")]
