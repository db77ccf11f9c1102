"""torchvision imports whatever build of it stands beside torch."""

import subprocess
import sys
from importlib.machinery import ModuleSpec

import pytest

from gi.core.compat import allow_torchvision

IMPORT = """
import sys
from gi.core.compat import allow_torchvision
assert "torch" not in sys.modules
allow_torchvision()
import torchvision
from torchvision.transforms import v2
assert torchvision.models.resnet18 and v2.RandomCrop and torchvision.datasets.MNIST
"""


@pytest.mark.slow
def test_torchvision_imports_beside_this_torch() -> None:
    subprocess.run([sys.executable, "-c", IMPORT], check=True, env={"PYTHONPATH": ":".join(sys.path)}, timeout=120)


def test_leaves_an_imported_torchvision_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", sys)
    monkeypatch.delitem(sys.modules, "torchvision._meta_registrations", raising=False)
    allow_torchvision()
    assert "torchvision._meta_registrations" not in sys.modules


def test_leaves_descriptions_out_only_where_operators_are_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    spec = ModuleSpec("torchvision", None, origin=f"{tmp_path}/__init__.py")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: spec)
    for loads in (True, False):
        monkeypatch.setattr("gi.core.compat._operators_load", lambda package, loads=loads: loads)
        for name in ("torchvision", "torchvision._meta_registrations"):
            monkeypatch.delitem(sys.modules, name, raising=False)
        allow_torchvision()
        assert ("torchvision._meta_registrations" in sys.modules) is not loads
