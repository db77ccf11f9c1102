"""Kernel classes: the kernels of one shape, divided by direction into classes whose centres are standard kernels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gi.core.errors import WeightsError
from gi.kernels.index.reader import Index
from gi.kernels.mining.clustering import Clusterer, assigned, clusterer
from gi.kernels.records import Floats, Ints, shape_name

DEFAULT_K = 64
_MOST_KERNELS = 1_000_000  # that classes are made of; more do not move the centres
_LEAST_PER_CLASS = 4
_ZERO = 1e-12
NO_CLASS = -1


@dataclass(frozen=True, eq=False)
class KernelClasses:
    """The classes of one shape, the most frequent first.

    `centres` is (k, *shape), each of norm 1; `counts` (k,) says how many stored kernels each has and `scales` (k,) the
    median of their norms; `inertia` is the mean squared distance of a unit kernel to its centre.
    """

    shape: tuple[int, ...]
    centres: Floats
    counts: Ints
    scales: Floats
    inertia: float

    @property
    def k(self) -> int:
        """How many classes there are."""
        return len(self.centres)

    def labels(self, kernels: Floats) -> Ints:
        """The class of each of the (n, *shape) kernels, `NO_CLASS` for a kernel of zeros, which has no direction."""
        return self.nearest(kernels)[0]

    def nearest(self, kernels: Floats) -> tuple[Ints, Floats]:
        """The class of each kernel, as `labels`, and the squared distance of its direction to the centre."""
        unit = directions(kernels)
        labels, distances = assigned(unit, self.centres.reshape(self.k, -1))
        return np.where(unit.any(axis=1), labels, NO_CLASS), distances


def directions(kernels: Floats) -> Floats:
    """(n, d): each kernel flat and of norm 1; a kernel of zeros stays one."""
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
    """The classes of these (n, *shape) kernels; fewer than `k` where there are fewer than four kernels for each."""
    if k < 1:
        raise WeightsError(f"the number of classes is {k}: it must be at least 1.")
    sample = np.asarray(_sample(kernels, seed), np.float32)
    norms = np.linalg.norm(sample.reshape(len(sample), -1), axis=1)
    sample, norms = sample[norms > _ZERO], norms[norms > _ZERO]
    if not len(sample):
        raise WeightsError("every kernel of this shape is zero: they make no classes.")
    clusters = (divide or clusterer())(directions(sample), max(1, min(k, len(sample) // _LEAST_PER_CLASS)), seed=seed)
    centres = directions(clusters.centres)  # a mean of unit vectors is shorter than they are
    labels = assigned(directions(sample), centres)[0]
    counts = np.bincount(labels, minlength=len(centres))
    order = np.argsort(-counts, kind="stable")
    order = order[counts[order] > 0]  # a clusterer may leave a class without kernels
    scales = np.array([np.median(norms[labels == each]) for each in order], np.float32)
    shape = tuple(kernels.shape[1:])
    return KernelClasses(shape, centres[order].reshape(-1, *shape), counts[order], scales, clusters.inertia)


def minable_shapes(index: Index) -> Sequence[tuple[int, ...]]:
    """The 2-D kernel shapes of an index that have a direction, the most frequent first: 1x1 has none."""
    return [shape for shape in index.shapes if len(shape) == 2 and np.prod(shape) > 1]


def _sample(kernels: Floats, seed: int) -> Floats:
    if len(kernels) <= _MOST_KERNELS:
        return kernels
    rows = np.random.default_rng(seed).choice(len(kernels), _MOST_KERNELS, replace=False)
    return kernels[np.sort(rows)]  # ascending, so that the mapped file is read forwards


def _shapes(index: Index) -> str:
    return ", ".join(map(shape_name, index.shapes)) or "none"
