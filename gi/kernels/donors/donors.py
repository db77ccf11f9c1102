"""Donors: networks of an index as convolutions with the sources of their input channels."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

IMAGE = -1  # the source of channels that come from the network's input
OPAQUE = -2  # the source of channels from an operator that cannot be traced


@dataclass(frozen=True, slots=True)
class Link:
    """Input channels from `start` on, `length` of them, are the channels of `source` from `source_start` on.

    `source` is a layer's id, `IMAGE` or `OPAQUE`; consecutive input channels are `step` source channels apart.
    """

    start: int
    length: int
    source: int
    source_start: int = 0
    step: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class DonorBatchNorm:
    """A BatchNormalization after a convolution: four (out,) arrays and the epsilon."""

    scale: Floats
    shift: Floats
    mean: Floats
    variance: Floats
    epsilon: float = 1e-5

    @property
    def factor(self) -> Floats:
        """The factor of each channel in evaluation, (out,)."""
        return np.asarray(self.scale / np.sqrt(self.variance + self.epsilon), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class DonorLayer:
    """One convolution: `weight` is (out, in / groups, kh, kw), `links` are the sources of its input channels."""

    id: int
    name: str
    weight: Floats
    links: tuple[Link, ...]
    bias: Floats | None = None
    norm: DonorBatchNorm | None = None
    groups: int = 1
    stride: tuple[int, int] = (1, 1)

    @property
    def width(self) -> int:
        """The number of output channels."""
        return len(self.weight)

    @property
    def num_inputs(self) -> int:
        """The number of input channels over all groups."""
        return int(self.weight.shape[1]) * self.groups

    @property
    def depthwise(self) -> bool:
        """Whether each channel has exactly one kernel."""
        return self.groups > 1 and self.weight.shape[1] == 1 and self.groups == self.width

    @cached_property
    def sources(self) -> frozenset[int]:
        """The ids of the layers that feed this one, `IMAGE` and `OPAQUE` included."""
        return frozenset(link.source for link in self.links)

    def inputs_from(self, source: int, channels: Ints) -> Ints:
        """The input channel of this layer that each of the source's `channels` feeds, -1 for none."""
        position: dict[int, int] = {}
        for link in self.links:
            if link.source == source:
                for n in range(link.length):
                    # For a channel that is read twice, the first link counts.
                    position.setdefault(link.source_start + n * link.step, link.start + n)
        return np.array([position.get(int(channel), -1) for channel in channels], dtype=np.int64)

    def folded(self) -> tuple[Floats, Floats]:
        """Weight and bias of one convolution equal to the convolution with its normalisation in evaluation."""
        bias = np.zeros(self.width, np.float32) if self.bias is None else self.bias
        if self.norm is None:
            return self.weight, bias
        factor = self.norm.factor
        return self.weight * factor[:, None, None, None], (bias - self.norm.mean) * factor + self.norm.shift


@dataclass(frozen=True, eq=False)
class DonorNetwork:
    """One network of an index: its 2-D convolutions in order of execution."""

    name: str
    layers: tuple[DonorLayer, ...]
    licence: str = "unknown"
    by_id: dict[int, DonorLayer] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_id", {layer.id: layer for layer in self.layers})  # set once: the class is frozen

    def consumers(self, id_: int) -> Iterator[DonorLayer]:
        """The layers that the layer `id_` feeds."""
        return (layer for layer in self.layers if id_ in layer.sources)


def chain(name: str, layers: Iterable[DonorLayer]) -> DonorNetwork:
    """A donor whose layers are each fed by all channels of the previous one, the first by the image."""
    linked: list[DonorLayer] = []
    for layer in layers:
        source = linked[-1].id if linked else IMAGE
        links = (Link(0, layer.num_inputs, source),)
        fields = {f: getattr(layer, f) for f in ("id", "name", "weight", "bias", "norm", "groups", "stride")}
        linked.append(DonorLayer(**fields, links=links))
    return DonorNetwork(name, tuple(linked))


def usable(donors: Sequence[DonorNetwork]) -> tuple[DonorNetwork, ...]:
    """The donors with a layer fed by the image, where every chain starts."""
    return tuple(d for d in donors if any(IMAGE in layer.sources for layer in d.layers))
