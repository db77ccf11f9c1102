"""The lines of a text as Python counts them.

`str.splitlines` also ends a line at a form feed, at U+2028 and at five other characters, all of which may stand within
a line of Python: its numbers of lines then disagree with those of `ast`.
"""

import re

#: Longer files are not parsed: 160,000 lines take LibCST more time than all the other files of a source together.
MAX_LINES = 20_000
# Of these Python counts each as one line end.
_END = re.compile(r"\r\n|\r|\n")
_WHOLE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


def python_lines(text: str) -> list[str]:
    """The lines of a text without their ends."""
    lines = _END.split(text)
    return lines[:-1] if not lines[-1] else lines


def whole_lines(text: str) -> list[str]:
    """The lines of a text, each with its end; joined, they are the text."""
    return _WHOLE.findall(text)
