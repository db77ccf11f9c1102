"""A program's text to its network and recipe, inside the worker; what it does wrong becomes a `CandidateError`."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from gi.core.types import Stage, Task
from gi.source.tree.entry import entry_call, entry_name
from gi.trace.augmentation.batched import batched_forms
from gi.trace.augmentation.per_image import augmenter
from gi.trace.program.compilers import leave_out_compilers, show_source

FILE_NAME = "<candidate>"
OUT_OF_MEMORY = "out of memory"
_DETAIL_LENGTH = 500


class CandidateError(Exception):
    """The candidate failed: `stage`, a short stable `reason`, and what it said."""

    def __init__(self, stage: Stage, reason: str, detail: str = "") -> None:
        super().__init__(stage, reason, detail)
        self.stage: Stage = stage
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a program's `recipe(net, steps)` returns."""

    optimizer: torch.optim.Optimizer
    scheduler: Any
    loss: Callable[[Tensor, Tensor], Tensor]
    augmentation: Callable[[Tensor], Tensor] | None  # of a batch of pixels from 0 to 1, each image with its own draw


@contextlib.contextmanager
def blame(stage: Stage) -> Iterator[None]:
    """Turns whatever the candidate raises in this stage into a `CandidateError`."""
    try:
        yield
    except CandidateError:
        raise
    except BaseException as error:  # the worker's edge; a candidate may raise SystemExit or KeyboardInterrupt too
        raise CandidateError(stage, _reason(error), _detail(error)) from error


def load(text: str) -> ModuleType:
    """The program's module, executed in a fresh namespace."""
    with blame("parse"):
        code = compile(text, FILE_NAME, "exec", dont_inherit=True)
    show_source(text, FILE_NAME)
    leave_out_compilers()
    module = ModuleType("candidate")
    module.__file__ = FILE_NAME
    sys.modules["candidate"] = module  # dataclasses and pickling look classes up there
    with blame("build"):
        exec(code, module.__dict__)
    return module


def build(module: ModuleType, entry: str = "Net") -> nn.Module:
    """The network that `entry` builds among the program's names."""
    name, call = entry_name(entry), entry_call(entry)
    with blame("build"):
        if not hasattr(module, name):
            raise CandidateError("build", f"no {name}", f"the program defines no {name}")
        net = eval(call, module.__dict__)
        if not isinstance(net, nn.Module):
            raise CandidateError("build", f"{name} is no module", f"{call} is a {type(net).__name__}")
    return net


def check_output(output: Any, samples: int, task: Task, stage: Stage = "forward") -> None:
    """Raises `CandidateError` unless `output` is (samples, num_classes) of real numbers."""
    if not isinstance(output, Tensor):
        raise CandidateError(stage, "output is no tensor", f"forward returned a {type(output).__name__}")
    expected = (samples, task.num_classes)
    if tuple(output.shape) != expected or not output.is_floating_point():
        found = f"{tuple(output.shape)} {output.dtype}"
        raise CandidateError(stage, "wrong output shape", f"forward returned {found}, expected {expected}")


def make_recipe(module: ModuleType, net: nn.Module, steps: int, image_shape: tuple[int, ...]) -> Recipe:
    """What `recipe(net, steps)` of the program returns, checked; `image_shape` (c, h, w) is what it trains on."""
    with blame("recipe"):
        if not hasattr(module, "recipe"):
            raise CandidateError("recipe", "no recipe", "the program defines no function recipe")
        parts = module.recipe(net, steps)
        if not isinstance(parts, tuple | list) or len(parts) != 4:
            raise CandidateError("recipe", "not four values", f"recipe returned {type(parts).__name__}")
        optimizer, scheduler, loss, augmentation = parts
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise CandidateError("recipe", "no optimizer", f"the first value is a {type(optimizer).__name__}")
        if scheduler is not None and not hasattr(scheduler, "step"):
            raise CandidateError("recipe", "no scheduler", f"the second value is a {type(scheduler).__name__}")
        if not callable(loss):
            raise CandidateError("recipe", "no loss", f"the third value is a {type(loss).__name__}")
        if augmentation is not None and not callable(augmentation):
            raise CandidateError("recipe", "no augmentation", f"the fourth value is a {type(augmentation).__name__}")
        augment = None if augmentation is None else fitted_augmentation(augmentation, image_shape)
    return Recipe(optimizer, scheduler, loss, augment)


def fitted_augmentation(augmentation: Any, image_shape: tuple[int, ...]) -> Callable[[Tensor], Tensor]:
    """What a recipe's augmentation does to a batch of pixels. Raises `CandidateError` where that is not its images."""
    with blame("recipe"):
        try:
            return augmenter(augmentation, image_shape, batched_forms())
        except ValueError as error:
            raise CandidateError("recipe", "wrong augmentation", str(error)) from error


def _reason(error: BaseException) -> str:
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and _is_allocation(str(error))):
        return OUT_OF_MEMORY
    return "syntax error" if isinstance(error, SyntaxError) else type(error).__name__[:60]


def _is_allocation(message: str) -> bool:
    lowered = message.lower()
    return "out of memory" in lowered or "can't allocate memory" in lowered or "not enough memory" in lowered


def _detail(error: BaseException) -> str:
    """The message and the candidate's innermost line. An exception of its own making may fail to print itself."""
    try:
        message = f"{type(error).__name__}: {error}".strip()[:_DETAIL_LENGTH]
    except BaseException:
        message = type(error).__name__
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == FILE_NAME:
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"{message} (line {line})" if line else message
