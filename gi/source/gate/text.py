"""What is refused before the parser sees a text, and right after: its size, its nesting, a declared coding."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator

from gi.core.text_lines import python_lines
from gi.source.gate.program import children
from gi.source.gate.refusal import GateRefusal

MAX_CHARACTERS = 200_000
MAX_LINES = 5_000
MAX_LINE = 2_000
#: Brackets and operators in a row, and levels of the parsed tree. The classes of torchvision reach 5 and 15.
MAX_NESTING = 40
MAX_DEPTH = 100
#: Nodes of the parsed tree, since some rules take the square of them. The largest class of torchvision has 6,081.
MAX_NODES = 10_000
# Python takes a declaration in the first two lines; the text here is decoded already, and may be decoded again. These
# codings leave the characters of code as they are whatever stands between them.
_PLAIN_CODINGS = re.compile(r"utf-?8|(us-)?ascii|latin-?1|iso-?8859-?\d+|(cp|windows-)?125\d", re.IGNORECASE)
# Python takes a name that begins so for these, whatever follows: `# -*-coding:utf-8-*-` declares "utf-8-".
_WITH_ANY_END = ("utf-8-", "latin-1-", "iso-8859-1-", "iso-latin-1-")
_CODING = re.compile(r"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
_BRACKET = re.compile(r"[()\[\]{}]")
# The parser recurses for each of these in a row.
_MAX_PREFIXES = 12
_PREFIXES = re.compile(rf"(?:[-+~][ \t]*|\b(?:not|lambda[ \t]*:)[ \t(]*){{{_MAX_PREFIXES},}}")
_PREFIX_TOKENS = frozenset({"-", "+", "~", "not", "lambda"})
_BETWEEN_PREFIXES = frozenset({"(", ":"})
_UNREAD = (tokenize.COMMENT, tokenize.NL)


def text_refusals(text: str) -> Iterator[GateRefusal]:
    """Why a text is not even parsed. Linear in its length."""
    if len(text) > MAX_CHARACTERS:
        yield GateRefusal(1, 0, "size", f"{len(text):,} characters; the most is {MAX_CHARACTERS:,}")
        return
    lines = python_lines(text)
    if len(lines) > MAX_LINES:
        yield GateRefusal(MAX_LINES + 1, 0, "size", f"{len(lines):,} lines; the most is {MAX_LINES:,}")
    nesting, suspected = 0, False
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_LINE:
            yield GateRefusal(number, MAX_LINE, "size", f"a line of {len(line):,} characters; the most is {MAX_LINE:,}")
        if number < 3 and (coding := _CODING.match(line)) and not _is_plain(coding[1]):
            yield GateRefusal(number, coding.start(1), "coding", f"the text declares the coding {coding[1]}")
        if control := _CONTROL.search(line):
            yield GateRefusal(number, control.start(), "character", f"the character {control[0]!a}")
        suspected = suspected or _PREFIXES.search(line) is not None
        for bracket in _BRACKET.findall(line):
            nesting = max(nesting + (1 if bracket in "([{" else -1), 0)
            suspected = suspected or nesting > MAX_NESTING
    if suspected:  # or a docstring has a line of dashes, which only its tokens tell
        yield from _nesting_refusals(text)


def _is_plain(coding: str) -> bool:
    name = coding.replace("_", "-")
    return _PLAIN_CODINGS.fullmatch(name) is not None or name[:12].lower().startswith(_WITH_ANY_END)


def _nesting_refusals(text: str) -> Iterator[GateRefusal]:
    """What the parser would recurse into too often: brackets and prefix operators, in strings only formatted ones."""
    nesting, prefixes = 0, 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            line, column = token.start
            if token.type in _UNREAD or not token.string.strip():
                continue
            formatted = token.type == tokenize.STRING and "f" in token.string[:2].lower()
            inside = token.string if formatted or token.type == tokenize.OP else ""
            for bracket in _BRACKET.findall(inside):
                nesting = max(nesting + (1 if bracket in "([{" else -1), 0)
                if nesting > MAX_NESTING:
                    yield GateRefusal(line, column, "nesting", f"more than {MAX_NESTING} brackets open")
                    return
            if token.string in _PREFIX_TOKENS:
                prefixes += 1
            elif token.string not in _BETWEEN_PREFIXES:
                prefixes = 0
            if prefixes >= _MAX_PREFIXES or (formatted and _PREFIXES.search(token.string)):
                yield GateRefusal(line, column, "nesting", f"more than {_MAX_PREFIXES} prefix operators in a row")
                return
    except (tokenize.TokenError, SyntaxError):
        yield GateRefusal(1, 0, "nesting", "brackets or prefix operators in a text that has no tokens")


def depth_refusals(tree: ast.Module) -> Iterator[GateRefusal]:
    """Where the tree is larger than its readers take, or deeper than they recurse; found without recursion."""
    waiting: list[tuple[ast.AST, int]] = [(tree, 0)]
    nodes = 0
    while waiting:
        node, depth = waiting.pop()
        nodes += 1
        if nodes > MAX_NODES:
            yield GateRefusal(1, 0, "size", f"more than {MAX_NODES:,} nodes")
            return
        if depth > MAX_DEPTH:
            yield GateRefusal(getattr(node, "lineno", 1), getattr(node, "col_offset", 0), "nesting",
                          f"more than {MAX_DEPTH} levels")  # fmt: skip
            return
        waiting.extend((child, depth + 1) for child in children(node))
