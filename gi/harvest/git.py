"""A commit of a git repository as a source: fetched alone, read from the object database, never checked out.

Without a working tree, no hook, filter or submodule of a harvested repository can run.
"""

import errno
import hashlib
import os
import re
import tempfile
from pathlib import Path, PurePosixPath
from typing import Any

from gi.core.errors import HarvestError
from gi.core.quoting import shown
from gi.harvest.tree import Tree

try:
    import git
    from gitdb.exc import ODBError  # type: ignore[import-untyped]  # no annotations there
except ImportError as missing:  # GitPython refuses to be imported where the program `git` is missing
    raise HarvestError("git repositories need the program git: install it, or pass a folder.") from missing

FETCH_LIMIT_S = 900.0
_MAX_BLOB_BYTES = 16_000_000

# A prompt would wait for ever; blobs that a clone left out are not fetched behind the user's back.
_QUIET = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "SSH_ASKPASS": "",
    "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oConnectTimeout=20",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_NO_LAZY_FETCH": "1",
}
# `ext::` URLs run a command; a repository of another owner must not run hooks here.
_SETTINGS = {
    "core.hooksPath": os.devnull,
    "protocol.ext.allow": "never",
    "gc.auto": "0",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "30",
}
_HASH = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
# git's messages are for people and name its own options: the first pattern that matches gives ours.
_ANSWERS = (
    (r"No space left on device", "no space is left in the cache folder"),
    (r"Could not resolve host(?:name)?:? ?([\w.-]*)", "its host is not known here"),
    (r"terminal prompts disabled|Authentication failed|not found", "it does not exist or is private"),
    (r"does not appear to be a git repository|not a git repository", "there is no git repository"),
    (r"Permission denied|access denied", "access was refused"),
    (r"timed out|Timeout|too slow", "it did not answer in time"),
    (r"Connection refused|Failed to connect|unable to connect|Couldn't connect", "nothing answers at that address"),
)


def local_tree(folder: Path, commit: str | None) -> Tree:
    """The files of a repository on this machine, bare or not, at `commit` (any name git knows), by default HEAD.

    What is not committed does not count. Raises `HarvestError` where there is no such commit.
    """
    try:
        repo = git.Repo(folder)
    except git.InvalidGitRepositoryError as error:
        raise HarvestError(f"{folder} is a damaged git repository: clone it anew.") from error
    if commit and commit.startswith("-"):
        raise HarvestError(f"{commit!r} names no commit: pass a hash, a branch or a tag.")
    try:
        resolved = str(_git(repo).rev_parse("--verify", "--quiet", f"{commit or 'HEAD'}^{{commit}}"))
    except git.GitCommandError as error:
        what = f"commit {commit!r}: pass a hash, a branch or a tag of its own" if commit else "commit yet: commit first"
        raise HarvestError(f"{folder} holds no {what}.") from error
    try:
        return _tree(repo, str(folder), resolved)
    except git.GitCommandError as error:
        raise HarvestError(f"{folder} cannot be read: {_short(error)}. Clone it anew.") from error


def remote_tree(url: str, commit: str | None, cache: Path) -> Tree:
    """The files of the repository at `url`, fetched into the folder `cache` unless that commit is already there.

    `commit` is a full hash, a branch or a tag, by default the remote's HEAD. Raises `HarvestError`.
    """
    try:
        commit = commit if commit and _HASH.fullmatch(commit) else _resolve(url, commit)
        folder = cache / "repositories" / _folder_name(url) / f"{commit}.git"
        if not folder.exists():
            _fetch_into(folder, url, commit)
        return _tree(git.Repo(folder), public_name(url), commit)
    except git.GitCommandError as error:
        raise HarvestError(f"{public_name(url)} cannot be fetched: {_short(error)}.") from error
    except OSError as error:
        reason = "no space is left" if error.errno == errno.ENOSPC else (error.strerror or str(error))
        raise HarvestError(f"the cache folder {cache} cannot be written: {reason}. Choose another.") from error


def public_name(url: str) -> str:
    """The URL that is recorded: without credentials, and in one spelling."""
    url = re.sub(r"^(\w+://)[^/@]*@", r"\1", url) if url.startswith("http") else url
    return url if url.startswith("file:") else url.rstrip("/").removesuffix(".git")


def _git(repo: git.Repo, *, fetches: bool = False) -> Any:
    # With GIT_DIR set, git reads a folder without a configuration, or of another owner, which it otherwise refuses.
    settings = {"GIT_DIR": str(repo.git_dir), "GIT_CONFIG_COUNT": str(len(_SETTINGS))}
    if not fetches:
        # A partial clone names the place that its missing blobs are fetched from, by any protocol and at any host.
        settings["GIT_ALLOW_PROTOCOL"] = ""
    for i, (key, value) in enumerate(_SETTINGS.items()):
        settings |= {f"GIT_CONFIG_KEY_{i}": key, f"GIT_CONFIG_VALUE_{i}": value}
    repo.git.update_environment(**_QUIET, **settings)
    return repo.git


