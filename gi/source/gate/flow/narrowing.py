"""What a name can still be where `isinstance(x, nn.Module)`, `isfunction(x)` and the like are true, or false."""

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING

from gi.source.gate.flow.activation import Activation
from gi.source.gate.flow.values import (
    LAYER,
    NUMERIC,
    OUTSIDE,
    PLAIN,
    AbstractValue,
    Container,
    Function,
    Holder,
    Named,
    Object,
    Partial,
    ValueSet,
)

if TYPE_CHECKING:
    from gi.source.gate.flow.flow import Flow

Test = Callable[[AbstractValue], bool]
_NUMBERS = frozenset({"str", "int", "float", "bool"})
_CONTAINERS = frozenset({"list", "tuple", "dict"})


def narrow(flow: "Flow", test: ast.expr, activation: Activation, *, truth: bool) -> None:
    """Has names be what they can be where a test is true, or false."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        narrow(flow, test.operand, activation, truth=not truth)
    elif isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And if truth else ast.Or):
        for part in test.values:
            narrow(flow, part, activation, truth=truth)
    elif isinstance(test, ast.Call) and test.args and isinstance(test.args[0], ast.Name):
        name = test.args[0].id
        before = activation.names.get(name)
        may_be = _may_be(flow, test, truth=truth)
        if before is not None and may_be is not None:
            after = activation.names[name] = ValueSet(flow.queue)
            before.each(lambda value: after.add(value) if value is OUTSIDE or may_be(value) else None)


def _may_be(flow: "Flow", test: ast.Call, *, truth: bool) -> Test | None:
    """Whether a value may pass a test, or fail it; None for tests that say nothing."""
    called = flow.program.qualified(test.func)
    if called == "inspect.isfunction" and len(test.args) == 1 and not test.keywords:
        return lambda value: isinstance(value, Named) or isinstance(value, Function) is truth
    is_builtin = isinstance(test.func, ast.Name) and flow.program.binding(test.func) is None
    if not is_builtin or not isinstance(test.func, ast.Name) or test.func.id != "isinstance" or len(test.args) != 2:
        return None
    kinds = test.args[1].elts if isinstance(test.args[1], ast.Tuple) else [test.args[1]]
    known = [_kind(flow, kind) for kind in kinds]
    if truth:
        passing = [passes for passes, _ in known]
        return (lambda value: any(p(value) for p in passing if p is not None)) if None not in passing else None
    return lambda value: not any(surely(value) for _, surely in known)


def _kind(flow: "Flow", kind: ast.expr) -> tuple[Test | None, Test]:
    """For a class, what may be one of its objects, None where that is not known, and what surely is one.

    A tensor stands for a tuple of tensors, too, and a number for a tuple of numbers.
    """
    name = flow.program.qualified(kind)
    if not name and isinstance(kind, ast.Name):
        bound = flow.program.bound.get(flow.program.tree, {}).get(kind.id, [])
        if flow.program.binding(kind) is flow.program.tree and len(bound) == 1 and isinstance(bound[0], ast.ClassDef):
            of_class = _of_class(flow, kind.id)
            return of_class, of_class
        name = kind.id if flow.program.binding(kind) is None else ""
    if name == "torch.nn.Module":
        return lambda value: value is LAYER or _is_layer(flow, value), lambda value: _is_layer(flow, value)
    if name.startswith("torch.nn."):
        return lambda value: value is LAYER or _is_layer(flow, value), _never
    if name == "types.FunctionType":
        return lambda value: isinstance(value, (Function, Named)), lambda value: isinstance(value, Function)
    if name == "functools.partial":
        return lambda value: isinstance(value, Partial), lambda value: isinstance(value, Partial)
    if name == "torch.Tensor":
        return lambda value: value in NUMERIC - {PLAIN}, _never
    if name in _NUMBERS:
        return lambda value: value is PLAIN or isinstance(value, Object), _never  # members of an enumeration
    if name in _CONTAINERS:
        return lambda value: isinstance(value, (Container, Object)) or value in NUMERIC, _never
    return None, _never


def _never(_: AbstractValue) -> bool:
    return False


def _is_layer(flow: "Flow", value: AbstractValue) -> bool:
    return isinstance(value, Holder) or (isinstance(value, Object) and flow.classes.is_module(value.of))


def _of_class(flow: "Flow", name: str) -> Test:
    def of_class(value: AbstractValue) -> bool:
        return isinstance(value, Object) and any(one.node.name == name for one in flow.classes.line(value.of))

    return of_class
