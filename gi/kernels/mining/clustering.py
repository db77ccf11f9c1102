"""Clustering algorithms behind one Protocol, so that they can be compared."""

import importlib.util
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from gi.core.errors import WeightsError
from gi.kernels.records import Floats, Ints

_ITERATIONS = 25
_CHUNK = 1 << 16


@dataclass(frozen=True, eq=False)
class Clusters:
    """`centres` is (k, d); `inertia` the mean squared distance of a vector to its centre."""

    centres: Floats
    inertia: float


class Clusterer(Protocol):
    """Clusters vectors."""

    def __call__(self, vectors: Floats, k: int, *, seed: int) -> Clusters:
        """At most `k` clusters of the (n, d) vectors, each vector its own where there are at most `k`.

        Deterministic for a seed.
        """
        ...


def faiss_kmeans(vectors: Floats, k: int, *, seed: int) -> Clusters:
    """K-Means by faiss, with its defaults: it samples at most 256 vectors for each class."""
    import faiss

    if len(vectors) <= k:
        return _own_centres(vectors)
    means = faiss.Kmeans(vectors.shape[1], k, niter=_ITERATIONS, seed=seed % 2**31, min_points_per_centroid=1)
    means.train(np.ascontiguousarray(vectors, np.float32))
    return _clusters(np.asarray(means.centroids, np.float32), vectors)


def minibatch_kmeans(vectors: Floats, k: int, *, seed: int) -> Clusters:
    """K-Means on small batches by scikit-learn (Sculley 2010)."""
    from sklearn.cluster import MiniBatchKMeans

    means = MiniBatchKMeans(k, random_state=seed % 2**32, n_init=1, batch_size=4096, max_iter=_ITERATIONS)
    return _fitted(means, vectors, k)


def bisecting_kmeans(vectors: Floats, k: int, *, seed: int) -> Clusters:
    """Splits the cluster of largest inertia until there are `k` (scikit-learn's BisectingKMeans)."""
    from sklearn.cluster import BisectingKMeans

    return _fitted(BisectingKMeans(k, random_state=seed % 2**32, n_init=1, max_iter=_ITERATIONS), vectors, k)


CLUSTERERS: Mapping[str, Clusterer] = {
    "faiss": faiss_kmeans,
    "minibatch": minibatch_kmeans,
    "bisecting": bisecting_kmeans,
}


def clusterer(name: str = "") -> Clusterer:
    """The clusterer of this name; by default faiss where installed, else scikit-learn's."""
    has_faiss = importlib.util.find_spec("faiss") is not None
    chosen = name or ("faiss" if has_faiss else "minibatch")
    if chosen not in CLUSTERERS:
        raise WeightsError(f"unknown clusterer {chosen!r}: choose from {', '.join(CLUSTERERS)}.")
    if chosen == "faiss" and not has_faiss:
        raise WeightsError("the clusterer faiss is not installed: pip install faiss-cpu, or choose minibatch.")
    return CLUSTERERS[chosen]


def assigned(vectors: Floats, centres: Floats) -> tuple[Ints, Floats]:
    """The nearest centre of each vector, (n,), and the squared distance to it, (n,)."""
    labels, distances = np.empty(len(vectors), np.int64), np.empty(len(vectors), np.float32)
    squares = (centres**2).sum(axis=1)
    for start in range(0, len(vectors), _CHUNK):
        part = np.asarray(vectors[start : start + _CHUNK], np.float32)
        # Without the vectors' squared norms, which are the same for every centre.
        gaps = squares - 2 * part @ centres.T
        nearest = gaps.argmin(axis=1)
        labels[start : start + _CHUNK] = nearest
        distances[start : start + _CHUNK] = gaps[np.arange(len(part)), nearest] + (part**2).sum(axis=1)
    return labels, np.maximum(distances, 0)  # rounding may give negative values


def _fitted(means: Any, vectors: Floats, k: int) -> Clusters:
    if len(vectors) <= k:  # scikit-learn refuses fewer, and with exactly k its mini-batches miss some
        return _own_centres(vectors)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fewer distinct vectors than classes are allowed
        means.fit(vectors)
    return _clusters(np.asarray(means.cluster_centers_, np.float32), vectors)


def _own_centres(vectors: Floats) -> Clusters:
    return Clusters(np.array(vectors, np.float32), 0.0)


def _clusters(centres: Floats, vectors: Floats) -> Clusters:
    return Clusters(centres, float(assigned(vectors, centres)[1].mean()))
