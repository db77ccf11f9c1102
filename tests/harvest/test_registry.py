"""Wheels of a registry: here a folder that pip is told to look in, so that pip itself runs without a network."""

import hashlib
import random
import zipfile
from pathlib import Path

import pytest
from identify.vendor.licenses import LICENSES

from gi.core.errors import HarvestError, UnreachableError
from gi.core.types import LineType
from gi.corpus import Corpus
from gi.harvest import harvest, wheel

NET = "import torch.nn as nn\n\nlayer = nn.Conv2d(3, 8, 3)\n"
METADATA = "Metadata-Version: 2.1\nName: nets\nVersion: 1.2\n"
SYMBOLIC_LINK = 0o120777 << 16
FILES = {"nets/a.py": NET, "nets/b/c.py": NET, "nets/notes.txt": "torch"}


def write_wheel(
    folder: Path,
    files: dict[str, str],
    *,
    metadata: str = METADATA,
    name: str = "nets",
    tag: str = "py3-none-any",
    licence: str = dict(LICENSES)["MIT"],
) -> Path:
    folder.mkdir(exist_ok=True)
    told = f"{name}-1.2.dist-info"
    entries = {
        **files,
        f"{told}/METADATA": metadata,
        f"{told}/WHEEL": f"Wheel-Version: 1.0\nTag: {tag}\n",
        f"{told}/licenses/LICENSE": licence,
    }
    path = folder / f"{name}-1.2-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name_inside, text in entries.items():
            archive.writestr(name_inside, text)
        archive.writestr(f"{told}/RECORD", "".join(f"{inside},,\n" for inside in (*entries, f"{told}/RECORD")))
    return path


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
    path = write_wheel(registry, FILES)
    first = harvest("pypi:nets==1.2", cache=tmp_path / "cache")
    path.unlink()
    assert harvest("pypi:Nets==1.2", cache=tmp_path / "cache").programs[0].text == first.programs[0].text
    assert not list((tmp_path / "cache" / "wheels").glob(".download-*"))


def test_paths_that_leave_the_wheel_links_and_files_of_lied_about_sizes_give_nothing(registry, tmp_path):
    path = write_wheel(registry, {**FILES, "../up.py": NET, "/top.py": NET, "nets/new\nline.py": NET})
    with zipfile.ZipFile(path, "a") as archive:
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
        ("pypi:nets==1.2#sha256=abc", "write pypi:NAME==VERSION"),
        ("pypi:nets==3", r"no wheel of version 3 that this Python takes; the latest it has are 1\.2"),
        ("pypi:nonesuch==3", "no package of that name"),
        ("pypi:built==1.2", "source distribution only, and building that would run its code"),
        ("pypi:other==1.2", "only as wheels for other systems or Python versions"),
        (f"pypi:nets==1.2#sha256={'0' * 64}", "is another file than the one asked for, and is not read"),
    ],
)
def test_says_what_is_wrong_with_a_package(registry, tmp_path, source, told):
    write_wheel(registry, FILES)
    write_wheel(registry, FILES, name="other", tag="cp39-cp39-win_amd64")
    (registry / "built-1.2.tar.gz").write_bytes(b"not opened")
    with pytest.raises(HarvestError, match=told) as caught:
        harvest(source, cache=tmp_path / "cache")
    assert not isinstance(caught.value, UnreachableError)
    assert not list(tmp_path.glob("cache/wheels/*"))


def test_a_registry_that_does_not_answer_is_told_from_one_that_lacks_the_package(tmp_path, monkeypatch):
    for name, value in {"CONFIG_FILE": "/dev/null", "FIND_LINKS": "", "NO_INDEX": "0", "RETRIES": "0"}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # the discard port: nobody listens there
    with pytest.raises(UnreachableError, match="the registry cannot be reached"):
        harvest("pypi:nets==1.2", cache=tmp_path / "cache")


def test_a_registry_that_is_too_slow_counts_as_not_reached(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(UnreachableError, match=r"did not arrive in 0 s"):
        harvest("pypi:nets==1.2", cache=tmp_path / "cache", download_limit_s=0.01)


def test_the_digest_that_is_asked_for_is_held_against_the_registry_and_the_cache(registry, tmp_path):
    path = write_wheel(registry, FILES)
    source = f"pypi:nets==1.2#sha256={hashlib.sha256(path.read_bytes()).hexdigest()}"
    assert harvest(source, cache=tmp_path / "cache").repository == "nets==1.2"
    kept = tmp_path / "cache" / "wheels" / "nets-1.2.whl"
    kept.write_bytes(kept.read_bytes() + b" ")
    with pytest.raises(HarvestError, match=r"has the sha256 .*, not .*: remove it and harvest again"):
        harvest(source, cache=tmp_path / "cache")


def test_an_archive_of_much_more_than_it_weighs_is_read_to_a_bound(registry, tmp_path, monkeypatch):
    monkeypatch.setattr(wheel, "MAX_UNPACKED_BYTES", 3_000)
    write_wheel(registry, {f"nets/{i}.py": NET + "#" * 1_000 for i in range(5)})
    found = harvest("pypi:nets==1.2", cache=tmp_path / "cache")
    assert len(found.programs) + len(found.refused) == 5
    assert {refusal.reason for refusal in found.refused} == {"not readable: the archive holds more than 3,000 bytes"}


def test_metadata_without_end_is_refused(registry, tmp_path, monkeypatch):
    monkeypatch.setattr(wheel, "_MAX_METADATA_BYTES", 1_000)
    write_wheel(registry, FILES, metadata=METADATA + "Keywords: " + "a" * 1_000)
    with pytest.raises(HarvestError, match=r"cannot be read .its metadata has more than 1,000 bytes"):
        harvest("pypi:nets==1.2", cache=tmp_path / "cache")


def test_a_wheel_whose_licence_nothing_tells_gives_lines_that_are_not_borrowed(registry, tmp_path):
    write_wheel(registry, FILES, licence="ask us")
    found = harvest("pypi:nets==1.2", cache=tmp_path / "cache")
    assert {program.origin.licence for program in found.programs} == {"unknown"}


def test_only_files_that_match_a_pattern_are_programs(registry, tmp_path):
    write_wheel(registry, FILES)
    found = harvest("pypi:nets==1.2", cache=tmp_path / "cache", files=("nets/b/*",))
    assert [p.origin.path for p in found.programs] == ["nets/b/c.py"]
    assert [p.origin.path for p in found.others] == ["nets/a.py"]


def test_a_package_has_no_commits(registry, tmp_path):
    with pytest.raises(HarvestError, match="has no commits"):
        harvest("pypi:nets==1.2", commit="0" * 40, cache=tmp_path)


def test_a_damaged_wheel_is_named(registry, tmp_path):
    kept = tmp_path / "cache" / "wheels" / "nets-1.2.whl"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"no archive")
    with pytest.raises(HarvestError, match=r"nets-1\.2\.whl cannot be read"):
        harvest("pypi:nets==1.2", cache=tmp_path / "cache")


def test_a_borrowed_line_of_a_wheel_names_package_and_version_and_finds_its_terms(registry, tmp_path):
    write_wheel(registry, FILES)
    with Corpus.create(tmp_path / "corpus.sqlite") as corpus:
        corpus.add(harvest("pypi:nets==1.2", cache=tmp_path / "cache"), workers=1, blocks=())
        line = corpus.sample(random.Random(0), LineType.CONNECTION)
        assert (line.origin.repository, line.origin.licence) == ("nets==1.2", "MIT")
        assert [file.text for file in corpus.terms(line.origin)] == [dict(LICENSES)["MIT"]]
