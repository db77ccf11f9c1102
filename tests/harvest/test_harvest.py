from collections.abc import Callable
from pathlib import Path

import pytest
from identify.vendor.licenses import LICENSES

from gi.core.errors import HarvestError
from gi.harvest import Harvest, Repository, harvest, harvest_all, programs, repositories

Write = Callable[..., Path]
NET = "import torch.nn as nn\n\nlayer = nn.Conv2d(3, 8, 3)\n"
MIT = dict(LICENSES)["MIT"]


def paths(found: Harvest) -> list[str]:
    return [program.origin.path for program in found.programs]


def test_a_folder_gives_its_files_in_stable_order(write: Write, tmp_path: Path) -> None:
    folder = write("one", {"b.py": NET, "a/c.py": NET, "a.py": NET, "notes.txt": "torch"})
    found = harvest(str(folder), cache=tmp_path)
    assert paths(found) == ["a.py", "a/c.py", "b.py"]
    assert (found.repository, found.commit) == (str(folder), "")
    assert harvest(str(folder), cache=tmp_path) == found


@pytest.mark.parametrize(
    ("text", "is_program"),
    [
        ("import torch\n", True),
        ("from torchvision import transforms\n", True),
        ("# needs torch, brought by the caller\nnet = nn.ReLU()\n", True),
        ("from .layers import Block  # from pytorch-cifar\n", False),
        ("import numpy\n", False),
        ("", False),
    ],
)
def test_a_program_is_a_python_file_that_mentions_torch(
    write: Write, tmp_path: Path, text: str, is_program: bool
) -> None:
    folder = write("one", {"always.py": NET, "file.py": text})
    found = harvest(str(folder), cache=tmp_path)
    assert ("file.py" in paths(found)) == is_program
    assert ("file.py" in [other.origin.path for other in found.others]) != is_program


def test_environments_caches_and_hidden_folders_are_left_out(write: Write, tmp_path: Path) -> None:
    strange = ("env/lib/x.py", ".hidden/x.py", "__pycache__/x.py", "lib/site-packages/x.py", "node_modules/x.py")
    folder = write("one", {"net.py": NET, "env/pyvenv.cfg": "", **dict.fromkeys(strange, NET)})
    assert paths(harvest(str(folder), cache=tmp_path)) == ["net.py"]


def test_encodings_are_read_as_python_reads_them_and_others_refused(write: Write, tmp_path: Path) -> None:
    latin = "# coding: latin-1\nimport torch  # größer\n"
    files: dict[str, str | bytes] = {
        "latin.py": latin.encode("latin-1"),
        "mark.py": b"\xef\xbb\xbfimport torch\n",
        "wrong.py": "import torch  # größer\n".encode("latin-1"),
        "odd.py": b"# coding: klingon\nimport torch\n",
    }
    found = harvest(str(write("one", files)), cache=tmp_path)
    assert [program.text for program in found.programs] == [latin, "import torch\n"]
    assert [refusal.path for refusal in found.refused] == ["odd.py", "wrong.py"]
    assert all(refusal.reason.startswith("not decodable: ") for refusal in found.refused)


def test_links_are_refused_inside_and_outside_of_the_folder(write: Write, tmp_path: Path) -> None:
    outside = write("outside", {"secret.py": NET})
    folder = write("one", {"net.py": NET})
    (folder / "linked").symlink_to(outside, target_is_directory=True)
    (folder / "link.py").symlink_to(outside / "secret.py")
    (folder / "dead.py").symlink_to(folder / "nothing.py")
    found = harvest(str(folder), cache=tmp_path)
    assert paths(found) == ["net.py"]
    assert [(refusal.path, refusal.reason) for refusal in found.refused] == [
        ("dead.py", "symbolic link"),
        ("link.py", "symbolic link"),
    ]


def test_a_file_past_the_size_limit_is_refused(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "MAX_BYTES", 100)
    found = harvest(str(write("one", {"net.py": NET, "big.py": NET * 10})), cache=tmp_path)
    assert found.refused[0].reason == "larger than 100 bytes"


def test_a_file_that_vanishes_is_refused(write: Write, tmp_path: Path) -> None:
    folder = write("one", {"a.py": NET, "b.py": NET})
    found = harvest(str(folder), cache=tmp_path, on_progress=lambda *_: (folder / "b.py").unlink(missing_ok=True))
    assert paths(found) == ["a.py"]


