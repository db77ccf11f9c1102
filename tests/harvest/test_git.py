import errno
from collections.abc import Callable
from pathlib import Path

import pytest
from identify.vendor.licenses import LICENSES

from gi.core.errors import HarvestError
from gi.harvest import git as git_source
from gi.harvest import harvest

Commit = Callable[..., Path]
Git = Callable[..., str]
Write = Callable[..., Path]
NET = "import torch.nn as nn\n\nlayer = nn.Conv2d(3, 8, 3)\n"
MIT = dict(LICENSES)["MIT"]
ISC = dict(LICENSES)["ISC"]


@pytest.fixture
def bare(run_git: Git) -> Commit:
    """A bare clone of a repository."""

    def _bare(folder: Path) -> Path:
        target = folder.with_suffix(".git")
        run_git(folder.parent, "clone", "--quiet", "--bare", str(folder), str(target))
        return target

    return _bare


@pytest.fixture
def second_commit(run_git: Git) -> Git:
    """Changes `net.py` in a repository and gives the new commit's hash."""

    def _second_commit(folder: Path) -> str:
        (folder / "net.py").write_text(NET + "other = nn.ReLU()\n")
        run_git(folder, "commit", "--quiet", "--all", "--message", "Go on")
        return run_git(folder, "rev-parse", "HEAD")

    return _second_commit


def test_a_url_gives_the_programs_of_its_head_with_commit_path_and_licence(
    commit: Commit, tmp_path: Path, bare: Commit, run_git: Git
) -> None:
    folder = commit("one", {"net.py": NET, "LICENSE": MIT, "setup.py": "print()\n"})
    url = bare(folder).as_uri()
    found = harvest(url, cache=tmp_path / "cache")
    (program,) = found.programs
    assert program.text == NET
    assert (program.origin.repository, program.origin.path, program.origin.licence) == (url, "net.py", "MIT")
    assert program.origin.commit == found.commit == run_git(folder, "rev-parse", "HEAD")
    assert [other.origin.path for other in found.others] == ["setup.py"]


@pytest.mark.parametrize("name", ["hash", "branch", "tag", "annotated"])
def test_an_older_commit_is_fetched_by_hash_branch_or_tag(
    commit: Commit, tmp_path: Path, name: str, bare: Commit, second_commit: Git, run_git: Git
) -> None:
    folder = commit("one", {"net.py": NET})
    first = run_git(folder, "rev-parse", "HEAD")
    run_git(folder, "branch", "branch")
    run_git(folder, "tag", "tag")
    run_git(folder, "tag", "--annotate", "--message", "marks it", "annotated")
    second_commit(folder)
    found = harvest(bare(folder).as_uri(), commit=first if name == "hash" else name, cache=tmp_path / "cache")
    assert found.commit == first
    assert found.programs[0].text == NET


def test_a_server_that_gives_no_single_commits_is_fetched_whole(
    commit: Commit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bare: Commit, second_commit: Git, run_git: Git
) -> None:
    folder = commit("one", {"net.py": NET})
    first = run_git(folder, "rev-parse", "HEAD")
    second_commit(folder)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "old").write_text("[protocol]\n\tversion = 0\n")  # that protocol sends only what a branch marks
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "old"))
    assert harvest(bare(folder).as_uri(), commit=first, cache=tmp_path / "cache").commit == first


def test_only_the_one_commit_is_fetched(
    commit: Commit, tmp_path: Path, bare: Commit, second_commit: Git, run_git: Git
) -> None:
    folder = commit("one", {"net.py": NET})
    second = second_commit(folder)
    harvest(bare(folder).as_uri(), cache=tmp_path / "cache")
    (cached,) = (tmp_path / "cache" / "repositories").glob("*/*.git")
    assert run_git(cached, "rev-list", "--count", second) == "1"


def test_a_commit_in_the_cache_needs_no_network(commit: Commit, tmp_path: Path, bare: Commit) -> None:
    folder = commit("one", {"net.py": NET})
    remote = bare(folder)
    first = harvest(remote.as_uri(), cache=tmp_path / "cache")
    remote.rename(tmp_path / "gone")
    assert harvest(remote.as_uri(), commit=first.commit, cache=tmp_path / "cache") == first


