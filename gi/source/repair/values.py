"""Which place of the text gets which number: arguments that do not fit, settled for all layers that a line builds."""

import ast
import dataclasses
import math
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from gi.core.errors import UnrepairableError
from gi.core.trace import Case, Fix, Site, Trace, ValuePlace
from gi.source.repair.expressions import Expression, expression
from gi.source.repair.formula import images_of, with_other_numbers
from gi.source.tree.tree import Replacement, Source

_LOOSE: dict[str, Callable[..., int]] = {"groups": math.gcd, "num_groups": math.gcd, "padding": max}
"""Arguments for which one number serves every layer of a line, if each alone needs another."""
_RAW_SIZE = re.compile(r"size\d")
"""One of the sizes that a tensor is made with: no keyword of any call."""
_KEPT = 1.0
"""A formula that stays is plainer than a number in its place, and no plainer than a number for a number."""
_DERIVES = 5.0
"""More than a name or arithmetic costs: what is computed from a number changes with it."""


@dataclass(frozen=True, slots=True)
class Settled:
    """One point's new text, and what it costs in reading: lower is plainer."""

    point: int
    expression: Expression
    cost: float


def arguments(source: Source, trace: Trace, fixes: Sequence[Fix], *, optional: Collection[Site]) -> list[Replacement]:
    """The edits that give every layer the arguments that it needs; at `optional` sites there is another way.

    What cannot be settled waits for the next round, since what is settled now may change it. Raises
    `UnrepairableError` where nothing can.
    """
    replacements, pending, failed = dict[int, Replacement](), list(fixes), list[Fix]()
    while pending:
        fix = pending[0]
        # Numbers at these points came through a place that changes in this round: what they are now is no basis.
        stale = {i for f in fixes if replacements.keys() & set(f.route) for i in f.route}
        best = _best(source, trace, fix, stale, loose=fix.site not in optional)
        if best is None:
            pending.remove(fix)
            # A depthwise convolution that gets other widths can keep its outputs only with fewer groups.
            grouped = _grouped(source, trace, fix, fixes) if fix.name == "out_channels" else None
            if grouped is not None:
                replacements[grouped[0]] = grouped[1]
                pending = [f for f in pending if grouped[0] not in f.route]
            elif fix.site not in optional:
                failed.append(fix)
            # The next fix may still be settled, and what it changes may settle this one.
            continue
        replacements[best.point] = _written(source, trace.points[best.point], best.expression.text)
        pending = [f for f in pending if best.point not in f.route]
    if failed and not replacements:
        line, name = failed[0].built[0][0], failed[0].name
        raise UnrepairableError(f"line {line} builds several layers that need different values of {name}")
    return list(replacements.values())


def _grouped(source: Source, trace: Trace, fix: Fix, fixes: Sequence[Fix]) -> tuple[int, Replacement] | None:
    """Groups that go into the widths as they are, for convolutions that were depthwise and would need other outputs."""
    points = {f.name: f.route[-1] for f in fixes if f.built[:1] == fix.built[:1]}
    if "groups" not in points:
        return None
    ins = trace.points[points["in_channels"]].cases if "in_channels" in points else ()
    outs = trace.points[points["out_channels"]].cases
    groups = math.gcd(*(w for c in ins for w in c.wanted), *(c.value for c in outs))
    return points["groups"], _written(source, trace.points[points["groups"]], str(groups))


def _best(source: Source, trace: Trace, fix: Fix, stale: Collection[int], *, loose: bool) -> Settled | None:
    """The plainest settlement that every layer agrees to, else of those that the others may follow."""
    settlements = _settlements(source, trace, fix, stale, loose=loose, led=False)
    settlements = settlements or _settlements(source, trace, fix, stale, loose=loose, led=True)
    return min(settlements, key=lambda s: s.cost, default=None)


def _settlements(
    source: Source, trace: Trace, fix: Fix, stale: Collection[int], *, loose: bool, led: bool
) -> list[Settled]:
    """The points along a fix's route that can give all that is needed of them.

    Of those `stale`, numbers came from a place that changes: only a number for all is still right there. Where layers
    that got one number disagree, those `led` by the others follow: the next round shows whether they can. With `loose`,
    one number may serve layers of which each alone needs another.
    """
    settlements = []
    for depth, index in enumerate(fix.route):
        point = trace.points[index]
        cases = [_following(c) if led else c for c in point.cases if c.wanted]
        # No single text gives two numbers at once.
        if any(len(c.wanted) > 1 for c in cases) or not cases:
            continue
        there = _there(source, point)
        rule = _LOOSE.get(fix.name) if loose else None
        kept = _kept(source, trace, there, cases) if index not in stale else None
        text = kept or _expression(cases, rule, source.code(there) if there is not None else "")
        if text is None or (index in stale and text.rank):
            continue
        if point.name or there is not None:
            # Of equally plain places the innermost, which changes the fewest layers.
            cost = _KEPT if kept else _cost(there, text)
            settlements.append(Settled(index, text, cost + depth / 10 + _DERIVES * point.derives))
    return settlements


