"""A program's text with its syntax tree: sites, parents, and edits by byte span that leave the rest untouched.

Edits go through the standard library's `ast`, whose nodes know their exact byte span, rather than through LibCST: an
edit is then a replacement of a few bytes, so that every other byte of the user's file stays as it was (see
`docs/decisions/002-edits-by-span.md`).
"""

import ast
import re
from collections.abc import Collection, Iterable, Iterator
from functools import cached_property, lru_cache
from typing import TypeAlias, TypeVar

from gi.core.errors import SourceError
from gi.core.trace import Site
from gi.source.tree.replacement import Replacement

__all__ = ["Function", "Replacement", "Source", "dotted", "parse", "site_of"]

Node = TypeVar("Node", bound=ast.AST)
Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


class Source:
    """One program's text, parsed once. Raises `SourceError` with line and column where it does not parse."""

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self.data = text.encode()
            self.tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            line, column = getattr(error, "lineno", None) or 0, getattr(error, "offset", None) or 0
            raise SourceError(f"line {line}, column {column}: {getattr(error, 'msg', error)}") from None

    @cached_property
    def line_starts(self) -> list[int]:
        """The byte offset of each line's start; only the line ends that Python counts."""
        starts, at = [0, 0], 0
        for line in self.data.replace(b"\r\n", b" \n").replace(b"\r", b"\n").split(b"\n"):
            at += len(line) + 1
            starts.append(at)
        return starts

    @cached_property
    def newline(self) -> str:
        """The line end that the text uses: that of its first line."""
        first = re.search(rb"\r\n|\r|\n", self.data)
        return first[0].decode() if first else "\n"

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """Each node's parent."""
        return {child: node for node in self._order[0] for child in ast.iter_child_nodes(node)}

    @cached_property
    def _order(self) -> tuple[list[ast.AST], dict[ast.AST, int]]:
        """All nodes, each in front of its children, and where each node's own stretch of them ends."""
        nodes: list[ast.AST] = []
        ends: dict[ast.AST, int] = {}

        def visit(node: ast.AST) -> None:
            nodes.append(node)
            for child in ast.iter_child_nodes(node):
                visit(child)
            ends[node] = len(nodes)

        visit(self.tree)
        return nodes, ends

    @cached_property
    def _starts(self) -> dict[ast.AST, int]:
        return {node: at for at, node in enumerate(self._order[0])}

    def under(self, node: ast.AST) -> list[ast.AST]:
        """A node of the tree and all nodes in it, in the order of the text; the tree is walked once for all askings."""
        nodes, ends = self._order
        return nodes[self._starts[node] : ends[node]]

    @cached_property
    def _by_site(self) -> dict[Site, ast.AST]:
        nodes: dict[Site, ast.AST] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, (ast.Call, ast.BinOp, ast.AugAssign)):
                nodes.setdefault(site_of(node), node)
        return nodes

    @cached_property
    def _expressions(self) -> dict[Site, ast.expr]:
        expressions: dict[Site, ast.expr] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.expr):
                expressions.setdefault(site_of(node), node)
        return expressions

    def expression_at(self, site: Site) -> ast.expr | None:
        """The expression at a site."""
        return self._expressions.get(site)

    def node_at(self, site: Site) -> ast.AST | None:
        """The call or operation at a site."""
        return self._by_site.get(site)

    def call_at(self, site: Site) -> ast.Call | None:
        """The call at a site."""
        node = self._by_site.get(site)
        return node if isinstance(node, ast.Call) else None

    def bytes_of(self, node: ast.AST) -> tuple[int, int]:
        """Where a node starts and ends, in bytes."""
        line, column, end_line, end_column = site_of(node)
        return self.line_starts[line] + column, self.line_starts[end_line] + end_column

    def code(self, node: ast.AST) -> str:
        """A node's own text."""
        start, end = self.bytes_of(node)
        return self.data[start:end].decode()

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """The nodes around a node, innermost first."""
        while node in self.parents:
            node = self.parents[node]
            yield node

    def enclosing(self, node: ast.AST, kind: type[Node]) -> Node | None:
        """The innermost node of a kind around a node."""
        return next((a for a in self.ancestors(node) if isinstance(a, kind)), None)

    def statement(self, node: ast.AST) -> ast.stmt:
        """The statement that a node stands in, or the node itself."""
        return node if isinstance(node, ast.stmt) else next(a for a in self.ancestors(node) if isinstance(a, ast.stmt))

    def function(self, node: ast.AST) -> Function | None:
        """The function whose body a node stands in: a default or a decorator stands outside."""
        inner = node
        for outer in self.ancestors(node):
            if isinstance(outer, (ast.FunctionDef, ast.AsyncFunctionDef)) and inner in outer.body:
                return outer
            inner = outer
        return None

    @cached_property
    def classes(self) -> dict[str, ast.ClassDef]:
        """The module's classes by name."""
        return {node.name: node for node in self.tree.body if isinstance(node, ast.ClassDef)}

    @cached_property
    def functions(self) -> dict[str, Function]:
        """The module's functions by name."""
        return {n.name: n for n in self.tree.body if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))}

    def indent(self, statement: ast.stmt) -> str:
        """The white space that a statement's line starts with."""
        start = self.line_starts[statement.lineno]
        return self.data[start : start + statement.col_offset].decode()

    # Replacements ---------------------------------------------------------------------------------------------------

    def replace(self, node: ast.AST, text: str) -> Replacement:
        """A node's text becomes another."""
        return Replacement(*self.bytes_of(node), text)

    def insert_after(self, statement: ast.stmt, *lines: str) -> Replacement:
        """New lines below a statement, at its depth; behind a semicolon where it shares its line."""
        end = self.bytes_of(statement)[1]
        if self._shares_line(statement):
            return Replacement(end, end, "".join(f"; {line}" for line in lines if line))
        end = self._line_end(statement)
        return Replacement(end, end, "".join(f"\n{self.indent(statement)}{line}" for line in lines))

    def insert_before(self, statement: ast.stmt, *lines: str) -> Replacement:
        """New lines above a statement, at its depth; in front of a semicolon where others stand before it."""
        start = self.bytes_of(statement)[0]
        if self._text_before(statement):
            return Replacement(start, start, "".join(f"{line}; " for line in lines))
        start = self.line_starts[statement.lineno]
        return Replacement(start, start, "".join(f"{self.indent(statement)}{line}\n" for line in lines))

    def wrap(self, node: ast.AST, opening: str, closing: str) -> list[Replacement]:
        """Puts text around a node; wraps of nodes that start or end together nest as the nodes do."""
        start, end = self.bytes_of(node)
        return [
            Replacement(start, start, opening, opens=end - start),
            Replacement(end, end, closing, closes=end - start),
        ]

    def _text_before(self, statement: ast.stmt) -> bytes:
        return self.data[self.line_starts[statement.lineno] : self.bytes_of(statement)[0]].strip()

    def _shares_line(self, statement: ast.stmt) -> bool:
        rest = self.data[self.bytes_of(statement)[1] : self._line_end(statement)]
        return bool(self._text_before(statement) or rest.split(b"#")[0].strip())

    def _next_line(self, statement: ast.stmt) -> int:
        return min(self.line_starts[(statement.end_lineno or 0) + 1], len(self.data))

    def _line_end(self, statement: ast.stmt) -> int:
        start, following = self.line_starts[statement.end_lineno or 0], self._next_line(statement)
        return start + len(self.data[start:following].rstrip(b"\r\n"))

    def delete_statements(self, statements: Iterable[ast.stmt]) -> list[Replacement]:
        """Statements go, with their lines; `pass` stands in where a body would be empty."""
        going = {id(s): s for s in statements}
        return [self._deleted(s, going) for s in going.values()]

    def _deleted(self, statement: ast.stmt, going: Collection[int]) -> Replacement:
        body = self._body(statement)
        stands_in = body[0] is statement and all(id(s) in going for s in body)
        if stands_in or self._shares_line(statement):
            return Replacement(*self.bytes_of(statement), "pass")
        return Replacement(self.line_starts[statement.lineno], self._next_line(statement), "")

    def _body(self, statement: ast.stmt) -> list[ast.stmt]:
        for _, value in ast.iter_fields(self.parents[statement]):
            if isinstance(value, list) and statement in value:
                return value
        return [statement]

    def outer_bytes(self, element: ast.expr) -> tuple[int, int]:
        """Where an element of a call's arguments or of a list starts and ends, its own parentheses included."""
        (start, end), limit = self.bytes_of(element), self.bytes_of(self.parents[element])[1] - 1
        while True:
            left, right = self.data[:start].rstrip(), self.data[end:limit]
            if left[-1:] != b"(" or right.lstrip()[:1] != b")":
                return start, end
            start, end = len(left) - 1, end + len(right) - len(right.lstrip()) + 1

    def delete_element(self, element: ast.expr, siblings: list[ast.expr]) -> Replacement:
        """An element of a call's arguments or of a list goes, with its comma, and its line where it stood alone."""
        at = siblings.index(element)
        return self.delete_elements(siblings, at, at)

    def delete_elements(self, siblings: list[ast.expr], first: int, last: int) -> Replacement:
        """The elements from index `first` to `last` go, with their commas."""
        start, end = self.outer_bytes(siblings[first])[0], self.outer_bytes(siblings[last])[1]
        if last + 1 < len(siblings):  # up to where the next one starts
            return Replacement(start, self.outer_bytes(siblings[last + 1])[0], "")
        if first > 0:
            return Replacement(self.outer_bytes(siblings[first - 1])[1], end, "")
        return self._whole(start, end)

    def _whole(self, start: int, end: int) -> Replacement:
        """All elements go, with the last comma, and with the lines that the brackets would leave empty."""
        comma = self.data[end:].lstrip()
        end += len(self.data[end:]) - len(comma) + 1 if comma[:1] == b"," else 0
        left, right = self.data[:start].rstrip(), self.data[end:].lstrip()
        if left[-1:] in b"([" and right[:1] in b")]":
            start, end = len(left), len(self.data) - len(right)
        return Replacement(start, end, "")

    def insert_element_after(self, element: ast.expr, *texts: str) -> Replacement:
        """New elements behind an element, on lines of their own where the element starts its line."""
        end = self.outer_bytes(element)[1]
        return Replacement(end, end, "".join(self._gap(element) + text for text in texts))

    def insert_element_before(self, element: ast.expr, *texts: str) -> Replacement:
        """New elements in front of an element, on lines of their own where the element starts its line."""
        start = self.outer_bytes(element)[0]
        return Replacement(start, start, "".join(text + self._gap(element) for text in texts))

    def _gap(self, element: ast.expr) -> str:
        start = self.outer_bytes(element)[0]
        before = self.data[max(self.data.rfind(b"\n", 0, start), self.data.rfind(b"\r", 0, start)) + 1 : start].decode()
        return ", " if before.strip() else f",\n{before}"

    def edited(self, replacements: Iterable[Replacement]) -> str:
        """The text after all replacements. Of two that overlap, the one around the other wins."""
        data, done = self.data, len(self.data) + 1
        ordered = sorted(dict.fromkeys(replacements), key=lambda r: r.rank)
        kept: list[Replacement] = []
        for replacement in ordered:
            if not kept or replacement.start >= kept[-1].end:
                kept.append(replacement)
        for replacement in reversed(kept):
            assert replacement.end <= done, "overlapping replacements"
            new = re.sub(r"\r\n|\r|\n", self.newline, replacement.text)
            data = data[: replacement.start] + new.encode() + data[replacement.end :]
            done = replacement.start
        return data.decode()


def site_of(node: ast.AST) -> Site:
    """A node's site."""
    return (node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]


@lru_cache(maxsize=512)
def parse(text: str) -> Source:
    """The parsed program; one text is parsed once. Raises `SourceError`."""
    return Source(text)


def dotted(node: ast.AST) -> str:
    """ "torch.nn.Conv2d" for an attribute chain on a name, else ""."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([node.id, *reversed(parts)])
