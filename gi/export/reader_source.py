"""The text of the part of an exported file that reads its data set, without any import of gi."""

import ast
import re
from importlib import resources

_SHARED = re.compile(r"^from (gi\.(?:data|export)\.readers)\.(\w+) import .*\n", re.MULTILINE)
_FOR_TYPES = re.compile(r"^if TYPE_CHECKING:\n(?: +\S.*\n)+\n", re.MULTILINE)  # the same in each module that has it


def reader_source(name: str) -> str:
    """The module of `gi.export.readers` called `name`, with what it takes from there and `gi.data.readers` written out.

    gi decodes with that same text, so that the exported file cannot decode otherwise.
    """
    text = _written_out(_text("gi.export.readers", name), set())
    first = _FOR_TYPES.search(text)
    return text if first is None else text[: first.end()] + _FOR_TYPES.sub("", text[first.end() :])


def _written_out(text: str, done: set[tuple[str, str]]) -> str:
    """A module's text with each module that it imports from gi in the place of the first import of it."""

    def shared(match: re.Match[str]) -> str:
        place = (match[1], match[2])
        if place in done:
            return ""
        done.add(place)
        return f"\n{_written_out(_without_docstring(_text(*place)), done)}\n"

    return _SHARED.sub(shared, text)


def _text(package: str, name: str) -> str:
    return resources.files(package).joinpath(f"{name}.py").read_text("utf-8")


def _without_docstring(text: str) -> str:
    first = ast.parse(text).body[0]
    return "\n".join(text.splitlines()[first.end_lineno :])
