"""Kernel classes: the kernels of one shape clustered by direction; the centres are standard kernels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gi.core.errors import WeightsError
from gi.kernels.index.reader import Index
from gi.kernels.mining.clustering import Clusterer, assigned, clusterer
from gi.kernels.records import Floats, Ints, shape_name

DEFAULT_K = 64
_MOST_KERNELS = 1_000_000  # sampled for clustering; more do not move the centres
_LEAST_PER_CLASS = 4
_ZERO = 1e-12
NO_CLASS = -1


@dataclass(frozen=True, eq=False)
class KernelClasses:
    """The classes of one shape, the most frequent first.

    `centres` is (k, *shape), each of norm 1; `counts` (k,) are the numbers of sampled kernels and `scales` (k,) the
    medians of their norms; `inertia` is the mean squared distance of a unit kernel to its centre.
    """

    shape: tuple[int, ...]
    centres: Floats
    counts: Ints
    scales: Floats
    inertia: float

    @property
    def k(self) -> int:
        """The number of classes."""
        return len(self.centres)

    def labels(self, kernels: Floats) -> Ints:
        """The class of each of the (n, *shape) kernels, `NO_CLASS` for a kernel of zeros, which has no direction."""
        return self.nearest(kernels)[0]

    def nearest(self, kernels: Floats) -> tuple[Ints, Floats]:
        """The class of each kernel as in `labels`, and the squared distance of its direction to the centre."""
        unit = directions(kernels)
        labels, distances = assigned(unit, self.centres.reshape(self.k, -1))
        return np.where(unit.any(axis=1), labels, NO_CLASS), distances


def directions(kernels: Floats) -> Floats:
    """(n, d): each kernel flattened and of norm 1; a kernel of zeros stays zero."""
    flat = np.asarray(kernels, np.float32).reshape(len(kernels), -1)
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), _ZERO), np.float32)


def kernel_classes(
    index: Index, shape: tuple[int, ...], *, k: int = DEFAULT_K, seed: int = 0, divide: Clusterer | None = None
) -> KernelClasses:
    """The classes of all stored kernels of a shape. Raises `WeightsError` where there are none."""
    kernels = index.kernels(shape)
    if not len(kernels):
        raise WeightsError(f"the index has no kernels of shape {shape_name(shape)}: it has {_shapes(index)}.")
    return classes_of(kernels, k=k, seed=seed, divide=divide)


def classes_of(kernels: Floats, *, k: int = DEFAULT_K, seed: int = 0, divide: Clusterer | None = None) -> KernelClasses:
    """At most `k` classes of these (n, *shape) kernels, with at least four kernels for each on average."""
    if k < 1:
        raise WeightsError(f"the number of classes is {k}: it must be at least 1.")
    sample = np.asarray(_sample(kernels, seed), np.float32)
    norms = np.linalg.norm(sample.reshape(len(sample), -1), axis=1)
    sample, norms = sample[norms > _ZERO], norms[norms > _ZERO]
    if not len(sample):
        raise WeightsError("every kernel of this shape is zero: they make no classes.")
    clusters = (divide or clusterer())(directions(sample), max(1, min(k, len(sample) // _LEAST_PER_CLASS)), seed=seed)
    centres = directions(clusters.centres)  # the mean of unit vectors is shorter than 1
    labels = assigned(directions(sample), centres)[0]
    counts = np.bincount(labels, minlength=len(centres))
    order = np.argsort(-counts, kind="stable")
    order = order[counts[order] > 0]  # a clusterer may return an empty class
    scales = np.array([np.median(norms[labels == each]) for each in order], np.float32)
    shape = tuple(kernels.shape[1:])
    return KernelClasses(shape, centres[order].reshape(-1, *shape), counts[order], scales, clusters.inertia)


def minable_shapes(index: Index) -> Sequence[tuple[int, ...]]:
    """The 2-D kernel shapes of an index except 1x1, which has no direction; the most frequent first."""
    return [shape for shape in index.shapes if len(shape) == 2 and np.prod(shape) > 1]


def _sample(kernels: Floats, seed: int) -> Floats:
    if len(kernels) <= _MOST_KERNELS:
        return kernels
    rows = np.random.default_rng(seed).choice(len(kernels), _MOST_KERNELS, replace=False)
    return kernels[np.sort(rows)]  # ascending, so that the mapped file is read sequentially


def _shapes(index: Index) -> str:
    return ", ".join(map(shape_name, index.shapes)) or "none"
