"""Channel padding of a shortcut without weights: `F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, planes // 4, planes // 4))`.

The amounts of such a call hold only while the width doubles. Once an edit changes the width on one side, no number in
the constructor makes the sum fit again: a new width of the blocks changes the padding with it. So the amounts become
the difference of the two widths, which a negative amount crops.
"""

import ast
from collections.abc import Sequence

from gi.core.errors import UnrepairableError
from gi.core.trace import Case, Fix, Trace
from gi.source.places import placing
from gi.source.repair.expressions import expression
from gi.source.repair.layers import call_at
from gi.source.repair.values import find_argument
from gi.source.tree.tree import Replacement, Source

_SIDES = 6  # of the width, the height and the channels: `F.pad` counts from the last axis


def set_padding(source: Source, fix: Fix, trace: Trace) -> list[Replacement]:
    """The channel amounts of a pad become those that give the width of what it is added to.

    Raises `UnrepairableError` where the amounts are not written out, or no expression gives the width.
    """
    call, cases = call_at(source, fix.site), trace.points[fix.route[0]].cases
    amounts = find_argument(call, "pad", 1)
    if not call.args or not isinstance(amounts, (ast.Tuple, ast.List)) or len(amounts.elts) != _SIDES:
        raise UnrepairableError(f"the channels that line {fix.site[0]} pads are not written out")
    front, back = amounts.elts[4:]
    literal = isinstance(front, ast.Constant) and isinstance(back, ast.Constant)
    if literal and len({(c.value, c.wanted) for c in cases}) == 1:
        missing, naming = cases[0].wanted[0] - cases[0].value, list[Replacement]()
        # An odd difference puts one channel more behind.
        texts = _split(front, back, str(missing), (str(missing // 2), str(missing - missing // 2)))
    else:
        present, naming = _channels(source, call.args[0])
        missing_text = (
            f"{_wanted(fix, cases, {n.id for n in ast.walk(amounts) if isinstance(n, ast.Name)})} - {present}"
        )
        texts = _split(front, back, missing_text, (f"({missing_text}) // 2", f"({missing_text} + 1) // 2"))
    return [source.replace(front, texts[0]), source.replace(back, texts[1]), *naming]


def _split(front: ast.expr, back: ast.expr, whole: str, halves: tuple[str, str]) -> tuple[str, str]:
    """The amounts before and behind: all on one side where the other side gets none today, else half each."""
    empty = [isinstance(side, ast.Constant) and side.value == 0 for side in (front, back)]
    if empty == [True, False]:
        return "0", whole
    return (whole, "0") if empty == [False, True] else halves


def _channels(source: Source, operand: ast.expr) -> tuple[str, list[Replacement]]:
    """The text of how many channels come in, and what gives the operand a name if it has none."""
    image = operand.target if isinstance(operand, ast.NamedExpr) else operand
    if isinstance(image, ast.Subscript) and _keeps_channels(image.slice):
        image = image.value
    if isinstance(image, ast.Name):
        return f"{image.id}.shape[1]", []
    # The operand is an expression: a walrus names it once, where writing it twice would run it twice.
    name = placing.fresh_variable(source, "padded")
    return f"{name}.shape[1]", source.wrap(operand, f"({name} := ", ")")


def _keeps_channels(index: ast.expr) -> bool:
    """Whether an index takes every image and every channel: `x[:, :, ::2, ::2]`."""
    first = index.elts[:2] if isinstance(index, ast.Tuple) else []
    return len(first) == 2 and all(isinstance(s, ast.Slice) and not (s.lower or s.upper or s.step) for s in first)


def _wanted(fix: Fix, cases: Sequence[Case], used: set[str]) -> str:
    """The text of the width that comes out: a name that the amounts are computed from rather than a number."""
    goal = [c.wanted[0] for c in cases]
    for name, _ in cases[0].mended:
        if name in used and all(dict(c.mended).get(name) == g for c, g in zip(cases, goal, strict=True)):
            return name
    text = expression([dict(c.names) for c in cases], goal) or expression([dict(c.mended) for c in cases], goal)
    if text is None:
        raise UnrepairableError(f"line {fix.site[0]} pads to widths that no expression there gives")
    return f"({text.text})" if " if " in text.text else text.text
