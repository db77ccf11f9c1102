"""Programs with weights as sources: they are run in the confined worker only."""

import urllib.error

import numpy as np
import pytest

from gi.cli import run as run_gi
from gi.core.errors import WeightsError
from gi.jobs.index.programs import checkpoint_source, is_run, run_sources, torchvision_sources
from gi.kernels.index.build import build
from gi.kernels.index.reader import Index
from tests.kernels.onnx_files import trained

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
    assert len(index.kinship.children(index.layer(1).base)) == 1
    assert len(index.kinship.children(index.layer(2).base)) == 8
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
    import torchvision  # not before: gi.core.compat makes that possible beside any build of torch

    monkeypatch.setattr(torchvision.models, "get_model", fetch)
    built = build(sources, tmp_path / "index")
    assert [taken.source.name for taken in built.taken] == ["torchvision/resnet18", "torchvision/alexnet"]
    assert all("cannot be fetched (no route to host)" in taken.reason for taken in built.taken)
    assert capsys.readouterr().out == ""


@pytest.mark.slow
def test_the_networks_of_a_run_are_taken_with_their_weights(tmp_path, monkeypatch):
    import torch

    from tests import small_run

    dense = "            nn.Flatten(),\n            nn.Linear(64, 10),\n"
    layered = "            nn.Conv2d(1, 8, 3),\n            nn.Flatten(),\n            nn.Linear(288, 10),\n"
    monkeypatch.setattr(small_run, "SMALL", small_run.SMALL.replace(dense, layered))
    run = small_run.write_run(tmp_path / "run")
    weight = trained(8, 1, 3, 3)
    kept = {"layers.0.weight": torch.tensor(weight), "layers.0.bias": torch.zeros(8),
            "layers.2.weight": torch.zeros(10, 288), "layers.2.bias": torch.zeros(10)}  # fmt: skip
    (run / "weights").mkdir(exist_ok=True)
    torch.save(kept, run / "weights" / f"{small_run.SMALL_ID}.pt")
    for known in (False, True):
        (taken,) = build(run_sources(run, tmp_path), tmp_path / "index").taken
        assert (taken.source.name, taken.reason, taken.known) == ("run/5a110000", "", known)
    index = Index.open(tmp_path / "index")
    assert np.array_equal(index.weight(0), weight)
    assert (index.network(0).licence, index.network(0).origin) == ("own", f"{run}#{small_run.SMALL_ID}")


@pytest.mark.slow
def test_a_program_is_built_with_the_arguments_that_are_passed(tmp_path, capsys):
    import torch

    (tmp_path / "net.py").write_text(
        NET.replace("def __init__(self)", "def __init__(self, width)").replace("8", "width")
    )
    weights = {"layers.0.weight": torch.tensor(trained(6, 1, 3, 3)), "layers.0.bias": torch.zeros(6)}
    weights |= {f"layers.1.{name}": torch.ones(6) for name in ("weight", "bias", "running_mean", "running_var")}
    weights |= {"layers.1.num_batches_tracked": torch.tensor(1)}
    weights |= {"layers.3.weight": torch.tensor(trained(4, 6, 3, 3)), "layers.3.bias": torch.zeros(4)}
    weights |= {"last.weight": torch.tensor(trained(4, 4, 1, 1)), "last.bias": torch.zeros(4)}
    torch.save(weights, tmp_path / "net.pt")
    (cut,) = build(
        [checkpoint_source(NET, tmp_path / "net.pt", (1, 9, 9), "Net", tmp_path, name="n")], tmp_path / "i"
    ).taken
    assert 'Missing key(s) in state_dict: "head.weight"' in cut.reason
    torch.save(weights | {"head.weight": torch.ones(10, 4), "head.bias": torch.ones(10)}, tmp_path / "net.pt")
    given = [str(tmp_path / "net.pt"), "--model", str(tmp_path / "net.py"), "--index", str(tmp_path / "index")]
    assert run_gi(["index", "build", *given, "--input-shape", "1,9,9", "--arg", "width=6"]) == 0
    assert Index.open(tmp_path / "index").layer(0).out_channels == 6
    capsys.readouterr()
    assert run_gi(["index", "build", *given, "--input-shape", "1,9,9"]) == 2
    assert "--arg width=VALUE" in capsys.readouterr().err
