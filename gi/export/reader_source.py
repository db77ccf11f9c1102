"""The text of the part of an exported file that reads its data set, without any import of gi."""

import ast
import re
from importlib import resources

_SHARED = re.compile(r"^from (gi\.(?:data|export)\.readers)\.(\w+) import .*\n", re.MULTILINE)


def reader_source(name: str) -> str:
    """The module of `gi.export.readers` called `name`, with what it takes from there and `gi.data.readers` written out.

    gi decodes with that same text, so that the exported file cannot decode otherwise.
    """
    text = _text("gi.export.readers", name)
    return _SHARED.sub(lambda match: f"\n{_without_docstring(_text(match[1], match[2]))}\n", text)


def _text(package: str, name: str) -> str:
    return resources.files(package).joinpath(f"{name}.py").read_text("utf-8")


def _without_docstring(text: str) -> str:
    first = ast.parse(text).body[0]
    return "\n".join(text.splitlines()[first.end_lineno :])
