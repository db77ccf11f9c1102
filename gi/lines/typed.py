"""A program's text to its typed lines, and the lines to the records that `gi lines --json` prints."""

import ast
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any

import libcst as cst

from gi.core.errors import SourceError
from gi.core.types import TypedCall, TypedLine
from gi.lines.decode import LINE_END
from gi.lines.index import ClassIndex, empty_index
from gi.lines.layout import Extent, Place, Text, layout
from gi.lines.tree import calls_in_source_order, parse
from gi.lines.walk import ResolvedCall, Walk


def typed_lines(text: str, *, module: str = "", classes: ClassIndex | None = None) -> tuple[TypedLine, ...]:
    """The typed lines of a Python file in source order.

    A line is a logical one; where the elements of a display or of an untyped call (`nn.Sequential(...)`) stand on
    lines of their own, each such element is a line. Calls inside f-strings do not count, nor do calls of methods on
    values (`x.flatten(1)`), whose receiver's type the text does not show.

    Args:
        text: the file's text.
        module: its dotted name inside its package, which relative imports start from; "package.__init__" for a package.
        classes: the index over the other files of the package.

    Raises:
        SourceError: "line:column: what is wrong" for a text that is not Python 3, or nests too deeply.
    """
    try:
        return _typed_lines(text, module, classes or empty_index())
    except RecursionError:
        raise SourceError("1:1: the text nests too deeply to be read. Split its longest expression.") from None


def _typed_lines(text: str, module: str, classes: ClassIndex) -> tuple[TypedLine, ...]:
    tree, own = parse(text)
    walk = Walk(module, classes)
    walk.module(tree)
    if not walk.calls:
        return ()
    calls = calls_in_source_order(tree)
    numbers = {call: number for number, call in enumerate(calls)}  # by identity: LibCST's nodes compare so
    source = Text(text)
    places = layout(source, tree, calls, own)
    placed = sorted(
        ((places.place(numbers[resolved.call]), resolved) for resolved in walk.calls),
        key=lambda p: (p[0].call[0], -p[0].call[1]),  # an outer call before the calls that start where it does
    )
    return tuple(_line(source, tree, *group) for group in _by_unit(placed))


def _by_unit(placed: Iterable[tuple[Place, ResolvedCall]]) -> list[tuple[Extent, list[tuple[Place, ResolvedCall]]]]:
    """Calls by the line that they belong to; a line inside another typed line belongs to that one."""
    pairs = sorted(placed, key=lambda p: (p[0].unit[0], -p[0].unit[1]))
    groups: list[tuple[Extent, list[tuple[Place, ResolvedCall]]]] = []
    for place, resolved in pairs:
        if groups and place.unit[1] <= groups[-1][0][1]:
            groups[-1][1].append((place, resolved))
        else:
            groups.append((place.unit, [(place, resolved)]))
    return groups


def _line(source: Text, tree: cst.Module, unit: Extent, members: list[tuple[Place, ResolvedCall]]) -> TypedLine:
    members.sort(key=lambda p: (p[0].call[0], -p[0].call[1]))
    indent = source.indent(unit[0])
    calls = tuple(_call(source, tree, place, resolved) for place, resolved in members)
    # The first outermost call gives the line its type, but a choice like `nn.Identity() if x else nn.Dropout()` is for
    # the other layer.
    main = min(_outermost(members, calls), key=lambda call: call.symbol == "torch.nn.Identity")
    span = source.span(unit)
    code = _dedented(source.text[slice(*unit)], indent)
    return TypedLine(span.line, span.end_line, main.type, _whole(code), calls)


def _outermost(members: list[tuple[Place, ResolvedCall]], calls: Sequence[TypedCall]) -> Iterator[TypedCall]:
    """The calls of a line, sorted by place, that are inside no other call of it."""
    end = -1
    for (place, _), call in zip(members, calls, strict=True):
        if place.call[1] > end:
            end = place.call[1]
            yield call


def _call(source: Text, tree: cst.Module, place: Place, resolved: ResolvedCall) -> TypedCall:
    node, spelled = resolved.call, resolved.free.spelled
    # A slice of the text keeps its layout and is much cheaper than printing the tree, which only rewritten names need.
    if spelled or node.func.lpar or isinstance(node.func, cst.NamedExpr):
        new = node.visit(_Spelling({**spelled, node.func: resolved.symbol}))
        code = tree.code_for_node(new.with_changes(lpar=(), rpar=()) if isinstance(new, cst.Call) else node)
    else:
        code = resolved.symbol + source.text[place.func_end : place.call[1]]
    span = source.span(place.call)
    code = _dedented(code, source.indent(place.call[0]))
    return TypedCall(span.line, resolved.symbol, resolved.type, span, code, tuple(resolved.free.names.items()))


def _dedented(code: str, indent: str) -> str:
    """Code without the indentation of its first line; strings over several lines are left as they are."""
    # Their lines are part of the value, which cutting the indentation would change.
    if not indent or '"""' in code or "'''" in code or not LINE_END.search(code):
        return code
    first, *rest = code.splitlines(keepends=True)
    return first + "".join(line.removeprefix(indent) for line in rest)


def _whole(code: str) -> str:
    """Code over several lines, in the parentheses that it needs to stand on its own where it lost them."""
    # An element's line leaves the brackets behind that let it run over several lines.
    if "\n" not in code or _parses(code) or not _parses(f"({code})"):
        return code
    return f"({code})"


def _parses(code: str) -> bool:
    try:
        ast.parse(code)
    except (SyntaxError, ValueError):
        return False
    return True


class _Spelling(cst.CSTTransformer):
    """Replaces nodes by their qualified symbols."""

    def __init__(self, symbols: dict[cst.CSTNode, str]) -> None:
        super().__init__()
        self._symbols = symbols

    def on_visit(self, node: cst.CSTNode) -> bool:
        return node not in self._symbols  # what is replaced as a whole needs no walk

    def on_leave(self, original_node: Any, updated_node: Any) -> Any:
        symbol = self._symbols.get(original_node)
        return updated_node if symbol is None else cst.parse_expression(symbol)


def lines_json(lines: Iterable[TypedLine]) -> list[dict[str, Any]]:
    """Typed lines as the list that `gi lines FILE --json` prints."""
    return [
        {
            "line": line.line,
            "end_line": line.end_line,
            "type": line.type.value,
            "code": line.code,
            "calls": [
                {"line": call.line, "symbol": call.symbol, "type": call.type.value}
                for call in sorted(line.calls, key=attrgetter("line"))
            ],
        }
        for line in lines
    ]
