"""Finds a readable expression over the names in scope that gives the right number each time that a line runs."""

import ast
import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from gi.source.tree.arithmetic import OPERATORS, SIGNS

Values: TypeAlias = tuple[int, ...]
# Each pair of names is tried with each operator: at most 2304 texts.
_MAX_NAMES = 24
# Widths are mostly multiples of each other: where two operators give the right numbers, the product is what was meant.
_TRIED = (ast.Mult, ast.FloorDiv, ast.Add, ast.Sub)


@dataclass(frozen=True, slots=True)
class Expression:
    """A text and how far it is from plain: 0 a number, 1 a name, 2 and 3 arithmetic, 5 a choice."""

    text: str
    rank: int


def expression(scopes: Sequence[Mapping[str, int]], wanted: Sequence[Any]) -> Expression | None:
    """The simplest expression that gives `wanted[i]` under the names and numbers of `scopes[i]`, for every i."""
    # A number is the plainest, and the only answer that needs no names.
    if len(set(wanted)) == 1:
        return Expression(repr(wanted[0]), 0)
    if not all(type(w) is int for w in wanted):
        return None
    names, goal = _names(scopes), tuple(wanted)
    simple = next(_simple(names, goal), None)
    return simple or next(_choices(names, goal), None)


def condition(scopes: Sequence[Mapping[str, int]], needed: Sequence[bool]) -> str | None:
    """A comparison, or two joined by `or`, that holds just where it is needed."""
    tests = list(_tests(_names(scopes)))
    goal = tuple(needed)
    plain = next((text for text, held in tests if held == goal), None)
    if plain:
        return plain
    # Of the tests that hold nowhere else, two may cover together what none covers alone. More than two would be
    # unreadable.
    inside = [(t, held) for t, held in tests if not any(h and not g for h, g in zip(held, goal, strict=True))]
    for number, (text, held) in enumerate(inside):
        for other, also in inside[number + 1 :]:
            if tuple(a or b for a, b in zip(held, also, strict=True)) == goal:
                return f"{text} or {other}"
    return None


def _names(scopes: Sequence[Mapping[str, int]]) -> dict[str, Values]:
    """The names that every scope has, plain ones first, with their number in each."""
    # A name that one instance lacks would raise in it.
    shared = [n for n in scopes[0] if all(n in scope for scope in scopes)] if scopes else []
    # `planes` before `self.planes` before `widths[0]`.
    shared.sort(key=lambda n: (n.count(".") + 2 * n.count("["), "out_" not in n and "." in n))
    return {n: tuple(scope[n] for scope in scopes) for n in shared[:_MAX_NAMES]}


def _simple(names: Mapping[str, Values], goal: Values) -> Iterator[Expression]:
    yield from (Expression(n, 1) for n, values in names.items() if values == goal)
    # A name with one value everywhere cannot distinguish instances: a number says the same.
    varying = {n: v for n, v in names.items() if len(set(v)) > 1}
    yield from _scaled(varying, goal)
    yield from _joined(names, varying, goal)
    yield from _shifted(varying, goal)


def _scaled(names: Mapping[str, Values], goal: Values) -> Iterator[Expression]:
    """`2 * name`, `name // 2`."""
    for name, values in names.items():
        if all(values) and goal[0] % values[0] == 0 and goal[0] // values[0] > 1:
            factor = goal[0] // values[0]
            if all(v * factor == g for v, g in zip(values, goal, strict=True)):
                yield Expression(f"{factor} * {name}", 2)
        if all(goal) and values[0] // goal[0] > 1:
            divisor = values[0] // goal[0]
            if all(v // divisor == g for v, g in zip(values, goal, strict=True)):
                yield Expression(f"{name} // {divisor}", 2)


def _joined(names: Mapping[str, Values], varying: Mapping[str, Values], goal: Values) -> Iterator[Expression]:
    """Two names: a product, a quotient, a sum, a difference."""
    # The order in which they are tried decides between equals.
    for sign, operator in ((SIGNS[kind], OPERATORS[kind]) for kind in _TRIED):
        for left, a in names.items():
            for right, b in names.items():
                # A sum or a product of two names is the same either way round.
                once = sign in "//-" or left <= right
                if once and (left in varying or right in varying) and _gives(operator, a, b, goal):
                    yield Expression(f"{left} {sign} {right}", 3)


def _gives(operator: Callable[[int, int], int], a: Values, b: Values, goal: Values) -> bool:
    with contextlib.suppress(ZeroDivisionError):
        return all(operator(x, y) == g for x, y, g in zip(a, b, goal, strict=True))
    return False


def _shifted(names: Mapping[str, Values], goal: Values) -> Iterator[Expression]:
    """`name + 3`."""
    for name, values in names.items():
        gap = goal[0] - values[0]
        if gap and all(g - v == gap for v, g in zip(values, goal, strict=True)):
            yield Expression(f"{name} {'+' if gap > 0 else '-'} {abs(gap)}", 3)


def _choices(names: Mapping[str, Values], goal: Values) -> Iterator[Expression]:
    """`64 if first == 3 else planes`."""
    for text, held in _tests(names):
        # Both ways must occur: a condition that always holds is no choice.
        yes = [i for i, h in enumerate(held) if h]
        no = [i for i, h in enumerate(held) if not h]
        if yes and no:
            first, second = _part(names, goal, yes), _part(names, goal, no)
            if first and second:
                yield Expression(f"{first} if {text} else {second}", 5)


def _part(names: Mapping[str, Values], goal: Values, at: Sequence[int]) -> str:
    wanted = tuple(goal[i] for i in at)
    if len(set(wanted)) == 1:
        return str(wanted[0])
    part = {n: tuple(values[i] for i in at) for n, values in names.items()}
    plainest = next(_simple(part, wanted), None)
    return plainest.text if plainest else ""


def _tests(names: Mapping[str, Values]) -> Iterator[tuple[str, tuple[bool, ...]]]:
    """Comparisons that hold in some scopes and not in others, the plainest first."""
    # Only what differs between instances can decide between them.
    varying = {n: v for n, v in names.items() if len(set(v)) > 1}
    for name, values in varying.items():
        # `stride != 1` is what people write where a block changes the size.
        if 1 in values:
            yield f"{name} != 1", tuple(v != 1 for v in values)
    for name, values in varying.items():
        for number in sorted(set(values)):
            yield f"{name} == {number}", tuple(v == number for v in values)
            yield f"{name} != {number}", tuple(v != number for v in values)
        for number in sorted(set(values))[1:-1]:
            yield f"{name} > {number}", tuple(v > number for v in values)
            yield f"{name} < {number}", tuple(v < number for v in values)
    for left, a in names.items():
        for right, b in names.items():
            if left < right and (left in varying or right in varying):
                held = tuple(x != y for x, y in zip(a, b, strict=True))
                if len(set(held)) > 1:
                    yield f"{left} != {right}", held
                    yield f"{left} == {right}", tuple(not h for h in held)