def _kept(source: Source, trace: Trace, there: ast.expr | None, cases: Sequence[Case]) -> Expression | None:
    """The formula that stands at a point with other numbers in it."""
    wanted = [c.wanted[0] for c in cases]
    if there is None or not all(type(w) is int for w in wanted):
        return None
    scopes = [dict(c.mended) for c in cases]
    text = with_other_numbers(source, there, scopes, wanted, images_of(trace, wanted[0]))
    return None if text is None else Expression(text, 2)


def _following(case: Case) -> Case:
    """The case without the layers that could keep the number as it is, where others need a new one."""
    new = tuple(w for w in case.wanted if w != case.value)
    # Only a padding may be 0: a dilation that is the same number, as in `padding=dilation`, cannot follow it.
    return dataclasses.replace(case, wanted=new) if len(new) == 1 and new[0] != 0 else case


# Names as the run had them come first; what they will be once the other fixes are made is a guess.
def _expression(cases: Sequence[Case], loose: Callable[..., int] | None, there: str) -> Expression | None:
    """What gives all that is wanted under the names of the run; else under those that they will have once mended.

    Else a number that `loose` finds to serve all.
    """
    wanted = [c.wanted[0] for c in cases]
    best = expression([dict(c.names) for c in cases], wanted)
    if best is None or best.rank > 3:
        later = expression([dict(c.mended) for c in cases], wanted)
        best = later if later is not None and later.rank <= 3 and later.text != there else best
    if loose is not None and (best is None or best.rank > 3) and all(type(w) is int for w in wanted):
        return Expression(str(loose(*wanted)), 0)
    return best


def _cost(there: ast.expr | None, new: Expression) -> float:
    """A number for a number costs least; then a number for an expression, a name, arithmetic, a choice."""
    if new.rank == 0:
        return 0 if there is None or isinstance(there, (ast.Constant, ast.Tuple, ast.UnaryOp)) else 2
    return 2.5 + new.rank


def _there(source: Source, point: ValuePlace) -> ast.expr | None:
    """The expression that stands at a point now; None for an argument that is not given."""
    if not point.name:
        return source.expression_at(point.site)
    call = source.call_at(point.site)
    if call is not None and _RAW_SIZE.fullmatch(point.name):
        return _size(call, point.position)
    return find_argument(call, point.name, point.position) if call else None


def _size(call: ast.Call, position: int) -> ast.expr | None:
    """The expression of one size in `torch.zeros(1, tokens, dim)`, `torch.zeros((1, tokens, dim))`, or `size=(...)`."""
    named = next((k.value for k in call.keywords if k.arg == "size"), None)
    first = named if named is not None else call.args[0] if call.args else None
    sizes = first.elts if isinstance(first, (ast.Tuple, ast.List)) else call.args
    plain = not any(isinstance(s, ast.Starred) for s in sizes[: position + 1])
    return sizes[position] if plain and position < len(sizes) else None


def _written(source: Source, point: ValuePlace, text: str) -> Replacement:
    there = _there(source, point)
    if there is not None:
        return source.replace(there, text)
    call = source.call_at(point.site)
    if call is None or _RAW_SIZE.fullmatch(point.name):
        raise UnrepairableError(f"no call with {point.name} of its own stands at line {point.site[0]}")
    return add_argument(source, call, point.name, text)


def find_argument(call: ast.Call, name: str, position: int) -> ast.expr | None:
    """The expression that a call gives for a parameter, by keyword or by position."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    # Behind a star nothing says which parameter a position is.
    if 0 <= position < len(call.args) and not any(isinstance(a, ast.Starred) for a in call.args[: position + 1]):
        return call.args[position]
    return None


def add_argument(source: Source, call: ast.Call, name: str, value: str) -> Replacement:
    """A keyword argument behind the others."""
    last = max((source.bytes_of(n)[1] for n in (*call.args, *(k.value for k in call.keywords))), default=0)
    end = source.bytes_of(call)[1] - 1
    if not last:
        return Replacement(end, end, f"{name}={value}")
    own = re.match(rb"[\s)]*\)", source.data[last:end])  # parentheses around the last argument
    last += own.end() if own else 0
    return Replacement(last, last, f", {name}={value}")
