"""Any torch network started from an index."""

import pytest
import torch
from torch import nn

import gi
from tests.kernels.onnx_files import conv, index_of, model, node, trained


@pytest.fixture
def index(tmp_path):
    first, second = trained(8, 3, 3, 3, seed=1), trained(8, 8, 3, 3, seed=2)
    nodes = [conv("a", "x", first, trained(8, seed=4)), node("Relu", ["a"], "r"), conv("b", "r", second)]
    return index_of(tmp_path, model(nodes, {}))


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.Flatten(), nn.LazyLinear(2))


def test_a_model_is_filled_in_place_from_an_index_or_its_folder(index):
    batch = torch.randn(32, 3, 16, 16)
    net = network()
    net(batch)
    before = net[0].weight.clone()
    rows = gi.seed_(net, index.folder, batch)
    assert {row.layer for row in rows} == {"0", "2"}
    assert {row.network for row in rows} == {"m0.onnx"}
    assert not torch.equal(net[0].weight, before)
    assert net.training
    assert net(batch).shape == (32, 2)
    assert gi.seed_(net, gi.Index.open(index.folder), batch) == rows


@pytest.mark.parametrize("batch", [torch.zeros(3, 16, 16), torch.zeros(4, 3, 16, 16, dtype=torch.uint8)])
def test_what_is_no_batch_of_images_is_refused(index, batch):
    with pytest.raises(gi.GiError, match=r"pass float images \(n, c, h, w\)"):
        gi.seed_(network(), index, batch)


def test_a_folder_without_an_index_is_refused(tmp_path):
    with pytest.raises(gi.GiError, match="nowhere"):
        gi.seed_(network(), tmp_path / "nowhere", torch.zeros(4, 3, 16, 16))
