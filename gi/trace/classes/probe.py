"""Runs one untrusted module class on meta tensors with given arguments. Only in a worker."""

import inspect
import sys
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

KINDS = ("image", "features", "tokens", "channels last")
# At 32 to 64 channels. A larger block would be the largest part of any host.
MAX_PARAMS = 1_500_000
_BATCH = 7  # an unusual width, so that a batch is not taken for the channels of one image


class FailedTrial(Exception):  # noqa: N818 (no error of ours)
    """A failed try: `rank` orders tries by how far they came; a short stable reason; the detail."""

    def __init__(self, rank: int, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.rank, self.reason, self.detail = rank, reason, detail


@dataclass(frozen=True, slots=True)
class TrialShape:
    """Widths, image size, stride and number of tokens that a class is tried at."""

    channels_in: int = 32
    channels_out: int = 32
    height: int = 16
    width: int = 16
    stride: int = 1
    tokens: int = 64

    @property
    def names(self) -> dict[str, int]:
        """The values of the names in a guess."""
        return {"channels_in": self.channels_in, "channels_out": self.channels_out, "stride": self.stride}


SAME, WIDER = TrialShape(), TrialShape(channels_out=64)


class Candidate:
    """The class under trial. Raises `FailedTrial` where its module does not run."""

    def __init__(self, source: str, name: str) -> None:
        self.namespace = _namespace(source)
        cls = self.namespace.get(name)
        if not (isinstance(cls, type) and issubclass(cls, nn.Module)):
            raise FailedTrial(0, "is no module class", f"{name} is {type(cls).__name__}")
        self.tested: type[nn.Module] = cls
        self.built = 0  # modules in the network that was built last
        if self.tested.forward is nn.Module.forward:
            raise FailedTrial(0, "has no forward", name)
        required = _required(self.tested.forward)
        if len(required) > 1:
            raise FailedTrial(0, "takes several inputs", ", ".join(required))

    def signature(self) -> inspect.Signature:
        """The constructor's parameters. Raises `FailedTrial` where Python cannot inspect them."""
        try:
            return inspect.signature(self.tested)
        except (TypeError, ValueError) as error:
            raise FailedTrial(0, "cannot be built", str(error)) from None

    def passes_on(self, name: str) -> bool:
        """Whether the constructor takes a parameter only to pass it on."""
        own = inspect.signature(self.tested).parameters.values()
        return all(p.name != name for p in own) and any(p.kind is p.VAR_KEYWORD for p in own)

    def any_kind(self, arguments: Mapping[str, str], point: TrialShape) -> tuple[str, tuple[int, ...]]:
        """The first kind of input that works, and the output's shape."""
        net, furthest = self.build(arguments, point), FailedTrial(-1, "")
        for kind in KINDS:
            # Images first: a class for tokens refuses them by their width.
            try:
                return kind, self.forward(net, point, kind)
            except FailedTrial as unfit:
                furthest = max(furthest, unfit, key=lambda u: u.rank)
        raise furthest

    def run(self, arguments: Mapping[str, str], point: TrialShape, kind: str) -> tuple[int, ...]:
        """The output's shape."""
        return self.forward(self.build(arguments, point), point, kind)

    def build(self, arguments: Mapping[str, str], point: TrialShape) -> nn.Module:
        """The network built with these guesses at a point."""
        try:
            # The guesses are gi's own, or literals of the harvest.
            values = {n: eval(e, {"nn": nn, **point.names}) for n, e in arguments.items()}
            if any(v < 1 for n, v in values.items() if "channels" in arguments[n]):
                raise ValueError("no channels are left")
            net: nn.Module = self.tested(**values)
        # A class may raise any exception, even SystemExit, and the worker goes on to others.
        except BaseException as error:
            raise FailedTrial(1, "cannot be built", error_text(error)) from None
        self.built = sum(1 for _ in net.modules())
        # Lazy layers have no size before the first run.
        count = sum(p.numel() for p in net.parameters() if not isinstance(p, nn.UninitializedParameter))
        if count > MAX_PARAMS:
            raise FailedTrial(2, "is too large", f"{count:,} parameters at {point.channels_in} to {point.channels_out}")
        return net

    def forward(self, net: nn.Module, point: TrialShape, kind: str) -> tuple[int, ...]:
        """The output's shape, of the same kind as the input."""
        x = torch.empty(shape_at(point, kind))
        try:
            output = net(x)
        except BaseException as error:
            raise FailedTrial(2, "takes no image, features or tokens", error_text(error)) from None
        if not isinstance(output, torch.Tensor):
            raise FailedTrial(3, "gives no tensor", type(output).__name__)
        # Fewer or more tokens fit no residual connection around the block.
        as_many = kind != "tokens" or output.shape[1:2] == x.shape[1:2]
        if output.dim() != x.dim() or output.shape[0] != _BATCH or 0 in output.shape or not as_many:
            raise FailedTrial(3, "gives another kind of tensor", f"{tuple(x.shape)} becomes {tuple(output.shape)}")
        if output is x:
            raise FailedTrial(3, "does nothing", "the output is the input")
        return tuple(output.shape)


def _namespace(source: str) -> dict[str, Any]:
    """The globals of the class's module after it ran; it is in `sys.modules`, for `inspect` and `super()`."""
    module = types.ModuleType("block")
    module.__file__ = "<block>"
    sys.modules["block"] = module
    torch._jit_internal._overloaded_methods.clear()  # those of the last module, which had the same name
    torch._jit_internal._overloaded_method_class_fileno.clear()
    try:
        exec(compile(source, "<block>", "exec"), module.__dict__)
    except BaseException as error:
        raise FailedTrial(0, "its module does not run", error_text(error)) from None
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


def shape_at(point: TrialShape, kind: str) -> tuple[int, ...]:
    """An input's shape with its batch."""
    image = (point.height, point.width)
    shapes = {"image": (point.channels_in, *image), "features": (point.channels_in,)}
    shapes |= {"tokens": (point.tokens, point.channels_in), "channels last": (*image, point.channels_in)}
    return (_BATCH, *shapes[kind])


def channels_of(shape: tuple[int, ...], kind: str) -> int:
    """The channels of a shape."""
    return shape[1] if kind == "image" else shape[-1]


def error_text(error: BaseException) -> str:
    """The type and message of an exception, at most 300 characters."""
    return f"{type(error).__name__}: {error}"[:300]
