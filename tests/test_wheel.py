"""What `pip install` puts on a machine."""

import subprocess
import sys
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

import gi

ROOT = Path(gi.__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=ROOT, check=True)
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as opened:
        yield opened


def test_a_wheel_holds_every_file_of_the_package(wheel):
    files = {path for path in (ROOT / "gi").rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert {str(path.relative_to(ROOT)) for path in files} <= set(wheel.namelist())


def test_a_wheel_holds_the_seed_programs_and_what_to_harvest(wheel):
    corpus = {path.relative_to(ROOT / "corpus") for path in (ROOT / "corpus").rglob("*") if path.is_file()}
    wanted = {f"gi/corpus/bundled/{path}" for path in corpus if path.suffix in (".py", ".toml")}
    assert len(wanted) > 10
    assert wanted <= set(wheel.namelist())


def test_a_wheel_holds_types_and_licences_and_nothing_else(wheel):
    names = set(wheel.namelist())
    assert "gi/py.typed" in names
    (licence,) = [name for name in names if name.endswith(".dist-info/licenses/LICENSE")]
    assert wheel.read(licence) == (ROOT / "LICENSE").read_bytes()
    assert {name.split("/")[0] for name in names} == {"gi", f"gi-{gi.__version__}.dist-info"}
    assert not [name for name in names if "__pycache__" in name or "test" in Path(name).parts]


def test_a_bare_install_goes_without_what_an_extra_names(wheel):
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    metadata = message_from_bytes(wheel.read(name))
    always = [need for need in metadata.get_all("Requires-Dist") if "extra ==" not in need]
    assert not [need for need in always if need.startswith(("plotly", "faiss", "mlflow", "ray", "pytest"))]
    assert {"index", "report", "dev"} <= set(metadata.get_all("Provides-Extra"))
    assert metadata["Requires-Python"] == ">=3.11"
