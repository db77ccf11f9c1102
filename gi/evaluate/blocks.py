"""Tries one untrusted module class on meta tensors: how it is built, and what sets its widths. Only in a worker.

Guesses for the constructor's parameters are tried together until a network comes out that takes an image, features or
tokens and gives the like, at several widths and sizes, with a gradient for every parameter.
"""

import contextlib
import inspect
import io
import re
import sys
import time
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from gi.evaluate.guesses import Call, assignments, parameters

KINDS = ("image", "features", "tokens", "channels last")
MAX_TRIES = 100
PATIENCE = 25  # more tries for a free width, once one was found that keeps the width
_MODULES_OF_A_TRY = 25  # a larger network counts as several tries
MAX_PARAMS = 1_500_000
_BATCH = 7  # no width that people write, so that a batch is not taken for the channels of one image
_TOKENS = 64
_STEPS = (1, 2, 4, 8, 16, 32)
_SIZE_STEPS: tuple[tuple[int, tuple[tuple[int, int], ...]], ...] = (
    (1, ((16, 16), (14, 14), (9, 12), (7, 7))),
    (2, ((16, 16), (14, 14), (10, 12))),
    (4, ((16, 16), (8, 8), (8, 12))),
    (7, ((14, 14), (7, 7), (28, 28))),
    (8, ((16, 16), (8, 8), (24, 24))),
    (16, ((16, 16), (32, 32))),
)


