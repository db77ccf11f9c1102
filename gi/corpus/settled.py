"""A module as it runs in gi: what its text asks about the machine, the versions and the compiler is answered.

Packages run on many versions of torch, with and without other packages, under tracers and compilers, and read switches
out of the environment. gi's workers have one torch, an empty environment and no tracer, so that the answers are known
without running anything: branches that are never taken would be dead weight in a program, and most of what they mention
no program may (`gi.source.gate`). Only what the answer is known of is changed; the number of lines stays.
"""

import ast
import re
from collections.abc import Iterator

from gi.core.errors import SourceError
from gi.corpus.known import NEVER, Known
from gi.source.tree.tree import Replacement, Source

#: Without one of these nothing of a text can be answered; most texts have none, and parsing takes the time.
_ASKING = re.compile(
    r"\bhasattr\(|\bdir\(|\benviron\b|\bgetenv\b|^\s*try:|\w = (?:True|False)\b|\bif (?:True|False)\b|"
    + "|".join(sorted({name.rpartition(".")[2] for name in NEVER})),
    re.MULTILINE,
)
_ROUNDS = 12  # each takes one level of what is nested; more than a few is no code of people


def settled(text: str, own: frozenset[str] = frozenset(), *, whole: bool = False) -> str:
    """The text with what is known about where it runs; `own` are the packages that its source has itself.

    In a `whole` text, which holds everything that its classes are made of, a switch of an object's that is only ever
    set one way is known too. A text that does not parse comes back as it is.
    """
    for _ in range(_ROUNDS):
        if not _ASKING.search(text):
            break
        try:
            source = Source(text)
            edits = list(_Settling(source, Known(source, own, whole=whole)).edits())
            if not edits:
                break
            text = Source(source.edited(edits)).text
        except (SourceError, RecursionError):
            break
    return text