@pytest.mark.parametrize("of", ["working tree", "bare"])
def test_a_local_repository_gives_what_is_committed(commit: Commit, tmp_path: Path, of: str, bare: Commit) -> None:
    folder = commit("one", {"net.py": NET})
    source = folder if of == "working tree" else bare(folder)
    (folder / "net.py").write_text("import torch, something_not_committed\n")
    found = harvest(str(source), cache=tmp_path / "cache")
    assert found.repository == str(source)
    assert found.programs[0].text == NET
    assert not (tmp_path / "cache").exists()


def test_a_local_repository_gives_an_older_commit(commit: Commit, tmp_path: Path, second_commit: Git) -> None:
    folder = commit("one", {"net.py": NET})
    second_commit(folder)
    assert harvest(str(folder), commit="HEAD~1", cache=tmp_path).programs[0].text == NET


def test_links_are_refused_and_submodules_left_out(commit: Commit, tmp_path: Path, bare: Commit, run_git: Git) -> None:
    inner = commit("inner", {"inside.py": NET})
    folder = commit("outer", {"net.py": NET})
    (tmp_path / "secret.py").write_text(NET)
    (folder / "link.py").symlink_to(tmp_path / "secret.py")
    run_git(folder, "submodule", "--quiet", "add", str(inner), "sub")
    run_git(folder, "add", "--all")
    run_git(folder, "commit", "--quiet", "--message", "Link")
    found = harvest(bare(folder).as_uri(), cache=tmp_path / "cache")
    assert [program.origin.path for program in found.programs] == ["net.py"]
    assert [(refusal.path, refusal.reason) for refusal in found.refused] == [("link.py", "symbolic link")]


def test_nothing_of_a_repository_is_run(commit: Commit, tmp_path: Path, run_git: Git) -> None:
    folder = commit("one", {"net.py": NET, ".gitattributes": "*.py filter=trap\n"})
    trap = f"touch {tmp_path}/sprung"
    run_git(folder, "config", "filter.trap.smudge", trap)
    run_git(folder, "config", "core.fsmonitor", trap)
    for hook in ("post-checkout", "reference-transaction", "post-merge"):
        (folder / ".git" / "hooks" / hook).write_text(f"#!/bin/sh\n{trap}\n")
        (folder / ".git" / "hooks" / hook).chmod(0o755)
    harvest(str(folder), cache=tmp_path / "cache")
    harvest(folder.as_uri(), cache=tmp_path / "cache")
    assert not (tmp_path / "sprung").exists()


def test_two_repositories_of_one_name_do_not_meet_in_the_cache(commit: Commit, tmp_path: Path, bare: Commit) -> None:
    one = bare(commit("a/net", {"net.py": NET, "LICENSE": MIT}))
    two = bare(commit("b/net", {"net.py": NET, "LICENSE": ISC}))
    found = [harvest(folder.as_uri(), cache=tmp_path / "cache") for folder in (one, two)]
    assert [harvested.programs[0].origin.licence for harvested in found] == ["MIT", "ISC"]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://me:secret@example.org/a/b.git", "https://example.org/a/b"),
        ("https://example.org/a/b/", "https://example.org/a/b"),
        ("ssh://git@example.org/a/b.git", "ssh://git@example.org/a/b"),
        ("git@example.org:a/b.git", "git@example.org:a/b"),
        ("file:///a/b.git", "file:///a/b.git"),
    ],
)
def test_a_url_goes_on_record_without_credentials_and_in_one_spelling(url: str, name: str) -> None:
    assert git_source.public_name(url) == name


def test_an_unreachable_url_is_one_line_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(HarvestError, match=r"^https://127.0.0.1:9/x cannot be fetched: nothing answers") as caught:
        harvest("https://me:secret@127.0.0.1:9/x.git", cache=tmp_path)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_refuses_a_url_without_a_repository(tmp_path: Path) -> None:
    with pytest.raises(HarvestError, match=r"cannot be fetched: there is no git repository\.$"):
        harvest((tmp_path / "nothing").as_uri(), cache=tmp_path / "cache")


