"""Finds the properties of an untrusted module class as a block: arguments, widths, sizes. Only in a worker.

Guesses for the constructor's parameters are tried together until a network takes an image, features or tokens and
returns the same kind, at several widths and sizes, with a gradient for every parameter.
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
from gi.trace.meta_kernels import install

install()  # once, before the worker's processes are forked from its server

# Powers of two: the divisors that groups, heads and channel shuffles need.
_STEPS = (1, 2, 4, 8, 16, 32)
_TOKENS = (17, 49)
"""Other numbers of tokens that a block has to accept: one with positions for exactly 64 tokens fits no host."""
# The first row whose sizes all pass is taken; the sizes of a row have no larger step as a common divisor.
_SIZE_STEPS: tuple[tuple[int, tuple[tuple[int, int], ...]], ...] = (
    (1, ((16, 16), (14, 14), (9, 12), (7, 7))),
    (2, ((16, 16), (14, 14), (10, 12))),
    (4, ((16, 16), (8, 8), (8, 12))),
    (7, ((14, 14), (7, 7), (28, 28))),
    (8, ((16, 16), (8, 8), (24, 24))),
    (16, ((16, 16), (32, 32))),
)


def handle(verb: str, *args: Any) -> dict[str, Any]:
    """Answers one call of the worker with the value and its CPU seconds."""
    assert verb == "block", verb
    start = time.process_time()
    value = tried(*args)
    return {"value": value, "cpu_s": time.process_time() - start}


def tried(source: str, name: str, calls: Sequence[Call] = ()) -> dict[str, Any]:
    """The properties of the class `name` as a block, or {"reason", "detail"} where it is none. Errors are caught.

    `calls` are arguments of real calls of the class, as literals.
    """
    quiet = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO())
    # A class may set the default dtype while it is imported, which would affect later ones.
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
    """The way with its stride parameter if stride 2 halves the image, else with that parameter fixed to 1."""
    name = _setter(way.arguments, "stride")
    if name is None:
        return way
    point = _point(way)
    with contextlib.suppress(FailedTrial):
        shape = candidate.run(way.arguments, replace(point, stride=2), way.kind)
        if way.kind == "image" and shape[2:] == (point.height // 2, point.width // 2):
            return way
    # A class that works only with stride 1 is still a block.
    return replace(way, arguments={**way.arguments, name: "1"})


def _every_parameter_learns(candidate: Candidate, way: Way) -> None:
    point = _point(way)
    net = candidate.build(way.arguments, point)
    x = torch.empty(shape_at(point, way.kind), requires_grad=True)
    named = [(n, p) for n, p in net.named_parameters() if p.requires_grad]
    try:
        output = net(x.clone())  # it may change its input in place
        grads = torch.autograd.grad(output.float().sum(), [p for _, p in named], allow_unused=True) if named else ()
    except BaseException as error:
        raise FailedTrial(4, "has no gradient", error_text(error)) from None
    idle = [name for (name, _), grad in zip(named, grads, strict=True) if grad is None]
    if idle:
        raise FailedTrial(4, "a parameter gets no gradient", ", ".join(idle))


def _computes(candidate: Candidate, way: Way) -> None:
    """Runs it once on real numbers: the output must be finite, not constant, and not the input."""
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
        if float(output.std()) == 0 or same:  # one with parameters may be the identity at first, as by zero scales
            raise FailedTrial(4, "does nothing", "the output is the input, or constant")


def _fits_widths(candidate: Candidate, way: Way, step: int) -> bool:
    """Whether the class works for widths that are multiples of `step`."""
    # Odd multiples, which no larger step divides, and common widths of networks.
    widths = [step * k for k in (1, 3, 5) if step * k >= 4] + [32, 64, 96]
    points = [_point(way, width) for width in widths if not width % step]
    return all(_gives(candidate, way, point) for point in points)


def _gives(candidate: Candidate, way: Way, point: TrialShape) -> bool:
    """Whether the class runs at a point and its output has the expected width."""
    try:
        shape = candidate.run(way.arguments, point, way.kind)
    except FailedTrial:
        return False
    wanted = point.channels_in * way.factor if way.width == "multiple" else point.channels_out
    return channels_of(shape, way.kind) == wanted


def _sizes(candidate: Candidate, way: Way) -> tuple[int, int]:
    """The number that an image's sides must be multiples of, and their least length; (1, 1) for other inputs."""
    # A class that fixes the number of positions when it is built fits one number of tokens only.
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
    """The ratio of an image's height after and before."""
    point = _point(way)
    shape = candidate.run(way.arguments, point, way.kind)
    at = {"image": 2, "channels last": 1}.get(way.kind)
    return shape[at] / point.height if at else 1.0


def _takes(candidate: Candidate, way: Way, height: int, width: int) -> bool:
    return _gives(candidate, way, replace(_point(way), height=height, width=width))


def _num_params(candidate: Candidate, way: Way) -> int:
    try:
        net = candidate.build(way.arguments, TrialShape(64, 64))
    except FailedTrial:  # a class that only widens
        net = candidate.build(way.arguments, _point(way))
    return sum(p.numel() for p in net.parameters())


def _setter(arguments: Mapping[str, str], name: str) -> str | None:
    """The parameter whose guess is the name, else the first whose guess contains it; None where none does."""
    plain = (n for n, e in arguments.items() if e == name)
    return next(plain, next((n for n, e in arguments.items() if name in e), None))


def _factor(way: Way) -> float:
    """The output's channels divided by the value of the parameter that sets them, or by the input's channels."""
    name = _setter(way.arguments, "channels_out")
    if way.width == "multiple" or name is None:
        return way.factor
    # The widths at which a free one was tried: 32 channels in, 64 out.
    return 64 / float(eval(way.arguments[name], {"channels_in": 32, "channels_out": 64}))
