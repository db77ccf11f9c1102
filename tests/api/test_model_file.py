"""What a model file that does not run is told: words about the file, and advice that helps."""

import os
from pathlib import Path

import pytest

from gi.api.model_file import ModelFile, _why, seed_program
from gi.core.errors import ConfigError
from gi.core.trace import Stopped

NET = (
    "import torch\nfrom torch import nn\n\n\nclass Net(nn.Module):\n"
    "    def __init__(self, classes=10, aux_logits=True):\n"
    "        super().__init__()\n\n    def forward(self, x):\n        return x\n"
)
SCRIPT = NET + "\n\nweights = torch.load('weights.pt')\n"
REASONS = [
    (NET, Stopped("forward", "output is no tensor", 0, "the output is a tuple"), "(pass --arg aux_logits=False)"),
    (
        NET.replace("aux_logits=True", "width=8"),
        Stopped("forward", "output is no tensor", 0, "the output is a tuple"),
        "(let forward return one tensor, (n, classes))",
    ),
    (
        NET,
        Stopped("forward", "shape", 9, "RuntimeError: Tensor.item() cannot be called on meta tensors"),
        "Net does not run: what it does depends on the values of a tensor (",
    ),
    (
        SCRIPT,
        Stopped("build", "FileNotFoundError", 13, "FileNotFoundError: no weights.pt"),
        '(line 13 runs on import: put what the file runs behind `if __name__ == "__main__":`)',
    ),
    (
        NET,
        Stopped("build", "FileNotFoundError", 13, "FileNotFoundError: no weights.pt"),
        "(a model must not read files",
    ),
    (NET, Stopped("forward", "device", 9, "it asks for the device 'cuda' by name"), "(take the input's device"),
]


@pytest.mark.parametrize(("text", "stopped", "said"), REASONS)
def test_says_why_a_model_does_not_run(text, stopped, said):
    assert said in _why(ModelFile(Path("net.py"), text.encode(), text, "Net"), stopped)


@pytest.mark.parametrize("name", [b"m\xff.py", b"folder \xff/m.py"])
def test_a_path_that_is_no_utf8_is_refused_in_one_line(name):
    model = ModelFile(Path(os.fsdecode(name)), b"", "", "Net")
    with pytest.raises(ConfigError, match=r"\\udcff.*is no UTF-8: rename it\.$"):
        seed_program(model)
