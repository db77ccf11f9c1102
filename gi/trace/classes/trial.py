"""What an untrusted module class is as a block: how it is built, and what sets its widths. Only in a worker.

Guesses for the constructor's parameters are tried together until a network comes out that takes an image, features or
tokens and gives the like, at several widths and sizes, with a gradient for every parameter.
"""

import contextlib
import io
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from gi.trace.classes.argument_guesses import Call
from gi.trace.classes.argument_search import Way, working
from gi.trace.classes.probe import Candidate, FailedTrial, TrialShape, channels_of, error_text, shape_at

# Powers of two: what groups, heads and channel shuffles ask of a width.
_STEPS = (1, 2, 4, 8, 16, 32)
_TOKENS = (17, 49)
"""Other numbers of tokens that a block has to take: one with a position for each of 64 tokens fits no host."""
# The first that all sizes pass is kept; in each row stand sizes that no larger step divides.
_SIZE_STEPS: tuple[tuple[int, tuple[tuple[int, int], ...]], ...] = (
    (1, ((16, 16), (14, 14), (9, 12), (7, 7))),
    (2, ((16, 16), (14, 14), (10, 12))),
    (4, ((16, 16), (8, 8), (8, 12))),
    (7, ((14, 14), (7, 7), (28, 28))),
    (8, ((16, 16), (8, 8), (24, 24))),
    (16, ((16, 16), (32, 32))),
)


def handle(verb: str, *args: Any) -> dict[str, Any]:
    """Answers one call of the worker: the value, and the CPU seconds that it took."""
    assert verb == "block", verb
    start = time.process_time()
    value = tried(*args)
    return {"value": value, "cpu_s": time.process_time() - start}


def tried(source: str, name: str, calls: Sequence[Call] = ()) -> dict[str, Any]:
    """What the class `name` of a module is as a block, or {"reason", "detail"}. Never raises for the class's fault.

    `calls` are arguments of real calls of the class, as literals.
    """
    quiet = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO())
    # A class may set the default type while it is imported, for all that follow.
    dtype = torch.get_default_dtype()
    with quiet[0], quiet[1], torch.device("meta"), torch.enable_grad():
        try:
            return _as_block(Candidate(source, name), calls)
        except FailedTrial as unfit:
            return {"reason": unfit.reason, "detail": unfit.detail[:300]}
        finally:
            torch.set_default_dtype(dtype)


def _as_block(candidate: Candidate, calls: Sequence[Call]) -> dict[str, Any]:
    way = working(candidate, calls)
    way = _with_stride(candidate, way)
    _every_parameter_learns(candidate, way)
    _computes(candidate, way)
    step = next((s for s in _STEPS if _fits_widths(candidate, way, s)), 0)
    if not step:
        raise FailedTrial(4, "its width cannot be set", f"as {way.kind}")
    size_step, least = _sizes(candidate, way)
    arguments = tuple((n, e) for n, e in way.arguments.items())
    return {
        "arguments": arguments,
        "channels_in": _setter(way.arguments, "channels_in"),
        "channels_out": _setter(way.arguments, "channels_out") if way.width != "multiple" else None,
        "stride": _setter(way.arguments, "stride"),
        "factor": _factor(way),
        "input": way.kind,
        "keeps_channels": way.width == "kept",
        "channels_step": step,
        "size_step": size_step,
        "least_size": least,
        "size_factor": _size_factor(candidate, way),
        "params": _num_params(candidate, way),
        "needs_nn": candidate.namespace.get("nn") is not nn and any("nn." in e for e in way.arguments.values()),
    }


def _point(way: Way, channels: int = 32) -> TrialShape:
    return TrialShape(channels, 2 * channels if way.width == "free" else channels)


