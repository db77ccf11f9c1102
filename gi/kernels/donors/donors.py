"""Donors: networks of an index as chains of whole convolutions, each knowing which channels feed it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

IMAGE = -1  # the source of channels that come from the network's input
OPAQUE = -2  # the source of channels that come from an operator which nobody sees through


@dataclass(frozen=True, slots=True)
class Link:
    """Input channels `start` to `start + length` of a layer are the channels from `source_start` on of `source`.

    `source` is a layer's id, `IMAGE` or `OPAQUE`; each next input channel is `step` source channels further.
    """

    start: int
    length: int
    source: int
    source_start: int = 0
    step: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class DonorBatchNorm:
    """A BatchNormalization that follows a convolution: four (out,) arrays and the epsilon."""

    scale: Floats
    shift: Floats
    mean: Floats
    variance: Floats
    epsilon: float = 1e-5

    @property
    def factor(self) -> Floats:
        """What the normalisation multiplies each channel with, in evaluation."""
        return np.asarray(self.scale / np.sqrt(self.variance + self.epsilon), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class DonorLayer:
    """One convolution: `weight` is (out, in / groups, kh, kw), `links` say where its input channels come from."""

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
        """Whether each channel has a kernel of its own and nothing else."""
        return self.groups > 1 and self.weight.shape[1] == 1 and self.groups == self.width

    @cached_property
    def sources(self) -> frozenset[int]:
        """The ids of the layers that feed this one, `IMAGE` and `OPAQUE` included."""
        return frozenset(link.source for link in self.links)

    def inputs_from(self, source: int, channels: Ints) -> Ints:
        """The input channel of this layer that each of the source's `channels` arrives at, -1 where none."""
        position: dict[int, int] = {}
        for link in self.links:
            if link.source == source:
                for n in range(link.length):
                    # A channel that is read twice has one place: that of the first link.
                    position.setdefault(link.source_start + n * link.step, link.start + n)
        return np.array([position.get(int(channel), -1) for channel in channels], dtype=np.int64)

    def folded(self) -> tuple[Floats, Floats]:
        """Weight and bias of the convolution that alone does what it and its normalisation do in evaluation."""
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
        object.__setattr__(self, "by_id", {layer.id: layer for layer in self.layers})  # frozen for everybody else

    def consumers(self, id_: int) -> Iterator[DonorLayer]:
        """The layers that the layer `id_` feeds."""
        return (layer for layer in self.layers if id_ in layer.sources)


def chain(name: str, layers: Iterable[DonorLayer]) -> DonorNetwork:
    """A donor each of whose layers is fed by the whole of the one before; the first by the image."""
    linked: list[DonorLayer] = []
    for layer in layers:
        source = linked[-1].id if linked else IMAGE
        links = (Link(0, layer.num_inputs, source),)
        fields = {f: getattr(layer, f) for f in ("id", "name", "weight", "bias", "norm", "groups", "stride")}
        linked.append(DonorLayer(**fields, links=links))
    return DonorNetwork(name, tuple(linked))


def usable(donors: Sequence[DonorNetwork]) -> tuple[DonorNetwork, ...]:
    """The donors that have a layer fed by the image: without one no chain of theirs can start."""
    return tuple(d for d in donors if any(IMAGE in layer.sources for layer in d.layers))
