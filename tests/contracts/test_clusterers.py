"""Each clusterer runs the one contract."""

import importlib.util

import pytest

from gi.kernels.mining.clustering import CLUSTERERS, bisecting_kmeans, faiss_kmeans, minibatch_kmeans
from tests.contracts.clusterer import ClustererContract


@pytest.mark.skipif(importlib.util.find_spec("faiss") is None, reason="faiss is not installed")
class TestFaiss(ClustererContract):
    cluster = staticmethod(lambda vectors, k, seed=1: faiss_kmeans(vectors, k, seed=seed))


class TestMinibatch(ClustererContract):
    cluster = staticmethod(lambda vectors, k, seed=1: minibatch_kmeans(vectors, k, seed=seed))


class TestBisecting(ClustererContract):
    cluster = staticmethod(lambda vectors, k, seed=1: bisecting_kmeans(vectors, k, seed=seed))


def test_every_clusterer_has_its_class_here():
    assert len(ClustererContract.__subclasses__()) == len(CLUSTERERS)
