"""The learning rate in the code of optimizers and schedules: what it is, another one, and what fits which optimizer."""

import ast
from collections.abc import Iterator

from gi.core.types import LineType
from gi.lines.taxonomy import line_type
from gi.source.tree.tree import dotted
from gi.vary.binding.bind import evaluated

_USUAL = {"SGD": 0.1, "ASGD": 0.1, "Adadelta": 1.0, "Adagrad": 0.03}
_USUAL_OF_ADAM = 0.005
_FAR = 30


def usual_rate(optimizer: str) -> float:
    """The learning rate that an optimizer usually has for small networks, by its symbol or its call's text."""
    return _USUAL.get(optimizer.partition("(")[0].rpartition(".")[2], _USUAL_OF_ADAM)


def peak_rate(optimizer: str, scheduler: str) -> float | None:
    """The highest learning rate of a training; None where it is no plain number."""
    # In this order: a schedule with a `max_lr` sets the rate itself, whatever the optimizer was given.
    return number_in(scheduler, "max_lr") or number_in(optimizer, "lr")


def fitting_rate(rate: float, before: str, after: str) -> float:
    """What a rate of one optimizer corresponds to for another one, two digits long."""
    return float(f"{rate * usual_rate(after) / usual_rate(before):.2g}")


def is_usual(rate: float | None, optimizer: str) -> bool:
    """Whether a rate is one that an optimizer may learn by: within a factor of 30 of the usual one."""
    return rate is not None and usual_rate(optimizer) / _FAR <= rate <= usual_rate(optimizer) * _FAR


def number_in(code: str, name: str) -> float | None:
    """The positive number that some call in the code gives the parameter `lr` or `max_lr`; None for none."""
    values = (evaluated(place.value, {}) for place in _places(_named(code), name))
    return next((float(v) for v in values if isinstance(v, (int, float)) and v > 0), None)


def with_number(code: str, name: str, value: float) -> str:
    """The code with a number for every parameter of that name; an optimizer that leaves `lr` out is given one."""
    tree = _named(code)
    places = list(_places(tree, name))
    for place in places:
        place.value = ast.Constant(value)
    if not places and name == "lr" and isinstance(tree, ast.Call):
        tree.keywords.insert(0, ast.keyword("lr", ast.Constant(value)))
    return ast.unparse(tree)


def _places(tree: ast.AST, name: str) -> Iterator[ast.keyword]:
    for call in ast.walk(tree):
        if isinstance(call, ast.Call):
            yield from (k for k in call.keywords if k.arg == name)


def _named(code: str) -> ast.expr:
    """The code with rates by name where they stand by their place: `SGD(net.parameters(), 0.1)`."""
    tree = ast.parse(code, mode="eval").body
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and len(call.args) == 2:  # with a third, taking the second out would move it
            name = dotted(call.func)
            is_cycle = name.rpartition(".")[2] == "OneCycleLR"
            if is_cycle or line_type(name) == LineType.OPTIMIZER:
                call.keywords.insert(0, ast.keyword("max_lr" if is_cycle else "lr", call.args.pop()))
    return tree