def test_progress_is_told_file_by_file(write: Write, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    harvest(str(write("one", {"a.py": NET, "b.py": NET})), cache=tmp_path, on_progress=lambda *step: told.append(step))
    assert told == [("fetch", 0, 0), ("read", 1, 2), ("read", 2, 2)]


def test_an_installed_package_is_found_without_importing_it(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = write(
        "site",
        {
            "some_nets/__init__.py": "raise RuntimeError('imported')\n",
            "some_nets/net.py": NET,
            "some_nets-1.2.dist-info/METADATA": "Metadata-Version: 2.1\nName: some-nets\nVersion: 1.2\n",
            "some_nets-1.2.dist-info/RECORD": "some_nets/__init__.py,,\nsome_nets/net.py,,\n"
            "some_nets-1.2.dist-info/licenses/LICENSE,,\n",
            "some_nets-1.2.dist-info/licenses/LICENSE": MIT,
        },
    )
    monkeypatch.syspath_prepend(str(site))
    for name in ("some_nets", "some-nets"):
        found = harvest(name, cache=tmp_path)
        assert (found.repository, found.commit) == (f"{name}==1.2", "1.2")
        assert [(p.origin.path, p.origin.licence) for p in found.programs] == [("some_nets/net.py", "MIT")]


@pytest.mark.parametrize(
    ("stated", "licence"),
    [
        ("License-Expression: Apache-2.0 OR MIT", "Apache-2.0 OR MIT"),
        ("Classifier: License :: OSI Approved :: MIT License", "MIT"),
        ("Classifier: License :: OSI Approved :: BSD License", "unknown"),
        ("License: free as in beer", "unknown"),
    ],
)
def test_a_package_without_licence_files_has_the_licence_that_it_states(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stated: str, licence: str
) -> None:
    metadata = f"Metadata-Version: 2.4\nName: one-net\nVersion: 1\n{stated}\n"
    site = write("site", {"one_net.py": NET, "one_net-1.dist-info/METADATA": metadata})
    monkeypatch.syspath_prepend(str(site))
    found = harvest("one_net", cache=tmp_path)
    assert [(p.origin.path, p.origin.licence) for p in found.programs] == [("one_net.py", licence)]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("no-such-package", "'no-such-package' is no URL, no folder and no installed package: pass a git URL"),
        ("sys", "'sys' is no URL, no folder and no installed package"),
        ("os.path", "'os.path' is no URL, no folder and no installed package"),
        ("./no/such/folder", "'./no/such/folder' is no folder: pass a git URL"),
        ("", "'' is no folder"),
        ("ext::sh -c true", "is no URL, no folder and no installed package"),
        ("--upload-pack=true", "is no URL, no folder and no installed package"),
        ("click", "none of its .* Python files mentions torch"),
    ],
)
def test_refuses_what_is_no_source(tmp_path: Path, source: str, message: str) -> None:
    with pytest.raises(HarvestError, match=message):
        harvest(source, cache=tmp_path)


def test_refuses_a_file_an_empty_folder_and_a_commit_of_what_has_none(write: Write, tmp_path: Path) -> None:
    folder = write("one", {"net.py": NET})
    with pytest.raises(HarvestError, match="is a file: pass a git URL"):
        harvest(str(folder / "net.py"), cache=tmp_path)
    with pytest.raises(HarvestError, match="is no git repository and has no commits"):
        harvest(str(folder), commit="main", cache=tmp_path)
    with pytest.raises(HarvestError, match="installed package and has no commits"):
        harvest("torchvision", commit="main", cache=tmp_path)
    with pytest.raises(HarvestError, match="is empty to gi: it holds no Python files"):
        harvest(str(write("empty", {"README": "torch"})), cache=tmp_path)


def test_the_error_of_one_repository_keeps_no_other_from_its_turn(write: Write, tmp_path: Path) -> None:
    missing = Repository((tmp_path / "nothing").as_uri(), "1" * 40, "MIT", "to fail")
    good = Repository(str(write("one", {"net.py": NET})), "", "MIT", "to succeed")
    outcomes = [outcome for _, outcome in harvest_all((missing, good), cache=tmp_path / "cache")]
    assert isinstance(outcomes[0], HarvestError)
    assert isinstance(outcomes[1], Harvest)


def test_the_named_repositories_are_public_pinned_and_permissive() -> None:
    from gi.corpus.licences import PERMISSIVE

    named = repositories()
    assert len(named) >= 15
    assert len({repository.url for repository in named}) == len(named)
    for repository in named:
        assert repository.url.startswith("https://")
        assert len(repository.commit) == 40
        assert set(repository.commit) <= set("0123456789abcdef")
        assert repository.licence in PERMISSIVE
        assert repository.why


@pytest.mark.parametrize("text", ["", "[[repository]]\nurl = 'x'\n", "not toml", "[[repository]]\nlink = 'x'\n"])
def test_refuses_a_list_of_repositories_in_another_layout(write: Write, text: str) -> None:
    folder = write("one", {"list.toml": text})
    with pytest.raises(HarvestError, match="is no list of repositories"):
        repositories(folder / "list.toml")


def test_files_of_more_lines_than_anybody_writes_are_refused(write: Write, tmp_path: Path) -> None:
    lines = programs.MAX_LINES - NET.count("\n")
    folder = write("one", {"long.py": NET + "a\n" * lines, "most.py": NET + "a\n" * (lines - 1)})
    found = harvest(str(folder), cache=tmp_path)
    assert paths(found) == ["most.py"]
    assert [(refusal.path, refusal.reason) for refusal in found.refused] == [("long.py", "longer than 20,000 lines")]
