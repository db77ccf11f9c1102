from pathlib import Path

import pytest

from gi.core.errors import HarvestError
from gi.corpus import PERMISSIVE, permits
from gi.harvest import packages, repositories
from gi.harvest.catalogue import packages as read

ENTRY = """
[[package]]
name = "nets"
version = "1.2"
sha256 = "00"
num_bytes = 10
licence = "MIT"
why = "because"
files = ["nets/*"]
"""


def test_every_package_is_pinned_permissive_and_listed_once() -> None:
    listed = packages()
    assert len({package.name for package in listed}) == len(listed) > 3
    for package in listed:
        assert permits(PERMISSIVE, package.licence), package.name
        assert len(package.sha256) == 64
        assert package.num_bytes > 0
        assert package.why
        assert package.source == f"pypi:{package.name}=={package.version}#sha256={package.sha256}"


def test_every_repository_is_pinned_and_permissive() -> None:
    for repository in repositories():
        assert len(repository.commit) == 40
        assert permits(PERMISSIVE, repository.licence), repository.url


def test_patterns_are_everything_and_no_blocks_unless_told(tmp_path: Path) -> None:
    (tmp_path / "list.toml").write_text(ENTRY)
    (package,) = read(tmp_path / "list.toml")
    assert (package.files, package.blocks) == (("nets/*",), ())


@pytest.mark.parametrize("text", ["", "[[package]]\nname = 'nets'\n", ENTRY + "unheard_of = 1\n", "no toml ["])
def test_says_what_a_list_of_packages_looks_like(tmp_path: Path, text: str) -> None:
    (tmp_path / "list.toml").write_text(text)
    with pytest.raises(HarvestError, match=r"no list of packages .*expected \[\[package\]\] tables"):
        read(tmp_path / "list.toml")
