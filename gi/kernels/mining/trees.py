"""Convolution trees: the kernels that feed a parent, two or three layers deep, as counts of kernel classes.

All parents (o, i) of one layer with the same input channel i have the same children, so a tree is a *site*: a layer
and an input channel. Its features are the shares of the classes of the children, and for depth 3 of the children's
children, weighted by the kernels' norms.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gi.kernels.index.reader import Index
from gi.kernels.mining.classes import DEFAULT_K, NO_CLASS, KernelClasses, kernel_classes, minable_shapes
from gi.kernels.records import Floats, Ints, Layer

POINT = (1, 1)  # a 1x1 kernel is a number: its words are intervals of that number over its layer's root mean square
_STEPS = np.array([-1.5, -0.7, -0.2, 0.0, 0.2, 0.7, 1.5], np.float32)
_FEW = 16  # classes of the other shapes


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The words for counting kernels: the classes of each shape in turn, and intervals for 1x1."""

    classes: Mapping[tuple[int, ...], KernelClasses]

    @cached_property
    def places(self) -> dict[tuple[int, ...], int]:
        """The first word of each shape."""
        starts, size = {}, 0
        for shape, classes in self.classes.items():
            starts[shape], size = size, size + classes.k
        return {**starts, POINT: size}

    @cached_property
    def size(self) -> int:
        """The number of words."""
        return self.places[POINT] + len(_STEPS) + 1

    def words(self, kernels: Floats) -> Ints | None:
        """The word of each of the (n, *shape) kernels; None for a shape without classes."""
        shape = tuple(kernels.shape[1:])
        if shape == POINT:
            numbers = kernels.reshape(-1)
            scale = np.sqrt((numbers**2).mean()) + 1e-12
            return np.asarray(self.places[POINT] + np.searchsorted(_STEPS, numbers / scale))
        if shape not in self.classes:
            return None
        return self.places[shape] + np.maximum(self.classes[shape].labels(kernels), 0)  # zeros have weight 0

    def counts(self, kernels: Floats) -> Floats:
        """(size,): the share of each word among the (n, *shape) kernels, weighted by their norms."""
        counts: Floats = self.rows(kernels[None])[0]
        return counts

    def rows(self, weight: Floats) -> Floats:
        """(out, size): the same for each row of a weight (out, in, *shape); zeros for a shape without classes."""
        out, inside = weight.shape[:2]
        counts = np.zeros((out, self.size), np.float32)
        flat = np.asarray(weight, np.float32).reshape(out * inside, *weight.shape[2:])
        words = self.words(flat)
        if words is not None:
            norms = np.linalg.norm(flat.reshape(len(flat), -1), axis=1)
            np.add.at(counts, (np.repeat(np.arange(out), inside), words), norms)
        return np.asarray(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-12))


def vocabulary(index: Index, shape: tuple[int, ...], *, k: int = DEFAULT_K, seed: int = 0) -> Vocabulary:
    """The vocabulary for parents of `shape`: `k` classes of that shape, a few of every other."""
    others = [other for other in minable_shapes(index) if other != shape]
    classes = {shape: kernel_classes(index, shape, k=k, seed=seed)}
    return Vocabulary(classes | {other: kernel_classes(index, other, k=min(k, _FEW), seed=seed) for other in others})


@dataclass(frozen=True, eq=False)
class ParentPositions:
    """Trees with their parents.

    `features` (n, depth - 1 times the words), `parents` (n, k) the number of parents of each class at each site,
    `layers`, `channels` and `groups` (n,); sites of one group share a network or a layer's weights, so that they must
    not be split between training and testing.
    """

    features: Floats
    parents: Ints
    layers: Ints
    channels: Ints
    groups: Ints