class Unfit(Exception):  # noqa: N818 (no error of ours)
    """One try that did not work: how far it came (a rank to compare by), a short stable reason, the detail."""

    def __init__(self, rank: int, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.rank, self.reason, self.detail = rank, reason, detail


@dataclass(frozen=True, slots=True)
class Point:
    """Widths, image size and stride that a class is tried at."""

    channels_in: int = 32
    channels_out: int = 32
    height: int = 16
    width: int = 16
    stride: int = 1

    @property
    def names(self) -> dict[str, int]:
        """What the names in a guess stand for."""
        return {"channels_in": self.channels_in, "channels_out": self.channels_out, "stride": self.stride}


SAME, WIDER = Point(), Point(channels_out=64)


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
    dtype = torch.get_default_dtype()
    with quiet[0], quiet[1], torch.device("meta"), torch.enable_grad():
        try:
            return _Class(source, name).as_block(calls)
        except Unfit as unfit:
            return {"reason": unfit.reason, "detail": unfit.detail[:300]}
        finally:
            torch.set_default_dtype(dtype)


@dataclass(frozen=True, slots=True)
class _Way:
    """Arguments that work, for which kind of input, and whether the output's width is free, kept or a multiple."""

    arguments: Mapping[str, str]
    kind: str
    width: str
    factor: float = 1.0


class _Class:
    """The class under trial. Raises `Unfit` where the module does not run."""

    def __init__(self, source: str, name: str) -> None:
        self.namespace = _namespace(source)
        made = self.namespace.get(name)
        if not (isinstance(made, type) and issubclass(made, nn.Module)):
            raise Unfit(0, "is no module class", f"{name} is {type(made).__name__}")
        self.made: type[nn.Module] = made
        self.built = 0  # modules in the network that was built last
        if self.made.forward is nn.Module.forward:
            raise Unfit(0, "has no forward", name)
        required = _required(self.made.forward)
        if len(required) > 1:
            raise Unfit(0, "takes several inputs", ", ".join(required))

    def as_block(self, calls: Sequence[Call]) -> dict[str, Any]:
        way = self._way(calls)
        way = self._with_stride(way)
        self._every_parameter_learns(way)
        self._computes(way)
        step = next((s for s in _STEPS if self._fits_widths(way, s)), 0)
        if not step:
            raise Unfit(4, "its width cannot be set", f"as {way.kind}")
        size_step, least = self._sizes(way)
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
            "size_factor": self._size_factor(way),
            "params": self._num_params(way),
            "needs_nn": self.namespace.get("nn") is not nn and any("nn." in e for e in way.arguments.values()),
        }

    # The search -------------------------------------------------------------------------------------------------------

    def _way(self, calls: Sequence[Call]) -> _Way:
        extra: list[str] = []
        for _ in range(3):
            try:
                return self._search(calls, extra)
            except Unfit as unfit:
                missing = [n for n in _missing(unfit.detail) if n not in extra and self._passes_on(n)]
                if not missing:
                    raise
                extra += missing
        raise Unfit(1, "cannot be built", "parameters that are passed on")

    def _passes_on(self, name: str) -> bool:
        own = inspect.signature(self.made).parameters.values()
        return all(p.name != name for p in own) and any(p.kind is p.VAR_KEYWORD for p in own)

    def _search(self, calls: Sequence[Call], extra: Sequence[str]) -> _Way:
        """The first arguments that leave the width free, else those that keep it, else those that multiply it."""
        furthest, kept, left = Unfit(-1, "cannot be built"), dict[str, _Way](), MAX_TRIES
        for arguments in assignments(parameters(self._signature(), calls, extra), MAX_TRIES):
            try:
                way = self._works(arguments)
                if way.width == "free":
                    return way
                left = left if way.width in kept else min(left, PATIENCE)
                kept.setdefault(way.width, way)
            except Unfit as unfit:
                furthest = max(furthest, unfit, key=lambda u: u.rank)
            left -= 1 + self.built // _MODULES_OF_A_TRY
            if left <= 0:
                break
        if not kept:
            raise furthest
        return kept.get("kept") or kept["multiple"]

    def _signature(self) -> inspect.Signature:
        try:
            return inspect.signature(self.made)
        except (TypeError, ValueError) as error:
            raise Unfit(0, "cannot be built", str(error)) from None

    def _works(self, arguments: Mapping[str, str]) -> _Way:
        with contextlib.suppress(Unfit):
            kind, shape = self._any_kind(arguments, WIDER)
            if _channels(shape, kind) == WIDER.channels_out:
                return _Way(arguments, kind, "free")
        kind, shape = self._any_kind(arguments, SAME)
        factor = _channels(shape, kind) / SAME.channels_in
        if factor == 1:
            return _Way(arguments, kind, "kept")
        more = self._run(arguments, replace(SAME, channels_in=64, channels_out=64), kind)
        if _channels(more, kind) != 64 * factor:
            raise Unfit(3, "its width cannot be set", f"{SAME.channels_in} channels become {_channels(shape, kind)}")
        return _Way(arguments, kind, "multiple", factor)

    def _any_kind(self, arguments: Mapping[str, str], point: Point) -> tuple[str, tuple[int, ...]]:
        """The first kind of input that works, and the output's shape."""
        net, furthest = self._build(arguments, point), Unfit(-1, "")
        for kind in KINDS:
            try:
                return kind, self._forward(net, point, kind)
            except Unfit as unfit:
                furthest = max(furthest, unfit, key=lambda u: u.rank)
        raise furthest

    def _run(self, arguments: Mapping[str, str], point: Point, kind: str) -> tuple[int, ...]:
        return self._forward(self._build(arguments, point), point, kind)

    def _build(self, arguments: Mapping[str, str], point: Point) -> nn.Module:
        try:
            values = {n: eval(e, {"nn": nn, **point.names}) for n, e in arguments.items()}
            if any(v < 1 for n, v in values.items() if "channels" in arguments[n]):
                raise ValueError("no channels are left")
            net: nn.Module = self.made(**values)
        except BaseException as error:
            raise Unfit(1, "cannot be built", _said(error)) from None
        self.built = sum(1 for _ in net.modules())
        count = sum(p.numel() for p in net.parameters() if not isinstance(p, nn.UninitializedParameter))
        if count > MAX_PARAMS:
            raise Unfit(2, "is too large", f"{count:,} parameters at {point.channels_in} to {point.channels_out}")
        return net

    def _forward(self, net: nn.Module, point: Point, kind: str) -> tuple[int, ...]:
        x = torch.empty(_shape(point, kind))
        try:
            output = net(x)
        except BaseException as error:
            raise Unfit(2, "takes no image, features or tokens", _said(error)) from None
        if not isinstance(output, torch.Tensor):
            raise Unfit(3, "gives no tensor", type(output).__name__)
        if output.dim() != x.dim() or output.shape[0] != _BATCH or 0 in output.shape:
            raise Unfit(3, "gives another kind of tensor", f"{tuple(x.shape)} becomes {tuple(output.shape)}")
        if output is x:
            raise Unfit(3, "does nothing", "the output is the input")
        return tuple(output.shape)

    # What was found ---------------------------------------------------------------------------------------------------

    def _point(self, way: _Way, channels: int = 32) -> Point:
        return Point(channels, 2 * channels if way.width == "free" else channels)

    def _with_stride(self, way: _Way) -> _Way:
        """The way with a stride that works, else without one."""
        name = _setter(way.arguments, "stride")
        if name is None:
            return way
        point = self._point(way)
        with contextlib.suppress(Unfit):
            shape = self._run(way.arguments, replace(point, stride=2), way.kind)
            if way.kind == "image" and shape[2:] == (point.height // 2, point.width // 2):
                return way
        return replace(way, arguments={**way.arguments, name: "1"})

    def _every_parameter_learns(self, way: _Way) -> None:
        point = self._point(way)
        net = self._build(way.arguments, point)
        output = net(torch.empty(_shape(point, way.kind), requires_grad=True))
        named = [(n, p) for n, p in net.named_parameters() if p.requires_grad]
        try:
            grads = torch.autograd.grad(output.float().sum(), [p for _, p in named], allow_unused=True) if named else ()
        except BaseException as error:
            raise Unfit(4, "has no gradient", _said(error)) from None
        idle = [name for (name, _), grad in zip(named, grads, strict=True) if grad is None]
        if idle:
            raise Unfit(4, "a parameter gets no gradient", ", ".join(idle))

    def _computes(self, way: _Way) -> None:
        """One run on real numbers: the output is finite, and neither the input nor the same everywhere."""
        point = self._point(way)
        with torch.device("cpu"), torch.random.fork_rng(devices=()):
            torch.manual_seed(0)
            x = torch.randn(_shape(point, way.kind))
            try:
                output = self._build(way.arguments, point)(x.clone()).detach()
            except BaseException as error:
                raise Unfit(4, "does not run on numbers", _said(error)) from None
            if not bool(torch.isfinite(output).all()):
                raise Unfit(4, "gives no finite numbers")
            same = output.shape == x.shape and bool(torch.equal(output, x)) and not self._num_params(way)
            if float(output.std()) == 0 or same:  # a residual block whose scales start at zero is the input at first
                raise Unfit(4, "does nothing", "the output is the input, or constant")

    def _fits_widths(self, way: _Way, step: int) -> bool:
        """Whether the class works for widths that are multiples of `step`."""
        widths = [step * k for k in (1, 3, 5) if step * k >= 4] + [32, 64, 96]
        points = [self._point(way, width) for width in widths if not width % step]
        return all(self._gives(way, point) for point in points)

    def _gives(self, way: _Way, point: Point) -> bool:
        """Whether the output has the width that it should have."""
        try:
            shape = self._run(way.arguments, point, way.kind)
        except Unfit:
            return False
        wanted = point.channels_in * way.factor if way.width == "multiple" else point.channels_out
        return _channels(shape, way.kind) == wanted

    def _sizes(self, way: _Way) -> tuple[int, int]:
        """What an image's sides must be multiples of, and how long at least."""
        if way.kind in ("features", "tokens"):
            return 1, 1
        for step, sizes in _SIZE_STEPS:
            if all(self._takes(way, height, width) for height, width in sizes):
                least = (s for s in (1, 2, 3, 4, 5, 6, 7, 8, 14, 16) if not s % step)
                return step, next((s for s in least if self._takes(way, s, s)), 16)
        raise Unfit(4, "fits one size only", way.kind)

    def _size_factor(self, way: _Way) -> float:
        """How many times as high an image comes out."""
        point = self._point(way)
        shape = self._run(way.arguments, point, way.kind)
        at = {"image": 2, "channels last": 1}.get(way.kind)
        return shape[at] / point.height if at else 1.0

    def _takes(self, way: _Way, height: int, width: int) -> bool:
        return self._gives(way, replace(self._point(way), height=height, width=width))

    def _num_params(self, way: _Way) -> int:
        try:
            net = self._build(way.arguments, Point(64, 64))
        except Unfit:  # it only widens
            net = self._build(way.arguments, self._point(way))
        return sum(p.numel() for p in net.parameters())


def _namespace(source: str) -> dict[str, Any]:
    """The globals of the class's module after it ran; the module is real to `inspect` and to `super()`."""
    module = types.ModuleType("block")
    module.__file__ = "<block>"
    sys.modules["block"] = module
    torch._jit_internal._overloaded_methods.clear()  # those of the last module, which was called the same
    torch._jit_internal._overloaded_method_class_fileno.clear()
    try:
        exec(compile(source, "<block>", "exec"), module.__dict__)
    except BaseException as error:
        raise Unfit(0, "its module does not run", _said(error)) from None
    return module.__dict__


def _required(forward: Any) -> list[str]:
    try:
        own = list(inspect.signature(forward).parameters.values())[1:]
    except (TypeError, ValueError):
        return []
    return [
        p.name
        for p in own
        if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]


def _missing(detail: str) -> Iterator[str]:
    """The parameters that a call lacks, as Python's message names them."""
    if "missing" in detail and "required" in detail:
        yield from re.findall(r"'(\w+)'", detail)


def _shape(point: Point, kind: str) -> tuple[int, ...]:
    image = (point.height, point.width)
    shapes = {"image": (point.channels_in, *image), "features": (point.channels_in,)}
    shapes |= {"tokens": (_TOKENS, point.channels_in), "channels last": (*image, point.channels_in)}
    return (_BATCH, *shapes[kind])


def _channels(shape: tuple[int, ...], kind: str) -> int:
    return shape[1] if kind == "image" else shape[-1]


def _setter(arguments: Mapping[str, str], name: str) -> str | None:
    """The parameter that gets a name, plain where one does."""
    plain = (n for n, e in arguments.items() if e == name)
    return next(plain, next((n for n, e in arguments.items() if name in e), None))


def _factor(way: _Way) -> float:
    """How many channels the output has for each in the parameter that sets them, or in the input."""
    name = _setter(way.arguments, "channels_out")
    if way.width == "multiple" or name is None:
        return way.factor
    return 64 / float(eval(way.arguments[name], {"channels_in": 32, "channels_out": 64}))


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:300]
