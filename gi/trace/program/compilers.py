"""Disables torch's compilers while gi runs a program: they change its speed, not what it computes.

`@torch.compile` calls a C++ compiler for seconds at the first batch, which no short training regains, and code compiled
by `torch.jit.script` or `trace` cannot be recorded. So in gi's workers each returns its function or module unchanged. A
function for `torch.jit.script` is still compiled once, so that one which it refuses fails here and not in the exported
file.
"""

import linecache
import warnings
from collections.abc import Callable
from typing import Any

import torch

_SCRIPT = torch.jit.script  # the original, saved before it is replaced
_SAID_LENGTH = 200


def leave_out_compilers() -> None:
    """Replaces torch's compilers in this process by functions that return their argument."""
    for owner, name, stand_in in _STAND_INS:
        setattr(owner, name, stand_in)


def show_source(text: str, file_name: str) -> None:
    """Lets `inspect` find a program's source, which is in no file: scripting reads the source of a function."""
    linecache.cache[file_name] = (len(text), None, text.splitlines(keepends=True), file_name)


def _as_it_is(target: Any = None, *_: Any, **__: Any) -> Any:
    """Stands in for `compile(f)`, and for the decorator that `compile(mode=...)` returns."""
    return _as_it_is if target is None else target


def _scripted(target: Any, *args: Any, **kwargs: Any) -> Any:
    """The function or module itself; a function is compiled once as a check."""
    if callable(target) and not isinstance(target, (type, torch.nn.Module)):
        _compile(target, args, kwargs)
    return target


def _compile(function: Callable[..., Any], args: Any, kwargs: Any) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _SCRIPT(function, *args, **kwargs)
    except Exception as error:
        said = " ".join(str(error).split())[:_SAID_LENGTH]
        raise TypeError(f"torch.jit.script cannot compile {getattr(function, '__name__', 'it')}: {said}") from None


_STAND_INS = (
    (torch, "compile", _as_it_is),
    (torch.compiler, "compile", _as_it_is),
    (torch.compiler, "disable", _as_it_is),
    (torch.jit, "script", _scripted),
    (torch.jit, "trace", _as_it_is),
)
