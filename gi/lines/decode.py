"""Decodes the bytes of a Python file, and converts offsets to lines and columns."""

import codecs
import io
import re
import tokenize

from gi.core.errors import SourceError

LINE_END = re.compile(r"\r\n|\r|\n")


def decode(data: bytes) -> str:
    """The text of a Python file, its encoding found as Python finds it: byte order mark, PEP 263 comment, UTF-8.

    Line ends stay as they are. The mark itself is dropped.

    Raises:
        SourceError: an encoding that is unknown or contradicts the mark, or bytes that it cannot read.
    """
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return data.decode(encoding).removeprefix("\ufeff")
    except SyntaxError as error:
        raise SourceError(f"1:1: {error}. Correct the coding comment, or save the file as UTF-8.") from None
    except UnicodeDecodeError as error:
        line, column = place_of(data[: error.start].decode("latin-1"))
        raise SourceError(
            f"{line}:{column}: byte 0x{data[error.start]:02x} cannot be read as {codecs.lookup(error.encoding).name}. "
            "Save the file as UTF-8, or name its encoding in a coding comment."
        ) from None


def place_of(text_before: str) -> tuple[int, int]:
    """Line and column, both 1-based, of the character after a stretch of text."""
    ends = list(LINE_END.finditer(text_before))
    return len(ends) + 1, len(text_before) - (ends[-1].end() if ends else 0) + 1


def line_starts(text: str) -> list[int]:
    """The offset at which each line starts; form feeds and the like end no line, as in Python itself."""
    return [0, *(end.end() for end in LINE_END.finditer(text))]
