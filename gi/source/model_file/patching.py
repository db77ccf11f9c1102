"""A user's file and a new text of it: the file with that text, all else byte for byte, and the difference for git."""

import codecs
import difflib
import io
import itertools
import re
import tokenize
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from gi.core.errors import SourceError
from gi.core.quoting import diff_path

RawLine: TypeAlias = tuple[bytes, bytes]
"""A line, and the bytes that end it."""

_LINE = re.compile(rb"([^\r\n]*)(\r\n|\r|\n|\Z)")
_CONTEXT = 3


def plain_text(content: bytes) -> str:
    """The text of a Python file with plain line ends."""
    return re.sub(r"\r\n?", "\n", content.decode(_encoding(content)))


def patched(before: bytes, text: str) -> bytes:
    """The file `before` with the lines of `text`: those that stay keep their bytes, others take the file's style.

    That is its encoding, its line ends, and what it ends with. Raises `SourceError` for a character that the encoding
    does not have.
    """
    encoding = _encoding(before)
    mark = codecs.BOM_UTF8 if encoding == "utf-8-sig" else b""
    raw = [(m[1], m[2]) for m in _LINE.finditer(before[len(mark) :]) if m[0]]
    old = [line.decode(encoding.removesuffix("-sig")) for line, _ in raw]
    # Trailing blank lines are kept apart: a text ends with one line end here, and a file keeps as many as it had.
    blank = sum(1 for _ in itertools.takewhile(lambda line: not line, reversed(old)))
    new = [*text.rstrip("\n").split("\n"), *[""] * blank] if text else []
    end = next((e for _, e in raw if e), b"\n")
    lines = [line + (e or end) for line, e in _restyled(raw, old, new, encoding.removesuffix("-sig"), end)]
    whole = mark + b"".join(lines)
    # A file whose last line had no end gets none: the diff would say so in a line of its own.
    return whole if not raw or raw[-1][1] else whole.removesuffix(end)


def unified(before: bytes, after: bytes, path: str) -> bytes:
    """The unified diff of two versions of the file `path`, as git and patch read it; b"" for equal ones.

    Raises `ConfigError` for a path that leads out of the tree that the diff is applied in.
    """
    old, new = _git_lines(before), _git_lines(after)
    hunks = [_hunk(old, new, group) for group in _matched(old, new).get_grouped_opcodes(_CONTEXT)]
    if not hunks:
        return b""
    header = f"--- {diff_path(path, 'a')}\n+++ {diff_path(path, 'b')}\n"
    return header.encode() + b"".join(hunks)


def _encoding(content: bytes) -> str:
    return tokenize.detect_encoding(io.BytesIO(content).readline)[0]


def _restyled(
    raw: Sequence[RawLine], old: Sequence[str], new: Sequence[str], encoding: str, end: bytes
) -> Iterator[RawLine]:
    for tag, first, last, start, stop in _matched(old, new).get_opcodes():
        if tag == "equal":
            yield from raw[first:last]
        else:
            # A replaced line keeps the line end of the one in its place, so that a file of mixed ends stays mixed where
            # it was.
            ends = [e for _, e in raw[first:last]]  # of the lines that these replace
            for n, line in enumerate(new[start:stop]):
                yield _encoded(line, encoding), ends[n] if n < len(ends) else end


def _encoded(line: str, encoding: str) -> bytes:
    try:
        return line.encode(encoding)
    except UnicodeEncodeError:
        raise SourceError(f"{line.strip()!r} cannot be written as {encoding}: save the file as UTF-8.") from None


def _matched(old: Sequence[object], new: Sequence[object]) -> "difflib.SequenceMatcher[object]":
    # Automatic junk drops lines that recur often, as `nn.ReLU(),` does, and aligns the rest wrongly.
    return difflib.SequenceMatcher(None, old, new, autojunk=False)


def _git_lines(content: bytes) -> list[bytes]:
    """The lines as git counts them, each with its line end: a carriage return alone ends none."""
    lines = content.split(b"\n")
    return [line + b"\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def _hunk(old: Sequence[bytes], new: Sequence[bytes], group: Sequence[tuple[str, int, int, int, int]]) -> bytes:
    (_, first, _, start, _), (_, _, last, _, stop) = group[0], group[-1]
    lines = [f"@@ -{_range(first, last)} +{_range(start, stop)} @@\n".encode()]
    for tag, a, b, c, d in group:
        if tag == "equal":
            lines += [_marked(b" ", line) for line in old[a:b]]
        else:
            lines += [_marked(b"-", line) for line in old[a:b]] + [_marked(b"+", line) for line in new[c:d]]
    return b"".join(lines)


def _marked(mark: bytes, line: bytes) -> bytes:
    return mark + line if line.endswith(b"\n") else mark + line + b"\n\\ No newline at end of file\n"


def _range(start: int, stop: int) -> str:
    return f"{start + (stop > start)},{stop - start}"