class _Settling:
    """One round over a module: the replacements of the outermost parts whose answer is known."""

    def __init__(self, source: Source, known: Known) -> None:
        self.source, self.known = source, known

    def edits(self) -> Iterator[Replacement]:
        waiting: list[ast.AST] = [self.source.tree]
        while waiting:
            node = waiting.pop()
            edit = self._edit(node)
            if edit is None:
                waiting.extend(ast.iter_child_nodes(node))
            else:
                yield edit

    def _edit(self, node: ast.AST) -> Replacement | None:
        if isinstance(node, ast.Try):
            body = self.known.tried(node)
            return None if body is None else self._block(node, body)
        if isinstance(node, ast.If):
            truth = self.known.truth(node.test)
            return None if truth is None else self._branch(node, node.body if truth else node.orelse)
        if isinstance(node, ast.IfExp):
            truth = self.known.truth(node.test)
            return None if truth is None else self._expression(node, node.body if truth else node.orelse)
        if isinstance(node, ast.BoolOp):
            return self._operation(node)
        if isinstance(node, ast.Call) and (default := self.known.of_environment(node)) is not None:
            return self._expression(node, default)
        if isinstance(node, (ast.Call, ast.Compare)) and (truth := self.known.truth(node)) is not None:
            return self.source.replace(node, str(truth))
        return None

    def _operation(self, node: ast.BoolOp) -> Replacement | None:
        truth = self.known.truth(node)
        if truth is not None:
            return self.source.replace(node, str(truth))
        # `known and rest` is the rest, in whose place an unknown may stand.
        rest = [value for value in node.values if self.known.truth(value) is None]
        if len(rest) == len(node.values):
            return None
        if len(rest) == 1:
            return self._expression(node, rest[0])
        joined = " and " if isinstance(node.op, ast.And) else " or "
        return self.source.replace(node, f"({joined.join(self._bracketed(value) for value in rest)})")

    # Replacements ---------------------------------------------------------------------------------------------------

    def _is_elif(self, node: ast.stmt) -> bool:
        return isinstance(node, ast.If) and self.source.code(node).startswith("elif")

    def _branch(self, node: ast.If, chosen: list[ast.stmt]) -> Replacement | None:
        """What is left of `if` or `elif` with one of its blocks."""
        if len(chosen) == 1 and self._is_elif(chosen[0]):
            code = self.source.code(chosen[0]).removeprefix("" if self._is_elif(node) else "el")
        elif not self._is_elif(node):
            return self._block(node, chosen)
        elif chosen:
            first, last = self.source.text.split("\n"), chosen[-1].end_lineno
            code = "\n".join(["else:", *first[_first_line(chosen[0]) - 1 : last]])
            if first[_first_line(chosen[0]) - 1][: chosen[0].col_offset].strip():
                return None
        else:
            code = ""
        return self._statement(node, code)

    def _bracketed(self, node: ast.expr) -> str:
        code = "None" if isinstance(node, ast.Constant) and not hasattr(node, "lineno") else self.source.code(node)
        plain = (ast.Name, ast.Attribute, ast.Constant, ast.Call, ast.Subscript, ast.List, ast.Dict)
        return code if isinstance(node, plain) else f"({code})"

    def _expression(self, node: ast.expr, chosen: ast.expr) -> Replacement:
        code = self._bracketed(chosen)
        return self.source.replace(node, code + self._lines_after(node, code))

    def _lines_after(self, node: ast.AST, code: str) -> str:
        # Inside brackets a line may end anywhere; outside of them an expression has one line.
        return "\n" * max(self.source.code(node).count("\n") - code.count("\n"), 0)

    def _block(self, node: ast.If | ast.Try, chosen: list[ast.stmt]) -> Replacement | None:
        code = self._dedented(node, chosen) if chosen else self._nothing(node)
        return None if code is None else self._statement(node, code)

    def _statement(self, node: ast.stmt, code: str) -> Replacement:
        start, end = self.source.bytes_of(node)
        # A remark behind the last line is one about that line.
        line = self.source.data[end : self.source.line_starts[(node.end_lineno or 0) + 1] - 1]
        end += len(line) if line.strip().startswith(b"#") else 0
        return Replacement(start, end, code + self._lines_after(node, code))

    def _nothing(self, node: ast.If | ast.Try) -> str:
        body = next(body for body in _bodies(self.source.parents[node]) if node in body)
        others = [s for s in body if not (isinstance(s, ast.If) and self.known.truth(s.test) is not None)]
        return "" if others else "pass"

    def _dedented(self, node: ast.If | ast.Try, chosen: list[ast.stmt]) -> str | None:
        """The text of a block that stands where the statement stood; None where it is written in an odd way."""
        starts = [_first_line(s) for s in chosen]
        shift, lines = chosen[0].col_offset - node.col_offset, self.source.text.split("\n")
        if shift <= 0 or "\r" in self.source.text or any(s.col_offset != chosen[0].col_offset for s in chosen):
            return None
        inside, made = _inside_texts(chosen), list[str]()
        for start, statement in zip(starts, chosen, strict=True):
            for number in range(start, (statement.end_lineno or start) + 1):
                line = lines[number - 1]
                begins = not line[:shift].strip() and (number == start or "\t" not in line[:shift])
                made.append(line if number in inside or not begins else line[shift:])
            end = chosen[-1].end_col_offset or 0
        last = lines[(chosen[-1].end_lineno or 1) - 1].encode()
        if lines[starts[0] - 1][: chosen[0].col_offset].strip() or last[end:].strip().startswith(b";"):
            return None
        return "\n".join(made)[node.col_offset :]


def _first_line(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(decorator.lineno for decorator in decorators)])


def _bodies(node: ast.AST) -> Iterator[list[ast.stmt]]:
    for _, value in ast.iter_fields(node):
        if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
            yield value


def _inside_texts(statements: list[ast.stmt]) -> set[int]:
    """The lines that begin inside a text of several lines, whose indentation is part of it."""
    texts = (n for s in statements for n in ast.walk(s) if isinstance(n, (ast.Constant, ast.JoinedStr)))
    return {line for n in texts for line in range(n.lineno + 1, (n.end_lineno or n.lineno) + 1)}
