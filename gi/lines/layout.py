"""Positions of calls in a text, and the extent of the line (or element line) that each belongs to.

LibCST computes positions by printing the whole tree, which halves the throughput. Python's `ast` stores them and has
the same calls, so the two trees' calls are paired by number in source order. Where the running Python does not parse a
file's syntax, LibCST's provider is used after all.
"""

import ast
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider

from gi.core.types import Span
from gi.lines.decode import line_starts
from gi.lines.tree import children

Extent: TypeAlias = tuple[int, int]  # offsets of the first character and of the one after the last


class Text:
    """A text with its line starts; converts positions to offsets and back."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = line_starts(text)
        self._ascii = text.isascii()

    def offset(self, line: int, column: int) -> int:
        """The offset of a column that is counted in characters."""
        return self.starts[line - 1] + column

    def byte_offset(self, line: int, column: int) -> int:
        """The offset of a column that is counted in UTF-8 bytes, as `ast` does."""
        start = self.starts[line - 1]
        if self._ascii:  # nearly every file: no line has to be encoded
            return start + column
        end = self.starts[line] if line < len(self.starts) else len(self.text)
        return start + len(self.text[start:end].encode()[:column].decode())

    def line_at(self, offset: int) -> int:
        """The 1-based line of an offset."""
        return bisect_right(self.starts, offset)

    def span(self, extent: Extent) -> Span:
        """An extent as lines and columns."""
        line, end_line = self.line_at(extent[0]), self.line_at(extent[1])
        return Span(line, extent[0] - self.starts[line - 1], end_line, extent[1] - self.starts[end_line - 1])

    def indent(self, offset: int) -> str:
        """The whitespace that an offset's line starts with."""
        start = self.starts[self.line_at(offset) - 1]
        line = self.text[start:offset]
        return line[: len(line) - len(line.lstrip())]


@dataclass(frozen=True, slots=True)
class Place:
    """Extent of one call, the end of its function, and the extent of the line (or element line) that it belongs to."""

    call: Extent
    func_end: int
    unit: Extent


class AstLayout:
    """Places of the calls of an `ast` tree; `count` is their number."""

    def __init__(self, text: Text, tree: ast.Module) -> None:
        self._text = text
        self._calls = _calls_with_units(tree)
        self.count = len(self._calls)

    def place(self, index: int) -> Place:
        """The place of the call with this number in source order."""
        call, unit = self._calls[index]
        start, end = self._extent(call)
        return Place((start, end), self._extent(call.func)[1], self._unit(unit))

    def _extent(self, node: ast.AST) -> Extent:
        return (
            self._text.byte_offset(node.lineno, node.col_offset),  # type: ignore[attr-defined]
            self._text.byte_offset(node.end_lineno, node.end_col_offset),  # type: ignore[attr-defined]
        )

    def _unit(self, unit: Sequence[ast.AST]) -> Extent:
        start, end = self._extent(unit[0])[0], self._extent(unit[-1])[1]
        first = unit[0]
        if not isinstance(first, ast.stmt) or not hasattr(first, "body"):
            return start, end
        decorators = getattr(first, "decorator_list", ())
        # The line of a compound statement is its header alone, else a function would be one line with its body. A
        # colon in the header (a slice, a lambda) lies before the last header node's end.
        header = [self._extent(node)[1] for node in _header(first)]
        colon = self._text.text.find(":", max(header, default=start))
        # A decorator's node begins behind its "@", which belongs to the line.
        return min((self._extent(d)[0] - 1 for d in decorators), default=start), colon + 1


def _header(statement: ast.AST) -> Iterator[ast.AST]:
    """The nodes with a position in the header of a compound statement."""
    for name, value in ast.iter_fields(statement):
        if name not in ("body", "orelse", "handlers", "finalbody", "cases"):
            for node in value if isinstance(value, list) else [value]:
                if isinstance(node, ast.AST):
                    yield from [node] if hasattr(node, "end_lineno") else _header(node)


def _calls_with_units(tree: ast.Module) -> list[tuple[ast.Call, Sequence[ast.AST]]]:
    """Every call outside f-strings in source order, with the statement or the elements that it belongs to."""
    calls: list[tuple[ast.Call, Sequence[ast.AST]]] = []
    stack: list[tuple[ast.AST, Sequence[ast.AST]]] = [(tree, (tree,))]
    while stack:
        node, unit = stack.pop()
        kind = node.__class__
        # f-strings are skipped on both sides: their calls have no usable position before Python 3.12.
        if kind is ast.Name or kind is ast.Constant or kind is ast.JoinedStr:
            continue
        if isinstance(node, ast.stmt | ast.ExceptHandler):
            unit = (node,)
        elif kind is ast.Call:
            calls.append((node, unit))  # type: ignore[arg-type]
        groups = _element_lines(node)
        stack.extend((child, groups.get(child, unit)) for child in ast.iter_child_nodes(node))
    # An outer call may start where an inner one does (`f(x)(y)`): the longer one comes first, as in LibCST's walk.
    calls.sort(key=lambda c: (c[0].lineno, c[0].col_offset, -(c[0].end_lineno or 0), -(c[0].end_col_offset or 0)))
    return calls


