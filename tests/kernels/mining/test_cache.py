import importlib.util

import numpy as np
import pytest

from gi.core.errors import WeightsError
from gi.kernels.mining.cache import held_out_scores, mine
from gi.kernels.mining.classes import classes_of, kernel_classes, minable_shapes
from gi.kernels.mining.classifier import Predictor, most_likely, sampled
from gi.kernels.mining.clustering import CLUSTERERS, clusterer
from gi.kernels.mining.trees import Forest, network_groups, vocabulary
from tests.kernels.onnx_files import conv, index_of, model, node, trained

RNG = np.random.default_rng(5)


def stack(seed, *widths):
    """A model of 3x3 convolutions, each fed by the one before through a ReLU."""
    nodes, channels, x = [], 3, "x"
    for n, width in enumerate(widths):
        nodes += [
            conv(f"c{n}", x, trained(width, channels, 3, 3, seed=seed + n)),
            node("Relu", [f"c{n}"], f"r{n}"),
        ]
        channels, x = width, f"r{n}"
    return model(nodes, {})


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mining")
    return index_of(folder, stack(10, 16, 16, 16), stack(20, 16, 16), stack(30, 16, 24))


def two_bundles(n=200):
    """Kernels along two directions, with a little noise."""
    axes = np.zeros((2, 3, 3), np.float32)
    axes[0, 0], axes[1, :, 2] = 1, -1
    picked = RNG.integers(2, size=n)
    return axes[picked] * RNG.uniform(0.5, 2, (n, 1, 1)) + RNG.normal(0, 0.02, (n, 3, 3)).astype(np.float32), picked


def test_classes_have_unit_centres_and_come_by_frequency():
    kernels, truth = two_bundles()
    found = classes_of(kernels, k=2, seed=1)
    np.testing.assert_allclose(np.linalg.norm(found.centres.reshape(2, -1), axis=1), 1, rtol=1e-5)
    assert found.counts.tolist() == sorted(np.bincount(truth).tolist(), reverse=True)
    assert 1 < found.scales.min() < found.scales.max() < 4


def test_zeros_belong_to_no_class():
    with pytest.raises(WeightsError, match="every kernel of this shape is zero"):
        classes_of(np.zeros((5, 3, 3), np.float32))


def test_refuses_an_unknown_clusterer():
    with pytest.raises(WeightsError, match="unknown clusterer 'dbscan': choose from faiss"):
        clusterer("dbscan")


def test_refuses_a_shape_that_is_not_there(index):
    with pytest.raises(WeightsError, match=r"no kernels of shape 7x7: it has 3x3"):
        kernel_classes(index, (7, 7))


def test_points_have_no_classes(index):
    assert minable_shapes(index) == [(3, 3)]


def test_a_sites_features_are_the_classes_of_its_children(index):
    words = vocabulary(index, (3, 3), k=8)
    sites = Forest(index, words).sites((3, 3), depth=2, layers=[1])
    assert sites.channels.tolist() == list(range(16))
    children = index.weight(0)[5]  # what makes channel 5, the input of the next layer
    np.testing.assert_allclose(sites.features[5], words.counts(np.array(children)), rtol=1e-5)
    labels = words.classes[3, 3].labels(np.array(index.weight(1)[:, 5]))
    assert sites.parents[5].tolist() == np.bincount(labels, minlength=8).tolist()


def test_a_site_of_depth_three_counts_the_childrens_children(index):
    words = vocabulary(index, (3, 3), k=8)
    forest = Forest(index, words)
    deep = forest.sites((3, 3), depth=3, layers=[2]).features[4, words.size :]
    weight = np.array(index.weight(1)[4])
    norms = np.linalg.norm(weight.reshape(16, -1), axis=1)
    expected = sum(norm * words.counts(np.array(index.weight(0)[j])) for j, norm in enumerate(norms)) / norms.sum()
    np.testing.assert_allclose(deep, expected, rtol=1e-4)
    assert not forest.sites((3, 3), depth=3, layers=[1]).features[4, words.size :].any()  # the image has no children


def test_what_reads_the_image_has_no_site(index):
    words = vocabulary(index, (3, 3), k=8)
    assert not len(Forest(index, words).sites((3, 3), depth=2, layers=[0]).layers)


