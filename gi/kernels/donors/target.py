"""The convolutions of a network that is to be seeded, as plain records without torch."""

from dataclasses import dataclass

import numpy as np

from gi.kernels.donors.donors import Ints

IMAGE_NUMBER = 0  # the network's input among the sources of a target layer


@dataclass(frozen=True, eq=False)
class TargetLayer:
    """One 2-D convolution of the target, `number` counting from 1 in order of execution.

    `shape` is (out, in / groups, kh, kw). `source_layers` and `source_channels` are (k, in): the up to k sources of
    each input channel, which is their sum, as the number of a layer, `IMAGE_NUMBER`, or -1 where unknown. `norm` is the
    name of the BatchNorm that follows, "" for none; `bias` is whether the layer has one.
    """

    number: int
    name: str
    shape: tuple[int, int, int, int]
    groups: int
    stride: tuple[int, int]
    source_layers: Ints
    source_channels: Ints
    norm: str = ""
    bias: bool = True

    @property
    def width(self) -> int:
        """The number of output channels."""
        return self.shape[0]

    @property
    def depthwise(self) -> bool:
        """Whether each channel has exactly one kernel."""
        return self.groups > 1 and self.shape[1] == 1 and self.groups == self.shape[0]

    @property
    def sources(self) -> tuple[int, ...]:
        """The numbers of the layers that feed it, in ascending order, with -1 for an unknown one."""
        return tuple(int(number) for number in np.unique(self.source_layers))


@dataclass(frozen=True)
class Target:
    """The network to fill: its convolutions, and the groups that share channels.

    `ties` maps each layer's number to the least number of its group: layers whose outputs are added, or that pass each
    other's channels on one by one. All of a group must get the same of a donor's channels.
    """

    layers: tuple[TargetLayer, ...]
    ties: dict[int, int]
    image_channels: int

    def consumers(self, number: int) -> tuple[TargetLayer, ...]:
        """The layers that the layer `number` feeds."""
        return tuple(layer for layer in self.layers if number in layer.sources)


def joined(numbers: range, pairs: list[tuple[int, int]]) -> dict[int, int]:
    """The least member of each number's group, where the two numbers of each pair are in one group."""
    root = {number: number for number in numbers}

    def find(number: int) -> int:
        while root[number] != number:
            number = root[number]
        return number

    for a, b in pairs:
        low, high = sorted((find(a), find(b)))
        root[high] = low  # so that a group is named by its least member
    return {number: find(number) for number in numbers}
