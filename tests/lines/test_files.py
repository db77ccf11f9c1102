"""Files seen inside their package."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from gi.core.errors import SourceError
from gi.lines import file_lines


@pytest.fixture
def package(tmp_path):
    files = {
        "pkg/__init__.py": "from .layers import Norm\n",
        "pkg/layers.py": "from torch import nn\nclass Norm(nn.LayerNorm): pass\n",
        "pkg/models/__init__.py": "from ..layers import Norm\nNorm(1)\n",
        "pkg/models/net.py": "from .. import Norm\nfrom ..layers import Norm as N\nNorm(1)\nN(2)\n",
        "script.py": "from pkg import Norm\nimport pkg.layers as layers\nNorm(1)\nlayers.Norm(2)\n",
        "bad.py": "x = (\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(("name", "calls"), [("pkg/models/net.py", 2), ("pkg/models/__init__.py", 1), ("script.py", 2)])
def test_follows_imports_inside_the_files_package(package, name, calls):
    symbols = [call.symbol for line in file_lines(package / name) for call in line.calls]
    assert symbols == ["pkg.layers.Norm"] * calls


def test_says_where_a_file_does_not_parse(package):
    with pytest.raises(SourceError, match=r"bad\.py:1:5: "):
        file_lines(package / "bad.py")


def test_says_which_file_cannot_be_read(package):
    with pytest.raises(SourceError, match=r"none\.py: cannot be read: No such file"):
        file_lines(package / "none.py")


def test_reads_every_model_of_the_installed_torchvision():
    root = Path(find_spec("torchvision").origin).parent
    lines = {path.stem: file_lines(path) for path in sorted((root / "models").glob("*.py"))}
    resnet = {call.symbol for line in lines["resnet"] for call in line.calls}
    assert {"torch.nn.Conv2d", "torch.nn.BatchNorm2d", "torch.nn.ReLU", "torch.flatten"} <= resnet
    assert "LayerNorm2d" in {call.symbol for line in lines["convnext"] for call in line.calls}
    assert sum(map(len, lines.values())) > 250
