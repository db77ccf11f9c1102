"""A program's text with its syntax tree: sites, parents, and edits by byte span that leave the rest untouched.

Edits go through the standard library's `ast`, whose nodes know their exact byte span, rather than through LibCST: an
edit is then a replacement of a few bytes, so that every other byte of the user's file stays as it was (see
`docs/decisions/002-edits-by-span.md`).
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TypeAlias, TypeVar

from gi.errors import SourceError
from gi.source.trace import Site

Node = TypeVar("Node", bound=ast.AST)
Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Replacement:
    """Bytes `start` to `end` become `text`."""

    start: int
    end: int
    text: str


class Source:
    """One program's text, parsed once. Raises `SourceError` with line and column where it does not parse."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.data = text.encode()
        try:
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
    def parents(self) -> dict[ast.AST, ast.AST]:
        """Each node's parent."""
        return {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}

    @cached_property
    def _by_site(self) -> dict[Site, ast.AST]:
        found: dict[Site, ast.AST] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, (ast.Call, ast.BinOp, ast.AugAssign)):
                found.setdefault(site_of(node), node)
        return found

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
        """The function whose body a node stands in."""
        return next((a for a in self.ancestors(node) if isinstance(a, (ast.FunctionDef, ast.AsyncFunctionDef))), None)

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

    def insert_after(self, statement: ast.stmt, line: str) -> Replacement:
        """A new line below a statement, at its depth."""
        end = self._line_end(statement)
        return Replacement(end, end, f"\n{self.indent(statement)}{line}")

    def insert_before(self, statement: ast.stmt, line: str) -> Replacement:
        """A new line above a statement, at its depth."""
        start = self.line_starts[statement.lineno]
        return Replacement(start, start, f"{self.indent(statement)}{line}\n")

    def _line_end(self, statement: ast.stmt) -> int:
        end = self.bytes_of(statement)[1]
        at = self.data.find(b"\n", end)
        return len(self.data) if at < 0 else at - (self.data[at - 1 : at] == b"\r")

    def delete_statement(self, statement: ast.stmt) -> Replacement:
        """A statement goes, with its line; `pass` stands in where a body would be empty."""
        body = self._body(statement)
        start, end = self.bytes_of(statement)
        if len(body) == 1:
            return Replacement(start, end, "pass")
        line_start, line_end = self.line_starts[statement.lineno], self._line_end(statement)
        shares_line = self.data[line_start:start].strip() or self.data[end:line_end].split(b"#")[0].strip()
        if shares_line:
            return Replacement(start, end, "pass")
        return Replacement(line_start, min(line_end + 1, len(self.data)), "")

    def _body(self, statement: ast.stmt) -> list[ast.stmt]:
        for _, value in ast.iter_fields(self.parents[statement]):
            if isinstance(value, list) and statement in value:
                return value
        return [statement]

    def delete_element(self, element: ast.expr, siblings: list[ast.expr]) -> Replacement:
        """An element of a call's arguments or of a list goes, with its comma, and its line where it stood alone."""
        start, end = self.bytes_of(element)
        at = siblings.index(element)
        if at + 1 < len(siblings):  # up to where the next one starts
            return Replacement(start, self.bytes_of(siblings[at + 1])[0], "")
        if at > 0:
            return Replacement(self.bytes_of(siblings[at - 1])[1], end, "")
        comma = self.data[end:].lstrip()
        return Replacement(start, end + (len(self.data[end:]) - len(comma) + 1 if comma[:1] == b"," else 0), "")

    def insert_element_after(self, element: ast.expr, text: str) -> Replacement:
        """A new element behind an element, on a line of its own where the element starts its line."""
        start, end = self.bytes_of(element)
        line_start = self.data.rfind(b"\n", 0, start) + 1
        before = self.data[line_start:start].decode()
        return Replacement(end, end, f",\n{before}{text}" if not before.strip() else f", {text}")

    def insert_element_before(self, element: ast.expr, text: str) -> Replacement:
        """A new element in front of an element, on a line of its own where the element starts its line."""
        start, _ = self.bytes_of(element)
        line_start = self.data.rfind(b"\n", 0, start) + 1
        before = self.data[line_start:start].decode()
        return Replacement(start, start, f"{text},\n{before}" if not before.strip() else f"{text}, ")

    def edited(self, replacements: Iterable[Replacement]) -> str:
        """The text after all replacements. Of two that overlap, the one around the other wins."""
        data, done = self.data, len(self.data) + 1
        ordered = sorted(dict.fromkeys(replacements), key=lambda r: (r.start, r.start != r.end, -r.end))
        kept: list[Replacement] = []
        for replacement in ordered:
            if not kept or replacement.start >= kept[-1].end:
                kept.append(replacement)
        for replacement in reversed(kept):
            assert replacement.end <= done, "overlapping replacements"
            data = data[: replacement.start] + replacement.text.encode() + data[replacement.end :]
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
