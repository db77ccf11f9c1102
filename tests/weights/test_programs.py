"""Programs with weights as sources: they are run in the confined worker only."""

import urllib.error

import numpy as np
import pytest

from gi.errors import WeightsError
from gi.weights.build import build
from gi.weights.index import Index
from gi.weights.programs import checkpoint_source, is_run, run_sources, torchvision_sources

NET = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 3))
        self.last = nn.Conv2d(4, 4, 1)
        self.head = nn.Linear(4, 10)

    def forward(self, x):
        x = nn.functional.adaptive_avg_pool2d(self.layers(x), 3)  # ONNX has none from 4 to 3
        return self.head(self.last(x).mean((2, 3)))
"""


@pytest.fixture(scope="module")
def state():
    """Weights of NET that look trained."""
    import torch

    torch.manual_seed(0)
    scope = {}
    exec(NET, scope)
    net = scope["Net"]()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randn_like(parameter) ** 3)
    return net.state_dict()


@pytest.mark.slow
@pytest.mark.parametrize(
    "wrap", [lambda s: s, lambda s: {"epoch": 3, "state_dict": {f"module.{k}": v for k, v in s.items()}}]
)
def test_a_checkpoint_with_its_program_is_taken(tmp_path, state, wrap):
    import torch

    torch.save(wrap(state), tmp_path / "net.pt")
    source = checkpoint_source(NET, tmp_path / "net.pt", (1, 8, 8), "Net", tmp_path, name="net.pt")
    built = build([source], tmp_path / "index")
    assert built.taken[0].reason == ""
    index = Index.open(tmp_path / "index")
    assert np.array_equal(index.weight(0), state["layers.0.weight"].numpy())
    assert np.array_equal(index.batchnorm(0)[0], state["layers.1.weight"].numpy())
    assert len(index.children(index.layer(1).base)) == 1
    assert len(index.children(index.layer(2).base)) == 8
    assert build([source], tmp_path / "index").taken[0].known


@pytest.mark.slow
def test_a_checkpoint_that_does_not_fit_is_a_reason(tmp_path, state):
    import torch

    torch.save({"weights": 3}, tmp_path / "net.pt")
    source = checkpoint_source(NET, tmp_path / "net.pt", (1, 8, 8), "Net", tmp_path, name="net.pt")
    assert "no state dict" in build([source], tmp_path / "index").taken[0].reason


def test_a_run_without_weights_says_what_to_do(tmp_path):
    from tests.small_run import write_run

    run = write_run(tmp_path / "run")
    assert is_run(run)
    assert not is_run(tmp_path)
    with pytest.raises(WeightsError, match="keeps no weights"):
        list(run_sources(run, tmp_path))


def test_refuses_a_name_that_torchvision_does_not_have(tmp_path):
    with pytest.raises(WeightsError, match="no network 'resnet19'"):
        list(torchvision_sources(["resnet19"], tmp_path))


def test_without_a_connection_each_of_torchvisions_networks_is_a_row(tmp_path, monkeypatch, capsys):
    def fetch(*_, **__):
        print("Downloading ...")  # noqa: T201 (as torch.hub does)
        raise urllib.error.URLError("no route to host")

    sources = list(torchvision_sources(["resnet18", "alexnet"], tmp_path))
    import torchvision  # not before: gi.compat makes that possible beside any build of torch

    monkeypatch.setattr(torchvision.models, "get_model", fetch)
    built = build(sources, tmp_path / "index")
    assert [taken.source.name for taken in built.taken] == ["torchvision/resnet18", "torchvision/alexnet"]
    assert all("cannot be fetched (no route to host)" in taken.reason for taken in built.taken)
    assert capsys.readouterr().out == ""
