"""Tracks a program's integers: each records the expressions of the text that it passed through.

The text runs with every expression that may hold a width (an argument, an assigned value, an element of a list, a
default) passed through `Routes.at`, which returns an int with its place of evaluation, the names in scope there, and
its earlier evaluations. So for a layer that needs another width, every place of the text that could change it is known,
whatever the number passed through: a loop over a list, a helper method, an attribute.

Example: in `def block(n): return nn.Conv2d(3, n, 3)` and `block(16)`, the 16 is evaluated as the argument of `block`
and then as the argument `n` of `nn.Conv2d`. A convolution that needs 24 outputs therefore has the route (`n`, `16`),
innermost first: repair writes 24 for the literal, and other calls of `block` do not change.

Limits: arithmetic gives plain ints, so the 16 in `2 * 16` is not followed past the product, whose place is `2 * 16`
itself; numbers that pass through torch, numpy, text or a bool are lost; `forward` is not followed. After
`MAX_EVALUATIONS` evaluations numbers stay plain. Check worker only.
"""

import operator
import sys
import types
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from gi.core.trace import Site
from gi.trace.numbers.marks import Points
from gi.trace.numbers.scope import Scope, scope_of
from gi.trace.program.call_sites import CANDIDATE

MAX_EVALUATIONS = 20_000


@dataclass(slots=True)
class TrackedExpression:
    """One evaluation of an expression to an integer; `wanted` collects the values that layers with it need.

    With a `base` the layers got the sum of both: `width += growth`. `derives` is True if other numbers were computed
    from it.
    """

    point: int
    value: int
    scope: Scope | None
    before: "TrackedExpression | None"
    wanted: set[Any] = field(default_factory=set)
    base: int | None = None
    derives: bool = False

    def mended(self) -> set[Any]:
        """The values that the expression itself should have, without the base."""
        base = self.base
        return self.wanted if base is None else {w - mended(base) for w in self.wanted if isinstance(w, int)}


class Number(int):
    """An int with its latest evaluation, which links to earlier ones. Arithmetic with it gives plain ints."""

    at: TrackedExpression

    def __mul__(self, other: Any) -> Any:
        return self._derived(int.__mul__(self, other))

    def __rmul__(self, other: Any) -> Any:
        return self._derived(int.__rmul__(self, other))

    def __floordiv__(self, other: Any) -> Any:
        return self._derived(int.__floordiv__(self, other))

    def __add__(self, other: Any) -> Any:
        return self._derived(int.__add__(self, other))

    def __radd__(self, other: Any) -> Any:
        return self._derived(int.__radd__(self, other))

    def _derived(self, value: Any) -> Any:
        self.at.derives |= sys._getframe(2).f_code.co_filename == CANDIDATE  # torch's arithmetic does not count
        return value

    def __copy__(self) -> "Number":
        return self

    def __deepcopy__(self, _: dict[int, Any]) -> "Number":
        return self

    def __reduce__(self) -> tuple[type[int], tuple[int]]:
        # A pickled network must be readable without this class.
        return int, (int(self),)


class Routes:
    """The points of one program, and their evaluations while its network was built."""

    def __init__(self) -> None:
        self.points = Points()
        self.evaluations: defaultdict[int, list[TrackedExpression]] = defaultdict(list)  # by point
        self.constructors: dict[int, dict[str, Any]] = {}
        self.count = 0
        self.over = False

    def not_given(self, name: str, value: Any, calls: Sequence[Site]) -> tuple[int, str] | None:
        """The call that could pass argument `name` of a layer, which has `value`: see `Points.not_given`."""
        way = route(value)
        return self.points.not_given(name, way[-1].point if way else None, calls)

    def at(self, point: int, value: Any) -> Any:
        """The value, as a `Number` where it is an int (and no bool) and the network is being built."""
        kind = type(value)
        if (kind is not int and kind is not Number) or self.over or self.count > MAX_EVALUATIONS:  # a bool stays a bool
            return value
        self.count += 1
        number = Number(value)
        before = value.at if kind is Number else None
        number.at = TrackedExpression(point, int(value), self.scope(sys._getframe(1)), before)
        self.evaluations[point].append(number.at)
        return number

    def added(self, point: int, base: Any, value: Any) -> Any:
        """The sum as a `Number` whose place is the second summand."""
        total = operator.iadd(base, value)  # type: ignore[no-untyped-call] # lists grow in place
        if self.over or not all(type(v) in (int, Number) for v in (base, value)):
            return total
        number = Number(total)
        number.at = TrackedExpression(point, int(value), self.scope(sys._getframe(1)), None, base=base)
        self.evaluations[point].append(number.at)
        return number

    def is_constant(self, value: Any) -> bool:
        """Whether a number was last evaluated from a literal."""
        return type(value) is Number and value.at.point in self.points.constants

    def scope(self, frame: types.FrameType) -> Scope | None:
        """The names in a frame; for a constructor's frame, also kept as the latest of its object."""
        scope = scope_of(frame)
        if scope is not None and frame.f_code.co_name == "__init__" and "self" in scope[0]:
            self.constructors[id(scope[0]["self"])] = scope[0]
        return scope


def route(value: Any) -> list[TrackedExpression]:
    """The evaluations that a number passed through, the latest first."""
    evaluations, at = [], value.at if type(value) is Number else None
    while at is not None:
        evaluations.append(at)
        at = at.before
    return evaluations


def mended(value: int) -> int:
    """The number after the repair: the value that the layers with it need, if they agree, else itself."""
    wanted = value.at.wanted if type(value) is Number else set[Any]()
    agreed = next(iter(wanted)) if len(wanted) == 1 else None
    return agreed if type(agreed) is int else int(value)


def constructor_values(module: Any) -> dict[str, Any]:
    """The arguments of a layer of torch that is being built, by parameter name; {} outside its constructor."""
    own = getattr(type(module).__init__, "__code__", None)
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code is not own:
        frame = frame.f_back
    if frame is None or own is None:
        return {}
    values = frame.f_locals
    return {n: values[n] for n in own.co_varnames[1 : own.co_argcount + own.co_kwonlyargcount] if n in values}
