"""The entry of a program: the expression that builds its network, evaluated among the program's own names.

"Net" and "resnet18" are called without arguments; "ShuffleNetV2(net_size=0.5)" says with which.
"""

import ast
import re

from gi.core.errors import SourceError
from gi.core.quoting import shown

_PARTS_OF_ARGUMENTS = (
    ast.Constant, ast.Name, ast.Attribute, ast.keyword, ast.UnaryOp, ast.BinOp, ast.operator, ast.unaryop,
    ast.List, ast.Tuple, ast.Set, ast.Dict, ast.expr_context,
)  # fmt: skip


def entry_name(entry: str) -> str:
    """The class or function that an entry names."""
    name = re.match(r"\w+", entry)
    return name[0] if name else entry


def entry_call(entry: str) -> str:
    """The entry as a call."""
    return entry if entry.endswith(")") else f"{entry}()"


def plain_entry_call(entry: str) -> str:
    """The entry as a call, written anew from its tree, for code that is to hold it.

    Raises `SourceError` unless it is a name, called with literals and names: an entry that a run's file gives may be
    somebody else's.
    """
    try:
        call = ast.parse(entry_call(entry), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        call = None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or not _is_plain(call):
        raise SourceError(f"entry {shown(entry)!r} is no name of a class or function, called with literals or not.")
    return ast.unparse(call)


def _is_plain(call: ast.Call) -> bool:
    arguments = [*call.args, *call.keywords]
    return all(isinstance(node, _PARTS_OF_ARGUMENTS) for argument in arguments for node in ast.walk(argument))
