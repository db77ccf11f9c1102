import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from safetensors.torch import save_file

from gi.core.errors import RunError
from gi.core.types import Task
from gi.export.conversion import TOLERANCE, convert
from gi.export.formats import SUFFIXES, converted
from gi.export.weights_file import DTYPES, read_weights
from gi.trace.program.candidate import build, load
from tests.small_run import SMALL, write_weights
from tests.stand_ins import OPEN

KINDS = list(SUFFIXES)
CONFIG = json.dumps({"classes": ["a", "b"], "mean": [7.5]})
CONV = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 10)

    def forward(self, x):
        return self.head(torch.relu(self.norm(self.conv(x))).mean((2, 3)))
"""


def reasons(tmp_path, text, kinds=KINDS):
    write_weights(tmp_path / "net.pt", text)
    (tmp_path / "out").mkdir()
    return convert(text, str(tmp_path / "net.pt"), [1, 8, 8], "Net", str(tmp_path / "out"), kinds, CONFIG)


def test_every_format_gives_the_outputs_of_the_network(tmp_path):
    assert reasons(tmp_path, CONV) == dict.fromkeys(KINDS, "")
    net = build(load(CONV)).eval()
    net.load_state_dict(read_weights(str(tmp_path / "out" / "weights")))
    with (tmp_path / "out" / "pt2").open("rb") as file:
        pt2 = torch.export.load(file).module()
    session = onnxruntime.InferenceSession(tmp_path / "out" / "onnx", providers=["CPUExecutionProvider"])
    for n in (1, 2, 9):
        images = torch.randn(n, 1, 8, 8)
        with torch.no_grad():
            expected = net(images)
            assert torch.allclose(pt2(images), expected, atol=TOLERANCE)
        (logits,) = session.run(["logits"], {"images": images.numpy()})
        assert np.allclose(logits, expected.numpy(), atol=TOLERANCE)


def test_whole_networks_carry_what_their_outputs_mean(tmp_path):
    reasons(tmp_path, SMALL, ["onnx", "pt2"])
    props = {p.key: json.loads(p.value) for p in onnx.load(tmp_path / "out" / "onnx").metadata_props}
    assert props == json.loads(CONFIG)
    kept = {"config.json": ""}
    with (tmp_path / "out" / "pt2").open("rb") as file:
        torch.export.load(file, extra_files=kept)
    assert json.loads(kept["config.json"]) == json.loads(CONFIG)


@pytest.mark.parametrize(
    ("line", "kinds", "said"),
    [
        ("self.drawn = torch.randn(10)", KINDS, "its state dict does not hold all that its outputs depend on"),
        ("self.drawn = torch.nn.Parameter(torch.ones(9))", KINDS, "RuntimeError: The size of tensor"),
        ("raise KeyError('x')", KINDS, "build: KeyError"),
    ],
)
def test_a_network_that_no_file_holds_is_refused_with_the_reason(tmp_path, line, kinds, said):
    text = SMALL.replace("        self.layers =", f"        {line}\n        self.layers =")
    text = text.replace("self.layers(x)", "self.layers(x) + self.drawn")
    (tmp_path / "out").mkdir()
    state = write_weights(tmp_path / "net.pt", SMALL)
    if "Parameter" in line:
        torch.save({**state, "drawn": torch.ones(9)}, tmp_path / "net.pt")
    found = convert(text, str(tmp_path / "net.pt"), [1, 8, 8], "Net", str(tmp_path / "out"), kinds, CONFIG)
    assert all(reason.startswith(said) for reason in found.values()), found
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(
    ("forward", "said"),
    [
        ("self.layers(x) + torch.rand(10)", "it draws random numbers for its outputs, also in evaluation mode"),
        ("self.layers(x) + len(x)", "read back, its outputs differ by"),
    ],
)
def test_onnx_is_refused_where_it_computes_something_else(tmp_path, forward, said):
    found = reasons(tmp_path, SMALL.replace("self.layers(x)", forward), ["weights", "onnx"])
    assert found["weights"] == ""
    assert found["onnx"].startswith(said)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["weights"]


def test_weights_are_a_file_of_tensors_alone(tmp_path):
    (tmp_path / "out").mkdir()
    state = write_weights(tmp_path / "net.pt", SMALL)
    torch.save({**state, "note": "x"}, tmp_path / "net.pt")
    found = convert(SMALL, str(tmp_path / "net.pt"), [1, 8, 8], "Net", str(tmp_path / "out"), ["weights"], CONFIG)
    assert found["weights"].startswith("its state dict holds more than tensors: note")


def test_a_reader_of_torch_alone_reads_what_the_library_writes(tmp_path):
    tensors = {name: torch.arange(6).reshape(2, 3).to(dtype) for name, dtype in DTYPES.items()}
    tensors |= {"scalar": torch.tensor(3.5), "empty": torch.empty(0, 4)}
    save_file(tensors, tmp_path / "all.safetensors", metadata={"format": "pt"})
    found = read_weights(str(tmp_path / "all.safetensors"))
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensors[name]) and found[name].dtype == tensors[name].dtype for name in found)


def test_a_program_runs_only_in_a_confined_worker(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("x")
    text = f"open({str(secret)!r})\n" + SMALL
    write_weights(tmp_path / "net.pt", SMALL)
    with converted(text, tmp_path / "net.pt", Task((1, 8, 8), 10), KINDS, gate=OPEN) as network:
        assert network.kinds == ()
        with pytest.raises(RunError, match="cannot be written as safetensors: build: PermissionError"):
            network.refuse_missing()


def test_a_link_in_place_of_a_file_is_not_followed(tmp_path):
    write_weights(tmp_path / "net.pt", SMALL)
    with converted(SMALL, tmp_path / "net.pt", Task((1, 8, 8), 10), ["weights"]) as network:
        made = network._folder / "weights"
        made.unlink()
        made.symlink_to(tmp_path / "net.pt")
        with pytest.raises(OSError, match="symbolic link"):
            network.write("weights", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
