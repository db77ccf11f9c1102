"""The calls that led to each tensor, so that a misfit can be repaired in its causing layer. Check worker only."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from gi.core.trace import Site
from gi.trace.fit.channel_axis import moved, output_axis
from gi.trace.program.call_sites import NOWHERE

Says: TypeAlias = Callable[[nn.Module | None], bool]

_PERMUTING = frozenset({"permute", "transpose", "movedim", "swapaxes"})
_WITH_CHANNELS = 6  # amounts of a pad: before and behind, of width, height and channels
_WINDOWS = (nn.MaxPool1d, nn.MaxPool2d, nn.AvgPool1d, nn.AvgPool2d)


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One call on the data's path: function or class name, layer (None for a function), shapes before and after.

    `site` is the call in the program; `axis` the axis of the output's channels, None where it is not known; `order` the
    earlier axis of each axis, where the call permutes them; `amounts` those of a pad, from the last axis on.
    """

    name: str
    layer: nn.Module | None
    parents: tuple["Step", ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    site: Site = NOWHERE
    axis: int | None = None
    order: tuple[int, ...] | None = None
    amounts: tuple[int, ...] = ()


class DataFlow:
    """The steps of one run. Tensors are identified by `id`, so they are kept alive."""

    def __init__(self, is_odd: Says = lambda _: False, is_mended: Says = lambda _: False) -> None:
        """`is_odd`: whether a layer's width is used nowhere else; `is_mended`: whether its input width changes."""
        self.is_odd, self.is_mended = is_odd, is_mended
        self._steps: dict[int, Step] = {}
        # Python reuses the id of a tensor that was freed.
        self._kept: list[torch.Tensor] = []

    def note(
        self,
        name: str,
        output: Any,
        inputs: Iterable[torch.Tensor],
        layer: nn.Module | None = None,
        site: Site = NOWHERE,
        args: Sequence[Any] = (),
    ) -> None:
        """Records that call `name` made `output`, one or several tensors, from `inputs`; `args` without the first."""
        given = list(inputs)
        parents = tuple(self._steps[id(t)] for t in given if id(t) in self._steps)
        before = tuple(given[0].shape) if given else ()
        shapes = [(tuple(t.shape), self.axis(t)) for t in given]
        for tensor in output if isinstance(output, (list, tuple)) else [output]:
            if isinstance(tensor, torch.Tensor):
                after = tuple(tensor.shape)
                axis = output_axis(name, layer, args, shapes, after)
                order = moved(name, args, len(after)) if layer is None and len(before) == len(after) else None
                amounts = tuple(args[0]) if name == "pad" and args and isinstance(args[0], (tuple, list)) else ()
                self._steps[id(tensor)] = Step(name, layer, parents, before, after, site, axis, order, amounts)
                self._kept.append(tensor)

    def knows(self, output: Any) -> bool:
        """Whether the call that made a tensor is recorded."""
        return isinstance(output, torch.Tensor) and id(output) in self._steps

    def axis(self, tensor: torch.Tensor) -> int | None:
        """The axis of a tensor's channels, None where it is not known."""
        step = self._steps.get(id(tensor))
        return step.axis if step is not None else None

    def apart(self, tensors: Iterable[torch.Tensor]) -> list[list[Step]]:
        """For each tensor the steps that led to it and to none of the others, the latest first."""
        ways = [list(_ancestors(self._steps.get(id(t)))) for t in tensors]
        alone = []
        for number, way in enumerate(ways):
            # A step that led to both cannot be why they differ.
            others = {id(s) for n, other in enumerate(ways) if n != number for s in other}
            alone.append([s for s in way if id(s) not in others])
        return alone

    def led_to(self, tensor: torch.Tensor, other: torch.Tensor) -> bool:
        """Whether `other` was computed from a tensor; True where that tensor's call is unknown."""
        step = self._steps.get(id(tensor))
        return step is None or any(s is step for s in _ancestors(self._steps.get(id(other))))

    def last_connection(self, tensor: torch.Tensor) -> nn.Module | None:
        """The layer whose outputs are the tensor's channels, reached back through calls with one input."""
        step = self._steps.get(id(tensor))
        while step is not None:
            if isinstance(step.layer, (_ConvNd, nn.Linear)):
                return step.layer
            # Where a function changes the width (a concatenation, a slice), no single layer determines it.
            if len(step.parents) != 1 or step.before[1:2] != step.after[1:2]:
                return None
            step = step.parents[0]
        return None

    def step(self, tensor: torch.Tensor) -> Step | None:
        """The call that made a tensor; None where none was recorded."""
        return self._steps.get(id(tensor))

    def width_source(self, tensor: torch.Tensor, axis: int) -> nn.Module | None:
        """The layer that determines the size of a tensor's axis, followed back through transposes and views."""
        return _width_source(self._steps.get(id(tensor)), axis)

    def flattened(self, tensor: torch.Tensor) -> Step | None:
        """The step that flattened an image, with maps of more than one value, to these features; None for none."""
        step = self._steps.get(id(tensor))
        while step is not None and len(step.after) == 2:
            if len(step.before) == 4:
                channels, height, width = step.before[1:]
                return step if height * width > 1 and step.after[1] == channels * height * width else None
            if len(step.parents) != 1 or step.before != step.after:
                return None
            step = step.parents[0]
        return None

    def is_channels_last(self, tensor: torch.Tensor) -> bool:
        """Whether an image's last dimension holds its channels: after a permutation, or a dense layer."""
        axis, step = self.axis(tensor), self._steps.get(id(tensor))
        if axis is not None:
            # Without a known axis, as after a product, the latest step that moved channels decides, below.
            return axis == tensor.dim() - 1
        while step is not None and len(step.after) == 4:
            if step.name in _PERMUTING or (isinstance(step.layer, (nn.Linear, nn.LayerNorm)) and step.before[1:2]):
                return step.name not in _PERMUTING or step.after[1:2] != step.before[1:2] or step.after == step.before
            if isinstance(step.layer, _ConvNd) or len(step.parents) != 1:
                return False
            step = step.parents[0]
        return False


def _width_source(step: Step | None, axis: int) -> nn.Module | None:
    while step is not None:
        if isinstance(step.layer, (nn.Linear, nn.Embedding)) and axis == len(step.after) - 1:
            return step.layer
        if isinstance(step.layer, _ConvNd) and axis == 1:
            return step.layer
        earlier = _axis_before(step, axis)
        if earlier is None:
            return None
        axis, size = earlier, step.after[axis]
        step = next((p for p in step.parents if len(p.after) > axis and p.after[axis] == size), None)
    return None


def _axis_before(step: Step, axis: int) -> int | None:
    """The axis of a step's input that became an axis of its output; None where there is no single one."""
    before, after = step.before, step.after
    if step.order is not None:
        return step.order[axis]
    if len(before) == len(after) or before[: axis + 1] == after[: axis + 1]:
        return axis if before[axis : axis + 1] == after[axis : axis + 1] else None
    behind = len(after) - axis
    return len(before) - behind if before[-behind:] == after[axis:] else None


def channel_pad(steps: Iterable[Step]) -> Step | None:
    """The call of `F.pad` that determines an image's width; None where a layer does, or several images together."""
    for step in steps:
        if len(step.amounts) == _WITH_CHANNELS and len(step.after) == 4:
            return step
        if step.layer is not None or len(step.parents) != 1 or step.before[1:2] != step.after[1:2]:
            return None
    return None


def connections(steps: Iterable[Step]) -> int:
    """The number of convolutions and dense layers among the steps."""
    return sum(isinstance(s.layer, (_ConvNd, nn.Linear)) for s in steps)


def strided(steps: Iterable[Step], factor: int) -> tuple[nn.Module, int] | None:
    """The first convolution of the steps, preferably with a kernel above 1, and its stride times `factor`."""
    convs = [s.layer for s in steps if isinstance(s.layer, _ConvNd) and not isinstance(s.layer, _ConvTransposeNd)]
    # A pointwise convolution with a stride drops pixels; a larger kernel still sees all of them.
    wide = [c for c in convs if max(c.kernel_size) > 1] or convs
    strides = {int(s) for s in wide[-1].stride} if wide else set()
    # Unequal strides along height and width have no single factor.
    return (wide[-1], strides.pop() * factor) if len(strides) == 1 else None


def shrinking(steps: Iterable[Step]) -> Iterator[tuple[nn.Module, str, Any]]:
    """Each layer that changes an image's size by more than its stride, with the argument that would avoid it."""
    for step in steps:
        layer = step.layer
        if isinstance(layer, (_ConvNd, *_WINDOWS)) and not isinstance(layer, _ConvTransposeNd):
            # A padding of half the reach keeps the size: the usual one, which is wrong after an edit of the kernel
            # alone.
            padding = _keeping(layer, step.before[2:], step.after[2:])
            if padding is not None:
                yield layer, "padding", padding
            elif isinstance(layer, _WINDOWS) and not layer.ceil_mode and step.after[2:] < _kept(layer, step.before[2:]):
                yield layer, "ceil_mode", True


def _keeping(layer: Any, before: tuple[int, ...], after: tuple[int, ...]) -> Any:
    """The padding with which a window only divides the size by its stride; None where it does already or none can."""
    kernel, stride, padding = (_each(v, len(before)) for v in (layer.kernel_size, layer.stride, layer.padding))
    dilation = _each(getattr(layer, "dilation", 1), len(before))
    wanted = _kept(layer, before)
    if isinstance(layer.padding, str) or wanted == after:
        return None
    reach = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    new = tuple(r // 2 for r in reach)
    sizes = tuple((s + 2 * p - r - 1) // t + 1 for s, p, r, t in zip(before, new, reach, stride, strict=True))
    if sizes != wanted:
        # torch allows padding="same" only with a stride of 1.
        plain = isinstance(layer, _ConvNd) and all(s == 1 for s in stride)
        return "same" if plain and layer.padding_mode == "zeros" else None
    # A pool refuses a padding of more than half its window.
    if new == tuple(padding) or (
        isinstance(layer, _WINDOWS) and any(2 * p > k for p, k in zip(new, kernel, strict=True))
    ):
        return None
    return new[0] if len(set(new)) == 1 else new


def _kept(layer: Any, size: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(-(-s // step) for s, step in zip(size, _each(layer.stride, len(size)), strict=True))


def _each(value: Any, count: int) -> tuple[int, ...]:
    return (
        tuple(int(v) for v in value)
        if isinstance(value, (tuple, list))
        else (0 if isinstance(value, str) else int(value),) * count
    )


def _ancestors(step: Step | None) -> Iterator[Step]:
    seen, waiting = set[int](), [step] if step else []
    while waiting:
        following = waiting.pop()
        if id(following) not in seen:
            seen.add(id(following))
            yield following
            waiting.extend(reversed(following.parents))
