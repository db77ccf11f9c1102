import numpy as np
import pytest

from gi.cli import run
from gi.core.errors import WeightsError
from gi.kernels.donors.donors import IMAGE
from gi.kernels.donors.from_index import donors, index_pack
from gi.kernels.donors.pack import read_pack
from tests.kernels.onnx_files import conv, index_of, model, node, trained


def test_layers_know_what_feeds_them(tmp_path):
    first, second = trained(8, 3, 3, 3, seed=1), trained(8, 8, 3, 3, seed=2)
    third = trained(4, 16, 1, 1, seed=3)
    nodes = [
        conv("a", "x", first, trained(8, seed=4), strides=[2, 2]),
        node("Relu", ["a"], "r"),
        conv("b", "r", second, pads=[1, 1, 1, 1]),
        node("Concat", ["b", "r"], "j", axis=1),
        conv("c", "j", third),
    ]
    index = index_of(tmp_path, model(nodes, {}))
    (found,) = donors(index)
    a, b, c = found.layers
    np.testing.assert_array_equal(a.weight, first)
    assert (a.sources, a.stride, a.bias.shape) == ({IMAGE}, (2, 2), (8,))
    assert b.sources == {a.id}
    assert c.sources == {a.id, b.id}
    assert c.inputs_from(b.id, np.arange(8)).tolist() == list(range(8))
    assert c.inputs_from(a.id, np.arange(8)).tolist() == list(range(8, 16))
    assert [reader.id for reader in found.consumers(a.id)] == [b.id, c.id]


def test_a_normalisation_comes_with_its_layer(tmp_path):
    statistics = {n: trained(8, seed=k) for k, n in enumerate(("scale", "shift", "mean"))}
    statistics["variance"] = np.full(8, 2.0, np.float32)
    nodes = [
        conv("a", "x", trained(8, 3, 3, 3)),
        node("BatchNormalization", ["a", *statistics], "n", epsilon=0.25),
    ]
    (found,) = donors(index_of(tmp_path, model(nodes, statistics)))
    norm = found.layers[0].norm
    np.testing.assert_array_equal(norm.scale, statistics["scale"])
    np.testing.assert_allclose(norm.factor, statistics["scale"] / 1.5)


def test_a_pack_is_written_once_for_the_same_networks(tmp_path):
    index = index_of(tmp_path, model([conv("a", "x", trained(8, 3, 3, 3))], {}))
    path = index_pack(index, tmp_path / "packs")
    written = path.stat().st_mtime_ns
    assert index_pack(index, tmp_path / "packs") == path
    assert path.stat().st_mtime_ns == written
    assert [each.name for each in read_pack(path)] == ["m0.onnx"]


def test_refuses_an_index_that_no_training_can_start_from(tmp_path):
    one_dimensional = model([conv("a", "x", trained(8, 3, 5))], {}, shape=(1, 3, 64))
    with pytest.raises(WeightsError, match="no network of the index"):
        index_pack(index_of(tmp_path, one_dimensional), tmp_path / "packs")


def test_evolve_refuses_a_folder_without_an_index(tmp_path, capsys):
    assert run(["evolve", "--index", str(tmp_path / "nothing"), "--out", str(tmp_path / "run")]) == 2
    assert "holds no index" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
