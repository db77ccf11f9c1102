"""A formula that gives the wrong number, with other numbers in it: `width * 31 * 31` becomes `width * 15 * 15`.

A dense layer behind an image gets the product of channels, height and width, and that is how people write it. To put
the product in the formula's place would run, but freeze the width that stands in it: `Net(width=8)` of the new text
would fail. So the formula's own whole numbers are set: all that are equal to one other number, the last two to height
and width, the last three to channels, height and width, or a single one. What no such choice solves is left to the
caller, and so is a formula of names that are not known.
"""

import ast
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence

from gi.core.trace import Trace
from gi.source.tree.arithmetic import value_of
from gi.source.tree.tree import Source

Image = tuple[int, int, int]
"""Channels, height and width."""

# Each value is tried by working the formula out: a bound for formulas that no number solves.
_MOST = 4096


def with_other_numbers(
    source: Source, node: ast.expr, scopes: Sequence[Mapping[str, int]], wanted: Sequence[int], images: Sequence[Image]
) -> str | None:
    """The text of the formula `node` that gives `wanted[i]` under the names of `scopes[i]`; None where none is found.

    `images` are those whose values may be what is wanted.
    """
    constants = _constants(source)
    scopes = [constants | dict(scope) for scope in scopes]
    if not isinstance(node, ast.BinOp) or any(value_of(node, scope) is None for scope in scopes):
        return None
    # The nodes themselves, in place of a copy of the tree for each of some thousand choices.
    numbers = list(_numbers(node))
    for choice in _choices(numbers, images):
        before = {id(n): n.value for n in numbers}
        # Set in the parsed tree and put back at once: the other fixes of the round read the same nodes.
        for number, value in choice:
            number.value = value
        solved = all(value_of(node, scope) == goal for scope, goal in zip(scopes, wanted, strict=True))
        for number in numbers:
            number.value = before[id(number)]
        if solved:
            return _written(source, node, choice)
    return _refactored(source, node, scopes, wanted, images)


def images_of(trace: Trace, wanted: int) -> list[Image]:
    """The images of a run that hold so many values, each once, those that came last first."""
    # What came last comes first: a dense layer stands at the end.
    shapes = (shape for use in reversed(trace.uses) for shape in (use.output, *use.inputs))
    fitting = [s[1:] for s in shapes if len(s) == 4 and s[1] * s[2] * s[3] == wanted]
    return list(dict.fromkeys(fitting))


def _constants(source: Source) -> dict[str, int]:
    """The whole numbers that the module gives names to."""
    return {
        target.id: statement.value.value
        for statement in source.tree.body
        if isinstance(statement, ast.Assign)
        and isinstance(statement.value, ast.Constant)
        and type(statement.value.value) is int
        for target in statement.targets
        if isinstance(target, ast.Name)
    }


def _refactored(
    source: Source, node: ast.expr, scopes: Sequence[Mapping[str, int]], wanted: Sequence[int], images: Sequence[Image]
) -> str | None:
    """The factors of a product that give the channels, with height and width behind them: `2 * width * 24 * 20`."""
    factors = list(_factors(node))
    # The longest part of the product that gives the channels is kept as it is written.
    for count in range(len(factors) - 1, 0, -1):
        for kept in itertools.combinations(factors, count):
            texts = [source.code(f) for f in kept]
            given = [math.prod(value_of(f, scope) for f in kept) for scope in scopes]
            for channels, height, width in images:
                fits = all(g == channels and g * height * width == w for g, w in zip(given, wanted, strict=True))
                # Numbers alone would freeze the width, which is what a formula is kept for.
                if fits and any(not isinstance(f, ast.Constant) for f in kept):
                    return " * ".join([*texts, str(height), str(width)])
    return None


def _factors(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        yield from _factors(node.left)
        yield from _factors(node.right)
    else:
        yield node


def _numbers(node: ast.expr) -> Iterator[ast.Constant]:
    """The whole numbers of a formula in the order of the text, without exponents and indices."""
    if isinstance(node, ast.Constant) and type(node.value) is int:
        yield node
    elif isinstance(node, ast.BinOp):
        yield from _numbers(node.left)
        # An exponent is a number of axes, `(side // 8) ** 2`, and no size.
        yield from () if isinstance(node.op, ast.Pow) else _numbers(node.right)
    elif isinstance(node, ast.Call):
        for argument in node.args:
            yield from _numbers(argument)


def _choices(numbers: Sequence[ast.Constant], images: Sequence[Image]) -> Iterator[list[tuple[ast.Constant, int]]]:
    """Other values for some of the numbers, the likely ones first."""
    for channels, height, width in images:
        # Height and width mostly stand last.
        for first in reversed(range(len(numbers) - 1)):
            pair = numbers[first : first + 2]
            if pair[0].value == pair[1].value:
                yield list(zip(pair, (height, width), strict=True))
        for first in range(len(numbers) - 2):
            yield list(zip(numbers[first : first + 3], (channels, height, width), strict=True))
    by_value: dict[object, list[ast.Constant]] = {}
    for number in numbers:
        # Equal numbers stand for one quantity, `width * 31 * 31`: they change together. Of single ones the last comes
        # first.
        by_value.setdefault(number.value, []).append(number)
    groups = [g for g in by_value.values() if len(g) > 1] + [[n] for n in reversed(numbers)]
    for group in groups:
        for value in range(1, _MOST):
            yield [(n, value) for n in group]


def _written(source: Source, node: ast.expr, choice: Sequence[tuple[ast.Constant, int]]) -> str:
    start = source.bytes_of(node)[0]
    code = source.code(node).encode()
    # From the back, so that the offsets of what is still to come stay right.
    for number, value in sorted(choice, key=lambda pair: -source.bytes_of(pair[0])[0]):
        first, last = (at - start for at in source.bytes_of(number))
        code = code[:first] + str(value).encode() + code[last:]
    return code.decode()
