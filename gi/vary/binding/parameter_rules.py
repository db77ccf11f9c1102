"""Each parameter's rule: what a donor's value becomes in the place that its line goes to."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

UNKNOWN = object()
# Of the machine, or of how memory is used: not of the network. `inplace` would overwrite what another layer reads.
_DROPPED = frozenset({"device", "dtype", "inplace", "return_indices", "training", "foreach", "fused", "capturable"})
INPUTS = frozenset({"in_channels", "in_features", "num_features", "num_channels", "normalized_shape", "num_parameters"})
# What published networks drop.
_RATES = (0.1, 0.2, 0.3, 0.5)
# Kernels, strides and widths beyond these are of other image sizes than a host's.
MAX_KERNEL, MAX_STRIDE, MAX_GROWTH = 7, 3, 4
_RESPONDING = 5  # channels that local response normalisation looks at, as published


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The place an ingredient goes to.

    `channels` is what a layer receives there (channels or features), `size` the image's (height, width) or (); `width`
    the width that the place asks for (`width_is_fixed` for the classes), None where it is free; `widths` those of the
    host's other layers. `net`, `optimizer`, `steps` are the recipe's names; `image` is the data set's (height, width),
    None in the network. Where one line stands for several layers (`is_shared`), the image keeps its size but for
    `stride` and `window`, the (kernel size, padding) to keep where the host's are not those that keep the size;
    `groups` stay as the host writes them; `channels_code`, `width_code` are the host's expressions for all layers'
    numbers ("" where there is none, which `is_varied` says where the numbers differ), and `divisor` divides the
    channels of all.
    """

    channels: int = 1
    size: tuple[int, ...] = ()
    width: int | None = None
    width_is_fixed: bool = False
    widths: tuple[int, ...] = ()
    net: str = "net"
    optimizer: str = "optimizer"
    steps: str = "steps"
    image: tuple[int, int] | None = None
    is_shared: bool = False
    channels_code: str = ""
    width_code: str = ""
    stride: str = ""
    window: tuple[str, str] | None = None
    groups: str = ""
    divisor: int = 1
    is_varied: bool = False


@dataclass(frozen=True, slots=True)
class OpenParameter:
    """One parameter to fill: the donor's value (`UNKNOWN` where it has none), and the values bound before it."""

    name: str
    value: Any
    given: bool
    required: bool
    around: Surroundings
    before: dict[str, Any]
    rng: random.Random


def bound(slot: OpenParameter) -> Any:
    """The value or `Code` that a parameter gets, `UNKNOWN` where it is left to its default."""
    if slot.value is None:  # as usual; or, in generated code, what its author left open: `padding=None`
        slot = replace(slot, value=UNKNOWN)
    name, value = slot.name, slot.value
    if name in _DROPPED:
        return UNKNOWN
    if name == "input" and slot.required:
        return DATA
    if name in INPUTS and (slot.given or slot.required):
        if name == "normalized_shape" and "input" in slot.before:  # a function takes a tuple, a class a number too
            return Code(f"({slot.around.channels_code or slot.around.channels},)")
        return UNKNOWN if name == "num_parameters" and value in (1, UNKNOWN) else _channels(slot.around)
    if slot.around.is_shared and name in _SHARED:
        return _SHARED[name](slot)
    if name in _RECIPE:
        return Code(_RECIPE[name](slot.around)) if slot.given or slot.required else UNKNOWN
    if name in _SHAPED:
        return _SHAPED[name](slot)
    if not slot.given or value is UNKNOWN:
        return _DEFAULTS.get(name, UNKNOWN) if slot.required else UNKNOWN
    return value


@dataclass(frozen=True, slots=True)
class Code:
    """An argument that is source text rather than a value."""

    text: str


DATA = Code("")


def _channels(around: Surroundings) -> Any:
    return Code(around.channels_code) if around.channels_code else around.channels


def _width(slot: OpenParameter) -> Any:
    """The donor's width where it is within reach of the host's, else one of the host's."""
    value, around, rng = slot.value, slot.around, slot.rng
    # Half of the time the place's own width: then nothing behind the line has to change.
    if around.width is not None and (around.width_is_fixed or around.is_shared or rng.random() < 0.5):
        return Code(around.width_code) if around.width_code else around.width
    # A donor's width of 2048 beside a host's of 16 would be most of the network.
    reference = around.width or around.channels
    if isinstance(value, int) and reference / MAX_GROWTH <= value <= max(16, reference * MAX_GROWTH):
        return value
    choices = sorted({around.channels, *around.widths, 2 * around.channels} - {1}) or [8]
    near = [w for w in choices if w <= max(16, reference * MAX_GROWTH)] or choices[:1]
    return around.width if around.width is not None else rng.choice(near)


# A formula of the number of steps: a training of the search, a final one and the user's own differ in it.
_RECIPE: dict[str, Callable[[Surroundings], str]] = {
    "params": lambda a: f"{a.net}.parameters()",
    "optimizer": lambda a: a.optimizer,
    "T_max": lambda a: a.steps,
    "total_steps": lambda a: a.steps,
    "total_iters": lambda a: a.steps,
    "steps_per_epoch": lambda a: a.steps,
    "epochs": lambda _: "1",
    "step_size": lambda a: f"max(1, {a.steps} // 3)",
    "milestones": lambda a: f"[{a.steps} // 2, {a.steps} * 3 // 4]",
    "T_0": lambda a: f"max(1, {a.steps} // 4)",
    "step_size_up": lambda a: f"max(1, {a.steps} // 2)",
}

_DEFAULTS: dict[str, Any] = {
    "gamma": 0.3,
    "max_lr": 0.01,
    "base_lr": 0.001,
    "p": 0.2,
    "dim": 1,
    "num_groups": 4,
    "output_size": 2,
    "upscale_factor": 2,
    "degrees": 10,
    "threshold": 0.1,
    "value": 0.0,
    "norm_type": 2,
}


