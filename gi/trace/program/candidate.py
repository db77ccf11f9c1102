"""Turns a program's text into its module and its network, in the check worker and for training.

Errors of the program become `CandidateError`s, by the same rules in both.
"""

import ast
import contextlib
import sys
from collections.abc import Iterator, Mapping
from types import CodeType, ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from gi.core.trace import Stopped
from gi.core.types import Stage, Task
from gi.source.tree.entry import entry_call
from gi.trace.program.call_sites import CANDIDATE, line_of
from gi.trace.program.compilers import leave_out_compilers, show_source
from gi.trace.program.placement import AbsentDeviceError

OUT_OF_MEMORY = "out of memory"
MAX_PARAMS = 256_000_000  # with gradients and two moments of each 4 GiB, the default memory limit of a training
_DETAIL_LENGTH = 500


class CandidateError(Exception):
    """A failure of the candidate: `stage`, a short stable `reason`, the detail, and its line, 0 where unknown."""

    def __init__(self, stage: Stage, reason: str, detail: str = "", line: int = 0) -> None:
        super().__init__(stage, reason, detail, line)
        self.stage: Stage = stage
        self.reason = reason
        self.detail = detail
        self.line = line

    @property
    def record(self) -> Stopped:
        """The failure as the check worker's answer."""
        return Stopped(self.stage, self.reason, self.line, self.detail)

    @property
    def description(self) -> str:
        """The detail with the line, in one text."""
        return f"{self.detail} (line {self.line})" if self.line else self.detail


@contextlib.contextmanager
def blame(stage: Stage) -> Iterator[None]:
    """Turns any exception of the candidate in this stage into a `CandidateError` with its innermost line."""
    try:
        yield
    except CandidateError:
        raise
    except RecursionError:
        raise CandidateError(stage, "recursion", "recursion without end") from None
    except BaseException as error:  # the worker's edge: a candidate may raise SystemExit or KeyboardInterrupt, too
        raise CandidateError(stage, _reason(error), _error_text(error), line_of(error)) from error


def compiled(text: str | ast.Module) -> CodeType:
    """The code of a program, with the file name by which `gi.trace.program.call_sites` finds its frames."""
    if isinstance(text, str):
        show_source(text, CANDIDATE)
    try:
        return compile(text, CANDIDATE, "exec", dont_inherit=True)  # not this file's future imports
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise CandidateError("parse", "syntax error", str(error), getattr(error, "lineno", 0) or 0) from None


def load(text: str) -> ModuleType:
    """The program's module, executed in a fresh namespace."""
    return executed(compiled(text))


def executed(code: CodeType, given: Mapping[str, Any] | None = None) -> ModuleType:
    """The module of executed code, with `given` names; in `sys.modules`, for `inspect`, dataclasses and pickling."""
    module = ModuleType("candidate")
    module.__file__ = CANDIDATE
    sys.modules["candidate"] = module
    module.__dict__.update(given or {})
    torch._jit_internal._overloaded_methods.clear()  # those of the last program, whose module had the same name
    torch._jit_internal._overloaded_method_class_fileno.clear()
    leave_out_compilers()
    with blame("build"):
        exec(code, module.__dict__)
    return module


def build(module: ModuleType, entry: str = "Net") -> nn.Module:
    """The network that `entry`, evaluated in the program's namespace, builds."""
    with blame("build"):
        net = eval(entry_call(entry), module.__dict__)
    if not isinstance(net, nn.Module):
        raise CandidateError("build", "not a module", f"{entry} gives a {type(net).__name__}, not an nn.Module")
    known = (p.numel() for p in net.parameters() if not isinstance(p, UninitializedParameter))
    if sum(known) > MAX_PARAMS:
        raise CandidateError("build", "too large", f"more than {MAX_PARAMS:,} parameters")
    return net


def check_output(output: Any, samples: int, task: Task, stage: Stage = "forward") -> None:
    """Raises `CandidateError` unless `output` is (samples, num_classes) of real numbers."""
    if not isinstance(output, Tensor):
        raise CandidateError(stage, "output is no tensor", f"forward returned a {type(output).__name__}")
    expected = (samples, task.num_classes)
    if tuple(output.shape) != expected or not output.is_floating_point():
        got = f"{tuple(output.shape)} {output.dtype}"
        raise CandidateError(stage, "wrong output shape", f"forward returned {got}, expected {expected}")


def _reason(error: BaseException) -> str:
    """A short stable name for the kind of error."""
    if isinstance(error, AbsentDeviceError):
        return "device"
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and _is_allocation(str(error))):
        return OUT_OF_MEMORY
    for kind, reason in _REASONS:
        if isinstance(error, kind):
            return reason
    return type(error).__name__[:60]


_REASONS = (
    (NameError, "undefined name"),
    (AttributeError, "missing attribute"),
    (ImportError, "import"),
    (TypeError, "wrong arguments"),
    ((RuntimeError, IndexError), "shape"),
    (ValueError, "wrong value"),
)


def _is_allocation(message: str) -> bool:
    lowered = message.lower()
    return "out of memory" in lowered or "can't allocate memory" in lowered or "not enough memory" in lowered


def _error_text(error: BaseException) -> str:
    """The class and message of an error; the class alone for a program's exception whose `__str__` fails."""
    if isinstance(error, AbsentDeviceError):
        return str(error)[:_DETAIL_LENGTH]
    try:
        return f"{type(error).__name__}: {error}".strip()[:_DETAIL_LENGTH]
    except BaseException:
        return type(error).__name__
