import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from gi.cli import run
from gi.core.errors import ConfigError
from gi.core.types import Task
from gi.jobs.grow import ORIGINS, Settings, program
from gi.kernels.donors.from_index import donors
from gi.kernels.mining.cache import mine
from gi.kernels.seed.grow import Probe, grown, pooled, readout, sharpened
from tests.kernels.onnx_files import conv, index_of, model, node, trained


def stack(seed, *widths):
    nodes, channels, x = [], 3, "x"
    for n, width in enumerate(widths):
        nodes += [conv(f"c{n}", x, trained(width, channels, 3, 3, seed=seed + n)), node("Relu", [f"c{n}"], f"r{n}")]
        channels, x = width, f"r{n}"
    return model(nodes, {})


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return index_of(tmp_path_factory.mktemp("grow"), stack(10, 16, 16, 16), stack(20, 12, 16))


@pytest.fixture(scope="module")
def probe():
    """Two classes that differ by the direction of their stripes, which needs no more than one layer."""
    generator = torch.Generator().manual_seed(3)
    labels = torch.arange(120) % 2
    waves = torch.sin(torch.arange(16) * 1.5).expand(16, 16)
    images = torch.stack([waves if label else waves.T for label in labels])[:, None].repeat(1, 3, 1, 1)
    return Probe(images + 0.3 * torch.randn(images.shape, generator=generator), labels, 2, 80)


def test_layers_are_grown_from_the_bottom_up(index, probe):
    found, tally = grown(
        probe, list(donors(index)), mine(index, (3, 3), k=8), (8, 12), candidates=6, rng=np.random.default_rng(1)
    )
    assert [tuple(layer.weight.shape) for layer in found.layers] == [(8, 3, 3, 3), (12, 8, 3, 3)]
    assert found.layers[0].how == "childless set"
    assert {how for number, how, _ in tally.rows if number == 2} == {"drawn classes", "connected"}
    assert found.error == min(error for number, _, error in tally.rows if number == 2)
    assert found.error < 0.2


def test_the_same_stream_grows_the_same_network(index, probe):
    mined = mine(index, (3, 3), k=8)
    first, second = (
        grown(probe, list(donors(index)), mined, (4, 4), candidates=4, rng=np.random.default_rng(7))[0]
        for _ in range(2)
    )
    assert all(torch.equal(a.weight, b.weight) for a, b in zip(first.layers, second.layers, strict=True))


@pytest.mark.parametrize("num_train", [80, 12])
def test_the_readout_is_ridge_regression_in_either_form(probe, num_train):
    features = pooled(probe.images[:, :1, ::2, ::2])
    part = Probe(probe.images, probe.labels, 2, num_train)
    weight, _, error = readout(features, part)
    x = features[:num_train].double().numpy()
    centred = x - x.mean(axis=0)
    y = np.eye(2)[probe.labels[:num_train].numpy()]
    size = x.shape[1] if num_train > x.shape[1] else num_train
    gram = centred.T @ centred
    shrinkage = 0.1 * np.trace(gram) / size
    expected = np.linalg.solve(gram + shrinkage * np.eye(x.shape[1]), centred.T @ (y - y.mean(axis=0)))
    np.testing.assert_allclose(weight.numpy().T, expected, atol=2e-4)
    assert 0 <= error <= 1


def test_a_sharpened_readout_decides_alike_and_fits_better(probe):
    features = pooled(probe.images)
    weight, bias, _ = readout(features, probe)
    sharp, offset = sharpened(weight, bias, features, probe)
    held = features[probe.num_train :]
    plain, fitted = held @ weight.T + bias, held @ sharp.T + offset
    assert torch.equal(plain.argmax(1), fitted.argmax(1))
    labels = probe.labels[probe.num_train :]
    loss = torch.nn.functional.cross_entropy
    assert loss(fitted, labels) <= loss(plain, labels)


def test_the_program_pools_until_the_map_is_small():
    text = program(Task((3, 32, 32), 10), (8, 8, 8, 8))
    assert text.count("MaxPool2d") == 3
    assert "nn.Linear(128, 10)" in text


def test_refuses_widths_of_nothing(tmp_path):
    with pytest.raises(ConfigError, match="at least one channel"):
        Settings(dataset="digits", index=tmp_path, widths=())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-o", "model.pt"], "is no .py file"),
        (["--k", "5000"], "is not in the range"),
        (["--seed", "-1"], "is not in the range"),
        (["--widths", "3,x"], "are not numbers of channels"),
    ],
)
def test_a_mistake_is_one_line(options, said, index, capsys):
    assert run(["grow", "--dataset", "digits", "--index", str(index.folder), *options]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("way", "hows", "said"),
    [
        (["--widths", "6,8", "--layered"], {"childless set"}, "grown from the bottom up by gi"),
        (["--widths", "6,8"], {"chain"}, "grown from a connected part of a trained one by gi"),
        (["--widths", "6,8,8,8"], {"childless set"}, "grown from the bottom up by gi"),  # no donor has four layers
    ],
)
def test_a_grown_model_is_written_with_weights_beside_its_control(way, hows, said, index, tmp_path, capsys):
    out = tmp_path / "model.py"
    options = [*way, "--candidates", "4", "--probe-images", "200", "--images", "2000", "--k", "8"]
    assert run(["grow", "--dataset", "digits", "--index", str(index.folder), *options, "-o", str(out), "--json"]) == 0
    printed = capsys.readouterr()
    summary, *stages = printed.err.splitlines()  # stderr is no terminal here
    assert summary.startswith("gi: digits: 10 classes, 1151 training / ")
    told = [line.split()[1] for line in stages]
    assert told == ["searching", "training", "training", "writing"]
    answer = json.loads(printed.out)
    assert answer["control"]["steps"] > answer["grown"]["steps"]
    text = out.read_text()
    assert said in text
    assert f"from Kaiming      {answer['control']['test']:.2%}" in text
    how, network, layer, _ = answer["grown"]["layers"][0]
    assert how in hows
    assert f"#   convolution 1, 6 channels: {ORIGINS[how]} {network}, layer {layer}\n#     unknown, " in text
    weights = load_file(tmp_path / "model.safetensors")
    module = {}
    exec(compile(out.read_text(), "model.py", "exec"), module)
    module["Net"]().load_state_dict(weights)
    assert run(["grow", "--dataset", "digits", "--index", str(index.folder), "-o", str(out)]) == 2
