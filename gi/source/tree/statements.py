"""Edits of whole statements: new lines above or below one, and statements taken out with their lines."""

import ast
from collections.abc import Collection, Iterable

from gi.source.tree.replacement import Replacement
from gi.source.tree.tree import Source


def insert_after(source: Source, statement: ast.stmt, *lines: str) -> Replacement:
    """New lines below a statement, at its depth; behind a semicolon where it shares its line."""
    end = source.bytes_of(statement)[1]
    if _shares_line(source, statement):
        return Replacement(end, end, "".join(f"; {line}" for line in lines if line))
    end = _line_end(source, statement)
    return Replacement(end, end, "".join(f"\n{_indent(source, statement)}{line}" for line in lines))


def insert_before(source: Source, statement: ast.stmt, *lines: str) -> Replacement:
    """New lines above a statement, at its depth; in front of a semicolon where others stand before it."""
    start = source.bytes_of(statement)[0]
    if _text_before(source, statement):
        return Replacement(start, start, "".join(f"{line}; " for line in lines))
    start = source.line_starts[statement.lineno]
    return Replacement(start, start, "".join(f"{_indent(source, statement)}{line}\n" for line in lines))


def delete_statements(source: Source, statements: Iterable[ast.stmt]) -> list[Replacement]:
    """Statements go, with their lines; `pass` stands in where a body would be empty."""
    going = {id(s): s for s in statements}
    # The first line of a file has no line end in front of it: then every line goes with the one behind it.
    from_first = any(not source.line_starts[s.lineno] for s in going.values())
    return [_deleted(source, s, going, from_first=from_first) for s in going.values()]


def _deleted(source: Source, statement: ast.stmt, going: Collection[int], *, from_first: bool) -> Replacement:
    body = _body(source, statement)
    # A body needs one statement: of one that loses all of them, the first becomes `pass`, the others go.
    stands_in = body[0] is statement and all(id(s) in going for s in body)
    # On a shared line (`if x: a = 1`, `a = 1; b = 2`) the line is not this statement's alone to take out.
    if stands_in or _shares_line(source, statement):
        return Replacement(*source.bytes_of(statement), "pass")
    start = source.line_starts[statement.lineno]
    if from_first or _line_end(source, statement) == _next_line(source, statement):
        return Replacement(start, _next_line(source, statement), "")
    # With the line end in front of it: what is put in behind the statement, at its line's end, stays.
    start -= 2 if source.data[:start].endswith(b"\r\n") else 1
    return Replacement(start, _line_end(source, statement), "")


def _body(source: Source, statement: ast.stmt) -> list[ast.stmt]:
    for _, value in ast.iter_fields(source.parents[statement]):
        if isinstance(value, list) and statement in value:
            return value
    return [statement]


def _indent(source: Source, statement: ast.stmt) -> str:
    """The white space that a statement's line starts with: tabs stay tabs."""
    start = source.line_starts[statement.lineno]
    return source.data[start : start + statement.col_offset].decode()


def _text_before(source: Source, statement: ast.stmt) -> bytes:
    return source.data[source.line_starts[statement.lineno] : source.bytes_of(statement)[0]].strip()


def _shares_line(source: Source, statement: ast.stmt) -> bool:
    rest = source.data[source.bytes_of(statement)[1] : _line_end(source, statement)]
    return bool(_text_before(source, statement) or rest.split(b"#")[0].strip())


def _next_line(source: Source, statement: ast.stmt) -> int:
    return min(source.line_starts[(statement.end_lineno or 0) + 1], len(source.data))


def _line_end(source: Source, statement: ast.stmt) -> int:
    start, following = source.line_starts[statement.end_lineno or 0], _next_line(source, statement)
    return start + len(source.data[start:following].rstrip(b"\r\n"))
