"""The entry of a program: the expression that builds its network, evaluated among the program's own names.

"Net" and "resnet18" are called without arguments; "ShuffleNetV2(net_size=0.5)" says with which.
"""

import ast
import re
from functools import lru_cache

from gi.core.errors import SourceError
from gi.core.quoting import shown


def entry_name(entry: str) -> str:
    """The class or function that an entry names."""
    name = re.match(r"\w+", entry)
    return name[0] if name else entry


def entry_call(entry: str) -> str:
    """The entry as a call."""
    return entry if entry.endswith(")") else f"{entry}()"


@lru_cache(maxsize=1024)
def is_entry(text: str) -> bool:
    """Whether FILE:NAME and `--arg` could have made this entry: a name, or a name called with literals."""
    return _call_with_literals(text) is not None


def plain_entry_call(entry: str) -> str:
    """The entry as a call, written anew from its tree, for code that is to hold it.

    Raises `SourceError` for what is no entry: a run's file, which gives one, may come from a stranger.
    """
    call = _call_with_literals(entry)
    if call is None:
        raise SourceError(f"entry {shown(entry)!r} is no name of a class or function, called with literals or not.")
    return ast.unparse(call)


def _call_with_literals(entry: str) -> ast.Call | None:
    try:
        call = ast.parse(entry_call(entry), mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            return None
        for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
            ast.literal_eval(argument)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return None
    return call if all(keyword.arg for keyword in call.keywords) else None
