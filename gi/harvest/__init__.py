"""A git URL, a repository, a folder or a package -> its programs, read as text and never imported."""

import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from gi.core.errors import HarvestError
from gi.harvest.bundled import bundled
from gi.harvest.catalogue import packages, repositories
from gi.harvest.near_copies import without_near_copies
from gi.harvest.package import package_terms, package_tree
from gi.harvest.programs import read_programs
from gi.harvest.records import Harvest, LicenceFile, PinnedPackage, Progress, Refusal, Repository
from gi.harvest.registry import DOWNLOAD_LIMIT_S, PREFIX, wheel_tree
from gi.harvest.tree import Tree, folder_tree

__all__ = [
    "Harvest",
    "LicenceFile",
    "PinnedPackage",
    "Progress",
    "Refusal",
    "Repository",
    "bundled",
    "harvest",
    "harvest_all",
    "package_terms",
    "packages",
    "repositories",
    "without_near_copies",
]

_URL = re.compile(r"(https?|ssh|git|file)://.+|[\w.-]+@[\w.-]+:.+")


def harvest(
    source: str,
    *,
    commit: str | None = None,
    cache: Path,
    on_progress: Progress | None = None,
    files: Sequence[str] = ("*",),
    download_limit_s: float = DOWNLOAD_LIMIT_S,
) -> Harvest:
    """The programs of `source` at `commit`, by default what its HEAD marks.

    `source` is a git URL (https, ssh, git, file, user@host:path), a wheel of the package registry
    (pypi:NAME==VERSION, with #sha256=HEX behind it if need be), a folder or the name of an installed package, in this
    order. A folder that is a git repository, bare or not, gives what is committed; any other gives its files as they
    are. Only paths that match one of `files` (as `fnmatch` does) become programs. What is fetched stays in the folder
    `cache`; a wheel may take `download_limit_s` to arrive. Raises `HarvestError` where nothing can be read,
    `UnreachableError` where a package registry does not answer.
    """
    if on_progress:
        on_progress("fetch", 0, 0)
    with closing(_tree(source, commit, cache, download_limit_s)) as tree:
        return read_programs(tree, on_progress, files)


def harvest_all(
    sources: Sequence[Repository], *, cache: Path, on_progress: Progress | None = None
) -> Iterator[tuple[Repository, Harvest | HarvestError]]:
    """Harvests one repository after the other; the error of one is a value and keeps no other from its turn."""
    for source in sources:
        try:
            yield source, harvest(source.url, commit=source.commit, cache=cache, on_progress=on_progress)
        except HarvestError as error:
            yield source, error


def _tree(source: str, commit: str | None, cache: Path, download_limit_s: float) -> Tree:
    if _URL.fullmatch(source):
        # Imported here: GitPython refuses to be where the program git is missing, and other sources need neither.
        from gi.harvest.git import remote_tree

        return remote_tree(source, commit, cache)
    if source.startswith(PREFIX):
        if commit:
            raise HarvestError(f"{source!r} names a version and has no commits: leave the commit out.")
        return wheel_tree(source, cache, limit_s=download_limit_s)
    folder = Path(source).expanduser()
    if source and folder.is_dir():
        return _repository_or_folder(folder.resolve(), commit)
    if folder.exists() or "/" in source or not source:
        what = "is a file" if folder.is_file() else "is no folder"
        raise HarvestError(
            f"{source!r} {what}: pass a git URL, an existing folder, the name of an installed package "
            f"or a wheel of the registry, pypi:NAME==VERSION."
        )
    if commit:
        raise HarvestError(f"{source!r} is an installed package and has no commits: leave the commit out.")
    return package_tree(source)


def _repository_or_folder(folder: Path, commit: str | None) -> Tree:
    # A bare repository has no `.git`: it is known by its contents, as git itself knows it.
    if (folder / ".git").exists() or all((folder / part).exists() for part in ("HEAD", "objects", "refs")):
        from gi.harvest.git import local_tree

        return local_tree(folder, commit)
    if commit:
        raise HarvestError(f"{folder} is no git repository and has no commits: leave the commit out.")
    return folder_tree(folder, folder)
