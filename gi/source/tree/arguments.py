"""A call's arguments by parameter, and the call with others in their place."""

import ast
from collections.abc import Mapping, Sequence

from gi.source.tree.tree import Source

_DEFAULTS = {"stride": "1", "padding": "0", "dilation": "1", "groups": "1", "bias": "True"}
"""What is written by position for a parameter that takes its default again."""


def given_arguments(source: Source, call: ast.Call, names: Sequence[str]) -> dict[str, str] | None:
    """The text of each argument by its parameter, in the order of the call; None where stars hide which is which.

    `names` are the parameters in the order of the signature.
    """
    if any(isinstance(a, ast.Starred) for a in call.args) or any(k.arg is None for k in call.keywords):
        return None
    if len(call.args) > len(names):
        return None
    positional = {name: source.code(a) for name, a in zip(names, call.args, strict=False)}
    return positional | {str(k.arg): source.code(k.value) for k in call.keywords}


def with_arguments(
    source: Source, call: ast.Call, names: Sequence[str], values: Mapping[str, str | None], *, func: str = ""
) -> str | None:
    """The call's text with other arguments: a parameter takes a text, or with None its default again.

    `func` replaces what is called. What is not given yet comes behind the others, by name. None where stars hide the
    arguments.
    """
    given = given_arguments(source, call, names)
    if given is None:
        return None
    by_position = set(names[: len(call.args)])
    for name, value in values.items():
        if value is not None:
            given[name] = value
        elif name in by_position:
            given[name] = _DEFAULTS.get(name, "None")
        else:
            given.pop(name, None)
    written = (text if name in by_position else f"{name}={text}" for name, text in given.items())
    return f"{func or source.code(call.func)}({', '.join(written)})"
