"""What is taken out of values, and what operators make of them."""

import ast
from typing import TYPE_CHECKING

from gi.source.gate.flow.activation import Activation
from gi.source.gate.flow.known import WITH_ELEMENTS
from gi.source.gate.flow.values import (
    NUMERIC,
    OUTSIDE,
    PARAMETER,
    PLAIN,
    AbstractValue,
    Container,
    Holder,
    Named,
    Object,
    OwnClass,
    ValueSet,
)

if TYPE_CHECKING:
    from gi.source.gate.flow.flow import Flow


def put_element(flow: "Flow", value: AbstractValue, place: int | None, result: ValueSet) -> None:
    """Puts into `result` what is in a value, at a `place` that is written out or anywhere."""
    if isinstance(value, Container):
        known = place is not None and -len(value.places) <= place < len(value.places)
        (value.places[place] if known and place is not None else value.contents).flow_to(result)
    elif isinstance(value, Holder):
        value.contents.flow_to(result)
    elif isinstance(value, Object):
        flow.beyond.gone_through(value)
        if is_gone_through(flow, value):
            flow.contents(value).flow_to(result)
    elif value in NUMERIC:
        result.add(value)
    elif isinstance(value, OwnClass):
        if "enum.Enum" in flow.classes.torch_bases(value):
            result.add(Object(value))
    elif isinstance(value, Named):  # a type's alias
        result.add(PLAIN)
    elif value is OUTSIDE:  # of functions and of other layers nothing can be taken
        flow.beyond.anything.flow_to(result)


def is_gone_through(flow: "Flow", value: AbstractValue) -> bool:
    """Whether a value is an object of a class whose objects have elements."""
    return isinstance(value, Object) and bool(flow.classes.torch_bases(value.of) & WITH_ELEMENTS)


def put_part(flow: "Flow", node: ast.AST, value: AbstractValue, activation: Activation, result: ValueSet) -> None:
    """Puts into `result` what `x[1:]` gives: a new container with the same in it."""
    if isinstance(value, Container):
        part = flow.container(node, activation, fixed=value.fixed)
        value.contents.flow_to(part.contents)
        result.add(part)
    elif isinstance(value, Holder) or is_gone_through(flow, value):
        holder = flow.holder(node, activation)
        put_element(flow, value, None, holder.contents)
        result.add(holder)
    else:
        put_element(flow, value, None, result)


def put_result(
    flow: "Flow",
    node: ast.AST,
    sides: list[ValueSet],
    activation: Activation,
    operator: ast.AST | None,
    result: ValueSet,
) -> None:
    """Puts into `result` what an operator gives, None standing for any: of containers a new one with what they hold."""

    def put(value: AbstractValue, others: list[ValueSet]) -> None:
        if value in NUMERIC:
            result.add(value if value is not PARAMETER else flow.calls.tensor(activation))
        elif isinstance(value, (Container, Holder)) or is_gone_through(flow, value):
            for other in others:
                other.each(lambda o: put_part(flow, node, value, activation, result) if _joins(operator, o) else None)
        elif isinstance(value, Named):  # a number of a module's
            result.add(PLAIN)
        elif value is OUTSIDE:  # a number, a tensor or a new list
            made = flow.container(node, activation)
            flow.beyond.anything.flow_to(made.contents)
            for one in (PLAIN, flow.calls.tensor(activation), made):
                result.add(one)

    for index, side in enumerate(sides):
        others = [*sides[:index], *sides[index + 1 :]] or [side]
        side.each(lambda value, others=others: put(value, others))  # type: ignore[misc]


def _joins(operator: ast.AST | None, other: AbstractValue) -> bool:
    """Whether an operator may make a container of a container and another value."""
    # A number stands for a tuple of numbers, a tensor for a tuple of tensors.
    if operator is None or isinstance(operator, ast.Add):
        return True
    if isinstance(operator, ast.Mult):
        return other in NUMERIC or other is OUTSIDE
    joining = isinstance(operator, (ast.BitOr, ast.BitAnd, ast.BitXor, ast.Sub))
    return joining and (isinstance(other, (Container, Object)) or other is OUTSIDE)
