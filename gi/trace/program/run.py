"""A program run in the check worker: its namespace and its network, or the `Stop` that says why there is none."""

import ast
import builtins
import contextlib
import sys
import types
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import UninitializedParameter

from gi.core.trace import Stopped
from gi.source.tree.entry import entry_call
from gi.trace.program.call_sites import CANDIDATE, line_of
from gi.trace.program.compilers import leave_out_compilers, show_source
from gi.trace.program.placement import AbsentDeviceError

MAX_PARAMS = 256_000_000  # with gradients and two moments of each, 4 GiB: what a training has by default


class Stop(Exception):  # noqa: N818 (it ends a run; that is no error of ours)
    """The program cannot go on: becomes a `Stopped`."""

    def __init__(self, stage: str, reason: str, line: int = 0, detail: str = "") -> None:
        self.record = Stopped(stage, reason, line, detail)  # type: ignore[arg-type]


@contextlib.contextmanager
def stops(stage: str) -> Iterator[None]:
    """Turns whatever the program raises into a `Stop` with the program's line."""
    try:
        yield
    except Stop:
        raise
    except RecursionError:
        raise Stop(stage, "recursion", 0, "recursion without end") from None
    except BaseException as error:  # SystemExit, or a class of the program's own
        said = str(error) if isinstance(error, AbsentDeviceError) else f"{type(error).__name__}: {error}"
        raise Stop(stage, _reason(error), line_of(error), said[:500]) from None


def namespace(code: types.CodeType, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The module's globals after it ran, among `given` names. The module is real to `inspect` and to `super()`."""
    module = types.ModuleType("candidate")
    module.__file__ = CANDIDATE
    sys.modules["candidate"] = module
    module.__dict__.update(given or {})
    torch._jit_internal._overloaded_methods.clear()  # those of the last program, whose module was called the same
    torch._jit_internal._overloaded_method_class_fileno.clear()
    leave_out_compilers()
    with stops("build"):
        exec(code, module.__dict__)
    return module.__dict__


def compiled(text: str | ast.Module) -> types.CodeType:
    """The code of a program, whose frames `gi.trace.program.call_sites` knows by their file name."""
    if isinstance(text, str):
        show_source(text, CANDIDATE)
    try:
        return compile(text, CANDIDATE, "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Stop("parse", "syntax error", getattr(error, "lineno", 0) or 0, str(error)) from None


def built(names: dict[str, Any], entry: str) -> nn.Module:
    """The network that `entry` builds among the program's names."""
    with stops("build"):
        net = eval(entry_call(entry), names)
    if not isinstance(net, nn.Module):
        raise Stop("build", "not a module", 0, f"{entry} gives a {type(net).__name__}, not an nn.Module")
    known = (p.numel() for p in net.parameters() if not isinstance(p, UninitializedParameter))
    if sum(known) > MAX_PARAMS:
        raise Stop("build", "too large", 0, f"more than {MAX_PARAMS:,} parameters")
    return net


def _reason(error: BaseException) -> str:
    if isinstance(error, AbsentDeviceError):
        return "device"
    if isinstance(error, (NameError, AttributeError, ImportError)):
        return {"NameError": "undefined name", "UnboundLocalError": "undefined name"}.get(
            type(error).__name__, "missing attribute" if isinstance(error, AttributeError) else "import"
        )
    if isinstance(error, builtins.TypeError):
        return "wrong arguments"
    if isinstance(error, (RuntimeError, IndexError, ValueError)):
        return "shape" if isinstance(error, (RuntimeError, IndexError)) else "wrong value"
    return type(error).__name__