def _kernel(slot: OpenParameter) -> Any:
    # `kernel_size=(3,)` is of a one-dimensional layer.
    value = slot.value[0] if isinstance(slot.value, tuple) and len(slot.value) == 1 else slot.value
    sizes = value if isinstance(value, tuple) else (value,)
    convolves = "in_channels" in slot.before
    if not all(isinstance(v, int) and v <= MAX_KERNEL and v >= (1 if convolves else 2) for v in sizes):
        return 3 if convolves else 2  # a pool of 1x1 does nothing
    return value


def _stride(slot: OpenParameter) -> Any:
    sizes = slot.value if isinstance(slot.value, tuple) else (slot.value,)
    # Generated code writes 0 for what it does not know.
    if not slot.given or not all(isinstance(size, int) and size >= 1 for size in sizes):
        return UNKNOWN
    return slot.value if max(sizes) <= MAX_STRIDE else 2


def _size(slot: OpenParameter) -> Any:
    """Of a recipe's crops the image's; of a layer that resizes, what it gets; of local response norms, channels."""
    if slot.around.image is not None:
        return slot.around.image if slot.given or slot.required else UNKNOWN
    if slot.required:
        return slot.value if isinstance(slot.value, int) and slot.value >= 1 else _RESPONDING
    return slot.around.size if slot.given and slot.around.size else UNKNOWN


def _padding(slot: OpenParameter) -> Any:
    if slot.given and _is_padding(slot.value):
        kernel = slot.before.get("kernel_size")
        # torch refuses more than half the kernel for pools, and for convolutions it would enlarge the image.
        too_large = isinstance(slot.value, int) and isinstance(kernel, int) and slot.value > kernel // 2
        return kernel // 2 if too_large else slot.value  # type: ignore[operator]
    kernel = slot.before.get("kernel_size", 1)
    half = tuple(k // 2 for k in kernel) if isinstance(kernel, tuple) else kernel // 2
    return half if slot.given or "in_channels" in slot.before else UNKNOWN


def _is_padding(value: Any) -> bool:
    sizes = value if isinstance(value, tuple) else (value,)
    return isinstance(value, str) or all(isinstance(size, int) and size >= 0 for size in sizes)


def _groups(slot: OpenParameter) -> Any:
    """Groups that only the donor knows are nearly always those of a depthwise convolution."""
    around, value = slot.around, slot.value
    if not slot.given or value == 1:
        return UNKNOWN
    if value is UNKNOWN and around.channels > 1 and around.width in (None, around.channels):
        if around.is_shared and around.channels_code != around.width_code:
            return UNKNOWN
        # A depthwise convolution has as many channels out as in.
        slot.before["out_channels"] = _channels(around)
        return _channels(around)
    if not isinstance(value, int) or around.is_shared or isinstance(slot.before.get("out_channels"), Code):
        return UNKNOWN
    # Groups have to divide both widths.
    return UNKNOWN if around.channels % value or slot.before.get("out_channels", 1) % value else value


def _rate(slot: OpenParameter) -> Any:
    return slot.value if isinstance(slot.value, float) and 0 < slot.value < 1 else slot.rng.choice(_RATES)


def _lr(slot: OpenParameter) -> Any:
    return (
        slot.value if isinstance(slot.value, float) and 0 < slot.value <= 1 else slot.rng.choice((0.001, 0.003, 0.01))
    )


def _num_groups(slot: OpenParameter) -> Any:
    channels = slot.around.divisor if slot.around.is_shared else slot.around.channels
    if isinstance(slot.value, int) and not channels % slot.value:
        return slot.value
    # The largest that divides: fewer groups would come closer to layer normalisation.
    return max(g for g in (1, 2, 4, 8) if not channels % g)


_SHAPED: dict[str, Callable[[OpenParameter], Any]] = {
    "out_channels": _width,
    "out_features": _width,
    "kernel_size": _kernel,
    "stride": _stride,
    "dilation": _stride,
    "padding": _padding,
    "size": _size,
    "groups": _groups,
    "p": _rate,
    "lr": _lr,
    "num_groups": _num_groups,
}


def _kept_kernel(slot: OpenParameter) -> Any:
    if slot.around.window:
        return Code(slot.around.window[0])
    kernel = _kernel(slot)
    sizes = kernel if isinstance(kernel, tuple) else (kernel,)
    # An even kernel cannot keep the size.
    return kernel if all(size % 2 for size in sizes) else 3


def _kept_stride(slot: OpenParameter) -> Any:
    pools = "in_channels" not in slot.before  # whose stride is by default their kernel
    return Code(slot.around.stride or "1") if slot.around.stride not in ("", "1") or pools else UNKNOWN


def _kept_padding(slot: OpenParameter) -> Any:
    if slot.around.window:
        return Code(slot.around.window[1]) if slot.around.window[1] != "0" else UNKNOWN
    kernel = slot.before["kernel_size"]
    half = tuple(k // 2 for k in kernel) if isinstance(kernel, tuple) else kernel // 2
    return half or UNKNOWN


def _kept_groups(slot: OpenParameter) -> Any:
    return Code(slot.around.groups) if slot.around.groups and "in_channels" in slot.before else _groups(slot)


def _left_out(_: OpenParameter) -> Any:
    return UNKNOWN


_SHARED: dict[str, Callable[[OpenParameter], Any]] = {
    "kernel_size": _kept_kernel,
    "stride": _kept_stride,
    "padding": _kept_padding,
    "groups": _kept_groups,
    "dilation": _left_out,
    "output_padding": _left_out,
    "ceil_mode": _left_out,
}
