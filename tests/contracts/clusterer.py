"""What every clusterer keeps to."""

import numpy as np
import pytest

from gi.kernels.mining.clustering import assigned


def bundles(centres, n=200, noise=0.02, seed=5):
    """Vectors around these centres, and which of them each belongs to."""
    rng = np.random.default_rng(seed)
    picked = rng.integers(len(centres), size=n)
    return (centres[picked] + rng.normal(0, noise, (n, centres.shape[1]))).astype(np.float32), picked


class ClustererContract:
    """A clusterer's test inherits this and says in `cluster` which it is."""

    def cluster(self, vectors, k, *, seed=1):
        raise NotImplementedError

    def test_finds_bundles_that_lie_apart(self):
        vectors, truth = bundles(np.eye(9, dtype=np.float32)[:2])
        labels = assigned(vectors, self.cluster(vectors, 2).centres)[0]
        assert len(set(zip(labels.tolist(), truth.tolist(), strict=True))) == 2

    def test_centres_are_float32_rows_of_the_vectors_size(self):
        centres = self.cluster(bundles(np.eye(9, dtype=np.float32))[0], 5).centres
        assert (centres.shape, centres.dtype) == ((5, 9), np.float32)
        assert np.isfinite(centres).all()

    def test_inertia_is_the_mean_squared_distance_to_the_nearest_centre(self):
        vectors, _ = bundles(np.eye(4, dtype=np.float32), noise=0.2)
        clusters = self.cluster(vectors, 3)
        gaps = ((vectors[:, None] - clusters.centres[None]) ** 2).sum(axis=2).min(axis=1)
        assert clusters.inertia == pytest.approx(gaps.mean(), rel=1e-3)

    def test_the_same_seed_gives_the_same_centres(self):
        vectors, _ = bundles(np.eye(9, dtype=np.float32), noise=0.3)
        first, second = (self.cluster(vectors, 4, seed=7) for _ in range(2))
        assert np.array_equal(first.centres, second.centres)

    @pytest.mark.parametrize("seed", [0, 2**31, 2**40])
    def test_takes_any_seed(self, seed):
        assert len(self.cluster(bundles(np.eye(3, dtype=np.float32))[0], 2, seed=seed).centres) == 2

    @pytest.mark.parametrize("k", [4, 9])
    def test_vectors_no_more_than_classes_are_their_own_centres(self, k):
        clusters = self.cluster(np.eye(4, dtype=np.float32), k)
        assert (len(clusters.centres), clusters.inertia) == (4, pytest.approx(0, abs=1e-6))

    def test_equal_vectors_leave_finite_centres(self):
        assert np.isfinite(self.cluster(np.ones((20, 3), np.float32), 3).centres).all()

    def test_leaves_the_vectors_as_they_are(self):
        vectors, _ = bundles(np.eye(5, dtype=np.float32))
        before = vectors.copy()
        self.cluster(vectors, 3)
        assert np.array_equal(vectors, before)