class Forest:
    """The trees of an index, for one vocabulary."""

    def __init__(self, index: Index, words: Vocabulary) -> None:
        self._index, self._words = index, words
        self._rows: dict[int, Floats] = {}
        self._fed: dict[int, Floats] = {}

    def sites(self, shape: tuple[int, ...], *, depth: int, layers: Sequence[int] | None = None) -> ParentPositions:
        """The sites with children of all layers (or `layers`) with this shape; a copied layer counts once."""
        index = self._index
        chosen = [int(each) for each in (np.arange(index.layers.num_rows) if layers is None else layers)]
        candidates = [index.layer(each) for each in chosen]
        fit = [each for each in candidates if each.shape == shape and each.kind == "conv" and not each.copy]
        parts = [self._of_layer(layer, depth) for layer in fit]
        groups = network_groups(index)
        classes = self._words.classes[shape].k
        empty = np.zeros((0, (depth - 1) * self._words.size), np.float32), np.zeros((0, classes), np.int64), _NONE
        features, parents, channels = (np.concatenate(each) for each in zip(empty, *parts, strict=True))
        numbers = np.repeat([layer.id for layer in fit], [len(part[2]) for part in parts]).astype(np.int64)
        networks = index.column("layers", "network")[numbers] if len(numbers) else _NONE
        return ParentPositions(features, parents, numbers, channels, groups[networks])

    def features(self, layer: int, *, depth: int) -> Floats:
        """(in, (depth - 1) * words): the features of each input channel of a layer; zeros without children."""
        parts = [self._inputs(layer, self._own_rows)]
        if depth > 2:
            parts.append(self._inputs(layer, self._fed_rows))
        return np.concatenate(parts, axis=1)

    def _of_layer(self, layer: Layer, depth: int) -> tuple[Floats, Ints, Ints]:
        features = self.features(layer.id, depth=depth)
        channels = np.flatnonzero(features[:, : self._words.size].any(axis=1))
        return features[channels], self._parents(layer)[channels], channels

    def _parents(self, layer: Layer) -> Ints:
        """(in, k): the number of kernels of each class that read each input channel, without kernels of zeros."""
        classes = self._words.classes[layer.shape]
        weight = self._index.weight(layer.id)
        labels = classes.labels(weight.reshape(-1, *layer.shape)).reshape(weight.shape[:2])
        width, rows = weight.shape[1], layer.out_channels // layer.groups
        counts = np.zeros((layer.in_channels, classes.k), np.int64)
        for group in range(layer.groups):
            part = labels[group * rows : (group + 1) * rows].reshape(-1)
            there = part != NO_CLASS
            # Column j of a group's rows reads input channel group * width + j of the layer.
            np.add.at(counts, ((group * width + np.tile(np.arange(width), rows))[there], part[there]), 1)
        return counts

    def _inputs(self, layer: int, rows_of: Callable[[int], Floats]) -> Floats:
        """(in, words): the mean of the rows that feed each input channel."""
        channels = int(self._index.column("layers", "in_channels")[layer])
        means = np.zeros((channels, self._words.size), np.float32)
        for channel in range(channels):
            sources = self._index.kinship.sources(layer, channel)
            if sources:
                means[channel] = np.mean([rows_of(source)[out] for source, out in sources], axis=0)
        return means

    def _own_rows(self, layer: int) -> Floats:
        """(out, words) of a layer's own kernels."""
        if layer not in self._rows:
            self._rows[layer] = self._words.rows(self._index.weight(layer))
        return self._rows[layer]

    def _fed_rows(self, layer: int) -> Floats:
        """(out, words) of the kernels that feed a layer, weighted by the norms with which each output reads them."""
        if layer not in self._fed:
            weight = self._index.weight(layer)
            norms = np.sqrt((np.asarray(weight).reshape(*weight.shape[:2], -1) ** 2).sum(axis=2))
            below = self._inputs(layer, self._own_rows)
            groups = int(self._index.column("layers", "groups")[layer])
            parts = zip(np.split(norms, groups), np.split(below, groups), strict=True)
            fed = np.concatenate([norm @ part for norm, part in parts])
            self._fed[layer] = fed / np.maximum(fed.sum(axis=1, keepdims=True), 1e-12)
        return self._fed[layer]


def network_groups(index: Index) -> Ints:
    """A number for each network, the same for networks that share the weights of a layer."""
    networks, contents = index.column("layers", "network"), index.column("layers", "content")
    group = np.arange(max(1, index.networks.num_rows))
    first: dict[str, int] = {}
    for network, content in zip(networks, contents, strict=True):
        other = first.setdefault(content, int(network))
        # Renaming the higher number merges both groups, also after earlier merges.
        low, high = sorted((int(group[other]), int(group[network])))
        group[group == high] = low
    return group


_NONE = np.zeros(0, np.int64)