def test_networks_with_a_layer_in_common_are_one_group(tmp_path):
    shared = index_of(tmp_path, stack(10, 8, 8), stack(40, 8, 8), stack(10, 8, 12))
    assert network_groups(shared).tolist() == [0, 1, 0]


def test_probabilities_sum_to_one_and_are_kept(index):
    found = mine(index, (3, 3), k=8)
    again = mine(index, (3, 3), k=8)
    first, second = (each.probabilities(index, 1, 3) for each in (found, again))
    assert first.sum() == pytest.approx(1, rel=1e-5)
    np.testing.assert_allclose(first, second, rtol=1e-5)
    assert list((index.folder / "mined").glob("*.npz"))
    own = found.probabilities_of(np.array(index.weight(0)[3]))
    np.testing.assert_allclose(own, first, rtol=1e-4)


def test_a_damaged_file_is_made_again(index):
    mine(index, (3, 3), k=4)
    for path in (index.folder / "mined").glob("*"):
        path.write_bytes(b"PK no")
    assert mine(index, (3, 3), k=4).classes.k == 4


def test_drawn_answers_differ_and_the_likeliest_do_not(index):
    mined = mine(index, (3, 3), k=8)
    probabilities = mined.probabilities(index, 1, 3)[None]
    drawn = sampled(mined.classes, probabilities, 50, np.random.default_rng(1))
    same = most_likely(mined.classes, probabilities, 50)
    assert drawn.shape == same.shape == (1, 50, 3, 3)
    assert len(np.unique(drawn[0, :, 0, 0])) > 2
    assert len(np.unique(same[0, :, 0, 0])) == 1


def test_draws_follow_the_probabilities():
    kernels, _ = two_bundles()
    classes = classes_of(kernels, k=2, seed=1)
    drawn = sampled(classes, np.array([[0.2, 0.8]], np.float32), 4000, np.random.default_rng(2))
    share = (classes.labels(drawn[0]) == 1).mean()
    assert share == pytest.approx(0.8, abs=0.03)


def test_a_class_never_seen_is_never_likely():
    never = Predictor(np.zeros((3, 2), np.float32), np.array([0.0, -20.0], np.float32))
    assert never.probabilities(np.ones((1, 3), np.float32))[0, 1] < 1e-6


def test_scores_are_of_networks_held_out(index):
    found = held_out_scores(index, (3, 3), k=8)
    assert found.networks == 3
    assert found.parents == 16 * 16 * 2 + 16 * 16 + 16 * 24
    assert 0 <= found.top1 <= found.top5 <= 1
    assert 0 < found.majority_top1 < 1


def test_refuses_a_depth_that_there_is_not(index):
    with pytest.raises(WeightsError, match="depth is 4"):
        mine(index, (3, 3), depth=4)


def test_refuses_to_learn_where_nothing_feeds_anything(tmp_path):
    alone = index_of(tmp_path, stack(1, 32))
    with pytest.raises(WeightsError, match="kernels of shape 3x3 is fed by another one"):
        mine(alone, (3, 3), k=4)


def test_refuses_to_score_one_network(tmp_path):
    single = index_of(tmp_path, stack(1, 16, 16))
    with pytest.raises(WeightsError, match="networks to hold out: the index has 1"):
        held_out_scores(single, (3, 3), k=4)


def test_zeros_are_no_parents(tmp_path):
    second = trained(16, 16, 3, 3, seed=3)
    second[:, 5] = 0
    nodes = [conv("a", "x", trained(16, 3, 3, 3, seed=1)), conv("b", "a", second)]
    words = vocabulary(found := index_of(tmp_path, model(nodes, {})), (3, 3), k=8)
    sites = Forest(found, words).sites((3, 3), depth=2)
    assert sites.parents.sum(axis=1).tolist() == [0 if channel == 5 else 16 for channel in range(16)]


def test_without_faiss_scikit_learn_clusters(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert clusterer() is CLUSTERERS["minibatch"]
    with pytest.raises(WeightsError, match="pip install faiss-cpu"):
        clusterer("faiss")


def test_refuses_children_of_a_shape_without_classes(index):
    with pytest.raises(WeightsError, match="of shape 9x9, of which the index has no classes: it has 3x3, 1x1"):
        mine(index, (3, 3), k=8).probabilities_of(np.ones((2, 9, 9), np.float32))
