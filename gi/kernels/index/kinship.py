"""Children and parents of a kernel, computed from segments: no edges are stored."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gi.core.errors import WeightsError
from gi.kernels.records import Ints

_NONE = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class _Runs:
    """The segments of one layer as columns, so that one comparison covers all of them."""

    other: Ints
    start: Ints
    step: Ints
    length: Ints
    other_start: Ints
    other_step: Ints
    through: Ints


class Kinship:
    """The kinship of one index; `layers` and `segments` are columns by name, as int64."""

    def __init__(self, layers: Mapping[str, Ints], segments: Mapping[str, Ints], num_kernels: int) -> None:
        self.base = layers["base"]
        self._num_kernels = num_kernels
        self._rows = layers["out_channels"]
        self._width = layers["in_channels"] // np.maximum(layers["groups"], 1)
        self._group_rows = layers["out_channels"] // np.maximum(layers["groups"], 1)
        self._segments = segments
        self._below: dict[int, _Runs] = {}
        self._above: dict[int, _Runs] = {}
        self._by_layer = _grouped(segments["layer"], len(self.base))
        self._by_source = _grouped(segments["source"], len(self.base))

    def layer_of(self, kernel: int) -> int:
        """The layer of a kernel id. Raises `WeightsError` for an unknown id."""
        if not self._num_kernels:
            raise WeightsError("the index holds no kernels: add networks by `gi index build`.")
        if not 0 <= kernel < self._num_kernels:
            raise WeightsError(f"kernel {kernel} is not in the index: ids run from 0 to {self._num_kernels - 1}.")
        # The ids of a layer are consecutive, so its base is the last one at or below the kernel's id.
        return int(np.searchsorted(self.base, kernel, side="right")) - 1

    def channels(self, kernel: int) -> tuple[int, int, int]:
        """The layer, the output channel and the input channel (of the whole layer) of a kernel id."""
        layer = self.layer_of(kernel)
        width = int(self._width[layer])
        out, inside = divmod(kernel - int(self.base[layer]), width)
        # A row of a grouped layer holds in / groups kernels: its group determines which channels of the whole
        # layer they read.
        return layer, out, out // int(self._group_rows[layer]) * width + inside

    def children(self, kernel: int, *, through: bool = True) -> Ints:
        """The ids of the kernels whose output channel is this kernel's input channel."""
        layer, _, channel = self.channels(kernel)
        feeding = self.sources(layer, channel, through=through)
        return _joined([self._row(source, out) for source, out in feeding])

    def parents(self, kernel: int, *, through: bool = True) -> Ints:
        """The ids of the kernels whose input channel is this kernel's output channel."""
        layer, out, _ = self.channels(kernel)
        fed = self.consumers(layer, out, through=through)
        return _joined([self._column(consumer, channel) for consumer, channel in fed])

    def sources(self, layer: int, channel: int, *, through: bool = True) -> list[tuple[int, int]]:
        """The (layer, output channel) pairs that feed an input channel of a layer."""
        if layer not in self._below:
            self._below[layer] = self._runs(self._by_layer, layer, "source", ("start", "step"))
        return _matches(self._below[layer], channel, through)

    def consumers(self, layer: int, channel: int, *, through: bool = True) -> list[tuple[int, int]]:
        """The (layer, input channel) pairs that an output channel of a layer feeds."""
        if layer not in self._above:
            self._above[layer] = self._runs(self._by_source, layer, "layer", ("source_start", "stride"))
        return _matches(self._above[layer], channel, through)

    def _runs(self, grouped: tuple[Ints, Ints], layer: int, other: str, ours: tuple[str, str]) -> _Runs:
        order, bounds = grouped
        rows = order[bounds[layer] : bounds[layer + 1]]
        theirs = ("source_start", "stride") if ours[0] == "start" else ("start", "step")
        names = (other, *ours, "length", *theirs, "through")
        return _Runs(*(self._segments[name][rows] for name in names))

    def _row(self, layer: int, out: int) -> Ints:
        """The kernels that make one output channel of a layer."""
        start = int(self.base[layer]) + out * int(self._width[layer])
        return np.arange(start, start + int(self._width[layer]))

    def _column(self, layer: int, channel: int) -> Ints:
        """The kernels that read one input channel of a layer."""
        width, rows = int(self._width[layer]), int(self._group_rows[layer])
        group, inside = divmod(channel, width)
        start = int(self.base[layer]) + group * rows * width + inside
        return np.arange(start, start + rows * width, width)


def _matches(runs: _Runs, channel: int, through: bool) -> list[tuple[int, int]]:
    """The other side's (layer, channel) for each place of the runs with this channel."""
    ahead = channel - runs.start
    # With step 0 all places of a run have one channel: 1 keeps the division defined, and the loop below handles
    # that case.
    moving = np.maximum(np.abs(runs.step), 1) * np.where(runs.step < 0, -1, 1)
    place, rest = np.divmod(ahead, moving)
    hit = (rest == 0) & (place >= 0) & (place < runs.length)
    if not through:
        hit &= runs.through == 0
    # An ordered set: several runs may have the same pair.
    matches: dict[tuple[int, int], None] = {}
    for run in np.flatnonzero(hit):
        other, start, step = int(runs.other[run]), int(runs.other_start[run]), int(runs.other_step[run])
        places = range(int(runs.length[run])) if runs.step[run] == 0 else (int(place[run]),)
        if runs.step[run] == 0 and ahead[run]:
            continue
        matches.update(dict.fromkeys((other, start + step * at) for at in places))
    return list(matches)


def _grouped(keys: Ints, count: int) -> tuple[Ints, Ints]:
    """The rows sorted by key, and bounds: the rows of key k are `order[bounds[k]:bounds[k + 1]]`."""
    order = np.argsort(keys, kind="stable")
    return order, np.searchsorted(keys[order], np.arange(count + 1))


def _joined(parts: list[Ints]) -> Ints:
    if not parts:
        return _NONE
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
