"""Wheels of a registry: here a folder that pip is told to look in, so that pip itself runs without a network."""

import zipfile
from pathlib import Path

import pytest
from identify.vendor.licenses import LICENSES

from gi.core.errors import HarvestError
from gi.harvest import harvest

NET = "import torch.nn as nn\n\nlayer = nn.Conv2d(3, 8, 3)\n"
METADATA = "Metadata-Version: 2.1\nName: nets\nVersion: 1.2\n"
SYMBOLIC_LINK = 0o120777 << 16
FILES = {"nets/a.py": NET, "nets/b/c.py": NET, "nets/notes.txt": "torch"}


def write_wheel(folder: Path, files: dict[str, str], *, metadata: str = METADATA, name: str = "nets") -> Path:
    folder.mkdir(exist_ok=True)
    told = f"{name}-1.2.dist-info"
    entries = {
        **files,
        f"{told}/METADATA": metadata,
        f"{told}/WHEEL": "Wheel-Version: 1.0\nTag: py3-none-any\n",
        f"{told}/licenses/LICENSE": dict(LICENSES)["MIT"],
    }
    wheel = folder / f"{name}-1.2-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in entries.items():
            archive.writestr(path, text)
        archive.writestr(f"{told}/RECORD", "".join(f"{path},,\n" for path in (*entries, f"{told}/RECORD")))
    return wheel


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """The folder that pip takes for its registry."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "registry"))
    return tmp_path / "registry"


def test_a_wheel_gives_its_files_under_its_name_version_and_licence(registry, tmp_path):
    write_wheel(registry, FILES)
    found = harvest("pypi:nets==1.2", cache=tmp_path / "cache")
    assert (found.repository, found.commit) == ("nets==1.2", "1.2")
    assert [(p.origin.path, p.origin.licence) for p in found.programs] == [("nets/a.py", "MIT"), ("nets/b/c.py", "MIT")]
    assert any(file.path.endswith("LICENSE") for file in found.licence_files)


def test_a_wheel_is_downloaded_once(registry, tmp_path):
    wheel = write_wheel(registry, FILES)
    first = harvest("pypi:nets==1.2", cache=tmp_path / "cache")
    wheel.unlink()
    assert harvest("pypi:Nets==1.2", cache=tmp_path / "cache").programs[0].text == first.programs[0].text
    assert not list((tmp_path / "cache" / "wheels").glob(".download-*"))


def test_paths_that_leave_the_wheel_links_and_files_of_lied_about_sizes_give_nothing(registry, tmp_path):
    wheel = write_wheel(registry, {**FILES, "../up.py": NET, "/top.py": NET, "nets/new\nline.py": NET})
    with zipfile.ZipFile(wheel, "a") as archive:
        link = zipfile.ZipInfo("nets/link.py")
        link.external_attr = SYMBOLIC_LINK
        archive.writestr(link, "/etc/passwd")
        archive.writestr("nets/large.py", "#" * 3_000_000, zipfile.ZIP_DEFLATED)
    found = harvest("pypi:nets==1.2", cache=tmp_path / "cache")
    assert [p.origin.path for p in found.programs] == ["nets/a.py", "nets/b/c.py"]
    assert {(r.path, r.reason.split(" ")[0]) for r in found.refused} == {
        ("nets/link.py", "symbolic"),
        ("nets/large.py", "larger"),
    }


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("pypi:nets", "write pypi:NAME==VERSION"),
        ("pypi:nets>=1", "write pypi:NAME==VERSION"),
        ("pypi:--help==1", "write pypi:NAME==VERSION"),
        ("pypi:nets==1; import os", "write pypi:NAME==VERSION"),
        ("pypi:nets==3", "no wheel of that version, or cannot be reached"),
    ],
)
def test_says_what_is_wrong_with_a_package(registry, tmp_path, source, told):
    write_wheel(registry, FILES)
    with pytest.raises(HarvestError, match=told):
        harvest(source, cache=tmp_path / "cache")


def test_a_package_has_no_commits(registry, tmp_path):
    with pytest.raises(HarvestError, match="has no commits"):
        harvest("pypi:nets==1.2", commit="0" * 40, cache=tmp_path)


def test_a_damaged_wheel_is_named(registry, tmp_path):
    kept = tmp_path / "cache" / "wheels" / "nets-1.2.whl"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"no archive")
    with pytest.raises(HarvestError, match=r"nets-1\.2\.whl cannot be read"):
        harvest("pypi:nets==1.2", cache=tmp_path / "cache")
