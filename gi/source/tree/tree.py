"""A program's text with its syntax tree: sites, parents, and edits by byte span that leave the rest untouched.

Edits go through the standard library's `ast`, whose nodes know their exact byte span, rather than through LibCST: an
edit is then a replacement of a few bytes, so that every other byte of the user's file stays as it was (see
`docs/decisions/002-edits-by-span.md`).
"""

import ast
import re
from collections.abc import Iterable, Iterator
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

    # Replacements ---------------------------------------------------------------------------------------------------

    def replace(self, node: ast.AST, text: str) -> Replacement:
        """A node's text becomes another."""
        return Replacement(*self.bytes_of(node), text)

    def wrap(self, node: ast.AST, opening: str, closing: str) -> list[Replacement]:
        """Puts text around a node; wraps of nodes that start or end together nest as the nodes do."""
        start, end = self.bytes_of(node)
        return [
            Replacement(start, start, opening, opens=end - start),
            Replacement(end, end, closing, closes=end - start),
        ]

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