def _with_stride(candidate: Candidate, way: Way) -> Way:
    """The way with a stride that works, else without one."""
    name = _setter(way.arguments, "stride")
    if name is None:
        return way
    point = _point(way)
    with contextlib.suppress(FailedTrial):
        shape = candidate.run(way.arguments, replace(point, stride=2), way.kind)
        if way.kind == "image" and shape[2:] == (point.height // 2, point.width // 2):
            return way
    # One stride for all places is a block all the same.
    return replace(way, arguments={**way.arguments, name: "1"})


def _every_parameter_learns(candidate: Candidate, way: Way) -> None:
    point = _point(way)
    net = candidate.build(way.arguments, point)
    x = torch.empty(shape_at(point, way.kind), requires_grad=True)
    named = [(n, p) for n, p in net.named_parameters() if p.requires_grad]
    try:
        output = net(x.clone())  # it may write to what it is given
        grads = torch.autograd.grad(output.float().sum(), [p for _, p in named], allow_unused=True) if named else ()
    except BaseException as error:
        raise FailedTrial(4, "has no gradient", error_text(error)) from None
    idle = [name for (name, _), grad in zip(named, grads, strict=True) if grad is None]
    if idle:
        raise FailedTrial(4, "a parameter gets no gradient", ", ".join(idle))


def _computes(candidate: Candidate, way: Way) -> None:
    """One run on real numbers: the output is finite, and neither the input nor the same everywhere."""
    point = _point(way)
    with torch.device("cpu"), torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        x = torch.randn(shape_at(point, way.kind))
        try:
            output = candidate.build(way.arguments, point)(x.clone()).detach()
        except BaseException as error:
            raise FailedTrial(4, "does not run on numbers", error_text(error)) from None
        if not bool(torch.isfinite(output).all()):
            raise FailedTrial(4, "gives no finite numbers")
        same = output.shape == x.shape and bool(torch.equal(output, x)) and not _num_params(candidate, way)
        if float(output.std()) == 0 or same:  # a residual block whose scales start at zero is the input at first
            raise FailedTrial(4, "does nothing", "the output is the input, or constant")


def _fits_widths(candidate: Candidate, way: Way, step: int) -> bool:
    """Whether the class works for widths that are multiples of `step`."""
    # Odd multiples, which no larger step divides, beside the widths that networks have.
    widths = [step * k for k in (1, 3, 5) if step * k >= 4] + [32, 64, 96]
    points = [_point(way, width) for width in widths if not width % step]
    return all(_gives(candidate, way, point) for point in points)


def _gives(candidate: Candidate, way: Way, point: TrialShape) -> bool:
    """Whether the output has the width that it should have."""
    try:
        shape = candidate.run(way.arguments, point, way.kind)
    except FailedTrial:
        return False
    wanted = point.channels_in * way.factor if way.width == "multiple" else point.channels_out
    return channels_of(shape, way.kind) == wanted


def _sizes(candidate: Candidate, way: Way) -> tuple[int, int]:
    """What an image's sides must be multiples of, and how long at least; tokens may be any number."""
    # Positions that are counted when the class is built fit one number of tokens alone.
    if way.kind == "tokens" and not all(_gives(candidate, way, replace(_point(way), tokens=n)) for n in _TOKENS):
        raise FailedTrial(4, "fits one number of tokens only", way.kind)
    if way.kind in ("features", "tokens"):
        return 1, 1
    for step, sizes in _SIZE_STEPS:
        if all(_takes(candidate, way, height, width) for height, width in sizes):
            least = (s for s in (1, 2, 3, 4, 5, 6, 7, 8, 14, 16) if not s % step)
            return step, next((s for s in least if _takes(candidate, way, s, s)), 16)
    raise FailedTrial(4, "fits one size only", way.kind)


def _size_factor(candidate: Candidate, way: Way) -> float:
    """How many times as high an image comes out."""
    point = _point(way)
    shape = candidate.run(way.arguments, point, way.kind)
    at = {"image": 2, "channels last": 1}.get(way.kind)
    return shape[at] / point.height if at else 1.0


def _takes(candidate: Candidate, way: Way, height: int, width: int) -> bool:
    return _gives(candidate, way, replace(_point(way), height=height, width=width))


def _num_params(candidate: Candidate, way: Way) -> int:
    try:
        net = candidate.build(way.arguments, TrialShape(64, 64))
    except FailedTrial:  # it only widens
        net = candidate.build(way.arguments, _point(way))
    return sum(p.numel() for p in net.parameters())


def _setter(arguments: Mapping[str, str], name: str) -> str | None:
    """The parameter that gets a name, plain where one does."""
    plain = (n for n, e in arguments.items() if e == name)
    return next(plain, next((n for n, e in arguments.items() if name in e), None))


def _factor(way: Way) -> float:
    """How many channels the output has for each in the parameter that sets them, or in the input."""
    name = _setter(way.arguments, "channels_out")
    if way.width == "multiple" or name is None:
        return way.factor
    # The widths that a free one was tried at: 32 channels in, 64 out.
    return 64 / float(eval(way.arguments[name], {"channels_in": 32, "channels_out": 64}))