def test_refuses_a_commit_that_the_remote_lacks(commit: Commit, tmp_path: Path, bare: Commit) -> None:
    url = bare(commit("one", {"net.py": NET})).as_uri()
    with pytest.raises(HarvestError, match="holds no commit 1111111"):
        harvest(url, commit="1" * 40, cache=tmp_path / "cache")
    with pytest.raises(HarvestError, match="holds no branch or tag 'v9'"):
        harvest(url, commit="v9", cache=tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("repositories/*/*"))


def test_refuses_a_repository_without_commits(write: Commit, tmp_path: Path, run_git: Git) -> None:
    folder = write("one", {"net.py": NET})
    run_git(folder, "init", "--quiet")
    with pytest.raises(HarvestError, match="holds no commit yet"):
        harvest(str(folder), cache=tmp_path)
    with pytest.raises(HarvestError, match="holds no commit yet"):
        harvest(folder.as_uri(), cache=tmp_path / "cache")
    with pytest.raises(HarvestError, match="holds no commit 'v9'"):
        harvest(str(folder), commit="v9", cache=tmp_path)
    with pytest.raises(HarvestError, match="names no commit"):
        harvest(str(folder), commit="--all", cache=tmp_path)


def test_refuses_a_damaged_repository(write: Commit, tmp_path: Path) -> None:
    folder = write("one", {"net.py": NET, ".git": "not what git writes"})
    with pytest.raises(HarvestError, match="damaged git repository"):
        harvest(str(folder), cache=tmp_path)


def test_a_file_whose_object_is_missing_is_refused(commit: Commit, tmp_path: Path, run_git: Git) -> None:
    folder = commit("one", {"net.py": NET, "other.py": NET + "x = 1\n"})
    blob = run_git(folder, "rev-parse", "HEAD:other.py")
    (folder / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    found = harvest(str(folder), cache=tmp_path)
    assert [program.origin.path for program in found.programs] == ["net.py"]
    assert found.refused[0].reason == "not readable: the object is missing"


def test_refuses_a_cache_that_cannot_be_written(commit: Commit, tmp_path: Path) -> None:
    folder = commit("one", {"net.py": NET})
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(HarvestError, match=r"cache folder .* cannot be written: Not a directory"):
        harvest(folder.as_uri(), cache=tmp_path / "cache")


def test_a_full_disk_is_one_line(commit: Commit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(git_source, "_fetch", full)
    with pytest.raises(HarvestError, match="cannot be written: no space is left"):
        harvest(commit("one", {"net.py": NET}).as_uri(), cache=tmp_path / "cache")


def test_a_fetch_past_its_limit_is_stopped(commit: Commit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "slow-ssh"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setattr(git_source, "FETCH_LIMIT_S", 0.5)
    monkeypatch.setitem(git_source._QUIET, "GIT_SSH_COMMAND", str(slow))
    with pytest.raises(HarvestError, match="did not answer in time"):
        harvest("git@example.org:a/b.git", cache=tmp_path / "cache")


def test_a_partial_clone_fetches_nothing_behind_the_users_back(commit: Commit, tmp_path: Path, run_git: Git) -> None:
    whole = commit("one", {"net.py": NET, "other.py": NET + "x = 1\n"})
    run_git(whole, "config", "uploadpack.allowFilter", "true")
    partial = tmp_path / "partial"
    run_git(tmp_path, "clone", "--quiet", "--no-checkout", "--filter=blob:none", whole.as_uri(), str(partial))
    run_git(partial, "checkout", "--quiet", "HEAD", "--", "net.py")
    missing = run_git(partial, "rev-list", "--objects", "--missing=print", "HEAD")
    found = harvest(str(partial), cache=tmp_path / "cache")
    assert [program.origin.path for program in found.programs] == ["net.py"]
    assert [(refusal.path, refusal.reason) for refusal in found.refused] == [
        ("other.py", "not readable: the object is missing")
    ]
    assert run_git(partial, "rev-list", "--objects", "--missing=print", "HEAD") == missing
    assert "?" in missing
