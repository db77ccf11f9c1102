"""Marks that keep the origin of each line while a text is rewritten: comments, which rewrites preserve."""

import ast
import io
import re
import tokenize
from collections.abc import Sequence
from dataclasses import replace

from gi.core.text_lines import python_lines
from gi.explain.provenance.origins import LineOrigin

_MARK = re.compile(r"  #@(\d+)$")


def marked(text: str, origins: Sequence[LineOrigin]) -> str:
    """The text with the index of the origin in a comment at the end of each line that can have one."""
    lines = python_lines(text)
    if len(lines) != len(origins) or "#@" in text:  # an existing comment would be read as a mark
        return text
    within = _lines_that_go_on(text)
    known = [o.origin is not None and line.strip() != "" for o, line in zip(origins, lines, strict=True)]
    rows = [
        f"{line}  #@{at}" if is_known and at + 1 not in within else line
        for at, (line, is_known) in enumerate(zip(lines, known, strict=True))
    ]
    made = "\n".join([*rows, ""])
    # If the comments change the program, origins are found by the lines' text instead.
    return made if ast.dump(ast.parse(made)) == ast.dump(ast.parse(text)) else text


def unmarked(text: str, origins: Sequence[LineOrigin]) -> tuple[str, tuple[LineOrigin, ...]]:
    """The text without its marks, and the origin of each line; None for lines that a rewrite made."""
    lines, found = [], []
    for number, line in enumerate(python_lines(text), 1):
        mark = _MARK.search(line)
        plain = _MARK.sub("", line)
        lines.append(plain)
        found.append(
            replace(origins[int(mark[1])], line=number, code=plain) if mark else LineOrigin(number, plain, None, "")
        )
    return "\n".join([*lines, ""]), tuple(found)


def _lines_that_go_on(text: str) -> set[int]:
    """The lines that end inside a string or with a backslash, where no comment is possible."""
    within = {number for number, line in enumerate(python_lines(text), 1) if line.endswith("\\")}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.NEWLINE and token.start[0] != token.end[0]:
            within.update(range(token.start[0], token.end[0]))
    return within
