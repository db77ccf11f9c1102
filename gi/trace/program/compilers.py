"""Torch's compilers, left out while gi runs a program: they change how fast it is, not what it computes.

`@torch.compile` calls a C++ compiler for seconds at the first batch, which no short training pays back, and calls that
`torch.jit.script` or `trace` compiled cannot be watched. So in gi's workers each gives its function or module back as
it is. What `torch.jit.script` is given is still compiled once, so that a text which it refuses fails here and not at
whoever runs the exported file.
"""

import linecache
import warnings
from collections.abc import Callable
from typing import Any

import torch

_SCRIPT = torch.jit.script  # torch's own, taken before a stand-in has its name
_SAID_LENGTH = 200


def leave_out_compilers() -> None:
    """From now on torch's compilers in this process give back what they get."""
    for owner, name, stand_in in _STAND_INS:
        setattr(owner, name, stand_in)


def show_source(text: str, file_name: str) -> None:
    """Lets `inspect` find the text of a program that stands in no file: scripting reads the source of a function."""
    linecache.cache[file_name] = (len(text), None, text.splitlines(keepends=True), file_name)


def _as_it_is(target: Any = None, *_: Any, **__: Any) -> Any:
    """`compile(f)`, or the decorator that `compile(mode=...)` gives."""
    return _as_it_is if target is None else target


def _scripted(target: Any, *args: Any, **kwargs: Any) -> Any:
    """The function or module itself; a function once torch has shown that it can compile it."""
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
