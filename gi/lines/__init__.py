"""A program's text to its typed lines.

Importing this package is cheap: LibCST is loaded when a name that needs it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gi.lines.decode import decode
from gi.lines.taxonomy import canonical, line_type

if TYPE_CHECKING:
    from gi.lines.files import file_lines, package_index
    from gi.lines.index import ClassIndex
    from gi.lines.typed import lines_json, typed_lines

__all__ = ["ClassIndex", "canonical", "decode", "file_lines", "line_type", "lines_json", "package_index", "typed_lines"]

_HOMES = {
    "ClassIndex": "gi.lines.index",
    "file_lines": "gi.lines.files",
    "lines_json": "gi.lines.typed",
    "package_index": "gi.lines.files",
    "typed_lines": "gi.lines.typed",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