def _element_lines(node: ast.AST) -> dict[ast.AST, Sequence[ast.AST]]:
    """Groups the elements of a display, or the arguments of a call, that have lines of their own; {} where none do."""
    if isinstance(node, ast.Call):
        elements: list[ast.AST] = [*node.args, *node.keywords]
        opened = node.func.end_lineno
    elif isinstance(node, ast.List | ast.Tuple | ast.Set):
        elements, opened = [*node.elts], node.lineno
    elif isinstance(node, ast.Dict):
        pairs: list[tuple[ast.AST, ast.AST]] = [
            (key or value, value)
            for key, value in zip(node.keys, node.values, strict=True)  # `**other` has no key
        ]
        return _grouped(pairs, node.lineno) if node.lineno != node.end_lineno else {}
    else:
        return {}
    if not elements or node.lineno == node.end_lineno:
        return {}
    return _grouped([(element, element) for element in elements], opened or 0)


def _grouped(elements: list[tuple[ast.AST, ast.AST]], opened: int) -> dict[ast.AST, Sequence[ast.AST]]:
    """Groups elements (first and last node of each) that share lines; {} where all begin on the opening line."""
    elements.sort(key=lambda e: (e[0].lineno, e[0].col_offset))  # type: ignore[attr-defined]
    groups: list[list[ast.AST]] = []
    for first, last in elements:
        if groups and first.lineno <= groups[-1][-1].end_lineno:  # type: ignore[attr-defined]
            groups[-1] += [first, last]
        else:
            groups.append([first, last])
    if len(groups) == 1 and groups[0][0].lineno == opened:  # type: ignore[attr-defined]
        return {}
    return {node: group for group in groups for node in group}


class CstLayout:
    """Places from LibCST's own provider, for syntax that the running Python does not know; lines are statements."""

    def __init__(self, text: Text, module: cst.Module, calls: Sequence[cst.Call]) -> None:
        self._text = text
        self._calls = calls
        # Ranges are looked up by the caller's nodes, and a copied tree has other ones. LibCST copies because a node
        # that stands twice in a tree would have one range; a parsed tree has none.
        self._ranges = MetadataWrapper(module, unsafe_skip_copy=True).resolve(PositionProvider)
        self._statements = dict(_statement_of_calls(module))
        self.count = len(calls)

    def place(self, index: int) -> Place:
        """The place of the call with this number in source order."""
        call = self._calls[index]
        return Place(self._extent(call), self._extent(call.func)[1], self._unit(self._statements[call]))

    def _extent(self, node: cst.CSTNode) -> Extent:
        code_range = self._ranges[node]
        assert isinstance(code_range, CodeRange)
        return (
            self._text.offset(code_range.start.line, code_range.start.column),
            self._text.offset(code_range.end.line, code_range.end.column),
        )

    def _unit(self, statement: cst.CSTNode) -> Extent:
        start, end = self._extent(statement)
        body = getattr(statement, "body", None)
        if isinstance(body, cst.BaseSuite):
            end = self._extent(body)[0]
            end = start + len(self._text.text[start:end].rstrip())
        return start, end


def _statement_of_calls(module: cst.Module) -> Iterator[tuple[cst.Call, cst.CSTNode]]:
    stack: list[tuple[cst.CSTNode, cst.CSTNode]] = [(module, module)]
    while stack:
        node, statement = stack.pop()
        if isinstance(node, cst.Call):
            yield node, statement
        if isinstance(node, cst.BaseCompoundStatement | cst.BaseSmallStatement):
            statement = node
        stack.extend((child, statement) for child in children(node))


def layout(text: Text, module: cst.Module, calls: Sequence[cst.Call], tree: ast.Module | None) -> AstLayout | CstLayout:
    """The places of a tree's calls, from Python's tree where it has as many calls, else from LibCST's provider."""
    if tree is not None:
        ast_layout = AstLayout(text, tree)
        # With unequal counts the parsers have read some syntax differently, and pairing by number would shift every
        # place behind it.
        if ast_layout.count == len(calls):
            return ast_layout
    return CstLayout(text, module, calls)
