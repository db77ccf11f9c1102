"""Where an experiment's files of other people come from: a clone that is given, or the network."""

from pathlib import Path

from gi.harvest.git import local_tree, remote_tree
from gi.harvest.tree import Tree


def tree_of(url: str, commit: str, repositories: Path | None, scratch: Path) -> Tree:
    """A repository's files at a commit. A clone's folder is NAME, OWNER/NAME or OWNER+NAME, bare or in `repo`."""
    owner, name = url.split("/")[-2:]
    for folder in (f"{owner}+{name}/repo", f"{owner}+{name}", f"{owner}/{name}", name):
        if repositories and (repositories / folder).exists():
            return local_tree(repositories / folder, commit)
    return remote_tree(url, commit, scratch)