def _resolve(url: str, name: str | None) -> str:
    """The commit hash of a branch or tag of the remote; for an annotated tag that of its commit, not of the tag."""
    with tempfile.TemporaryDirectory() as folder:
        command = _git(git.Repo.init(folder, bare=True), fetches=True)
        listed = command.ls_remote(
            "--", url, name or "HEAD", f"{name or 'HEAD'}^{{}}", kill_after_timeout=FETCH_LIMIT_S
        )
    hashes = dict(reversed(line.split("\t", 1)) for line in listed.splitlines())
    if not hashes:
        what = f"no branch or tag {name!r}: give one of its own, or a full commit hash" if name else "no commit yet"
        raise HarvestError(f"{public_name(url)} holds {what}.")
    return str(next((hashes[ref] for ref in hashes if ref.endswith("^{}")), next(iter(hashes.values()))))


def _fetch_into(folder: Path, url: str, commit: str) -> None:
    """Fetches beside the final place and renames, so that no reader sees a partial repository."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetch-", ignore_cleanup_errors=True) as scratch:
        repo = git.Repo.init(Path(scratch, "repo.git"), bare=True)
        _fetch(repo, url, commit)
        repo.close()
        try:
            Path(scratch, "repo.git").rename(folder)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):  # another process was first
                raise


def _fetch(repo: git.Repo, url: str, commit: str) -> None:
    options = ("--no-tags", "--no-recurse-submodules", "--quiet")
    try:
        _git(repo, fetches=True).fetch(*options, "--depth=1", "--", url, commit, kill_after_timeout=FETCH_LIMIT_S)
        return
    except git.GitCommandError as error:
        # Some servers give no commit by its hash: then all branches and tags are fetched, and the commit is looked up.
        if not re.search(r"not our ref|unadvertised|does not (allow|support)|dumb http", str(error.stderr)):
            raise
    refs = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
    _git(repo, fetches=True).fetch(*options, "--", url, *refs, kill_after_timeout=FETCH_LIMIT_S)
    try:
        _git(repo).cat_file("-e", f"{commit}^{{commit}}")
    except git.GitCommandError as error:
        raise HarvestError(f"{public_name(url)} holds no commit {commit}: it may have been rewritten.") from error


def _tree(repo: git.Repo, repository: str, commit: str) -> Tree:
    missing = _missing(repo, commit)
    # With sizes, git would look for the blobs that a partial clone left out.
    options = ("-r", "-z", "--full-tree") if missing else ("-r", "-l", "-z", "--full-tree")
    listed = _git(repo).ls_tree(*options, commit, stdout_as_string=False)
    blobs: dict[str, str] = {}
    sizes: dict[str, int] = {}
    links: list[str] = []
    for entry in listed.decode(errors="surrogateescape").split("\0")[:-1]:
        attributes, name = entry.split("\t", 1)
        path = shown(name)
        mode, kind, blob, *size = attributes.split()
        if mode == "120000":
            links.append(path)
        elif kind == "blob" and path not in blobs:
            # Of a lost object git prints "BAD"; reading it says so. What lies in a partial clone is measured then, too.
            blobs[path], sizes[path] = blob, int(size[0]) if size and size[0].isdigit() else 0
    return Tree(
        shown(repository),
        commit,
        sizes,
        tuple(links),
        lambda path: _read(repo, blobs[path], missing),
        close=repo.close,
    )


def _missing(repo: git.Repo, commit: str) -> frozenset[str]:
    """The objects of a commit that a partial clone left out; none of a whole repository."""
    if not any("partialclone" in line or ".promisor" in line for line in _settings(repo)):
        return frozenset()
    listed = _git(repo).rev_list("--objects", "--no-walk", "--missing=print", commit)
    return frozenset(line[1:] for line in listed.splitlines() if line.startswith("?"))


def _settings(repo: git.Repo) -> list[str]:
    return str(_git(repo).config("--list", "--name-only")).lower().splitlines()


def _read(repo: git.Repo, blob: str, missing: frozenset[str]) -> bytes:
    if blob in missing:  # one that is asked for ends the process of git that reads all others
        raise OSError("the object is missing")
    try:
        stream = repo.odb.stream(bytes.fromhex(blob))
        if stream.size > _MAX_BLOB_BYTES:
            raise OSError(f"larger than {_MAX_BLOB_BYTES:,} bytes")
        data: bytes = stream.read()
    except (ODBError, ValueError) as error:
        raise OSError("the object is missing") from error
    return data


def _folder_name(url: str) -> str:
    last = re.sub(r"[^\w.-]", "-", PurePosixPath(public_name(url)).name)
    return f"{last}-{hashlib.sha256(public_name(url).encode()).hexdigest()[:8]}"


def _short(error: "git.GitCommandError") -> str:
    said = str(error.stderr)
    known = next((answer for pattern, answer in _ANSWERS if re.search(pattern, said, re.IGNORECASE)), None)
    return known or next(iter(re.findall(r"(?:fatal|error): ([^\n']+)", said)), "git failed").strip(" .:")
