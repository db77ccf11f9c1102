"""Records of a harvest, the input of the corpus."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from gi.core.types import Program

#: Called with the stage ("fetch", "read", "type"), the number of files done, and their total (0: not known).
Progress: TypeAlias = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A Python file that gave no program, and why; `path` is relative to the repository's root."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class LicenceFile:
    """A file of licence terms, copyright lines or attributions, with its text; `path` is as in a tree."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Harvest:
    """The programs of one source at one commit, in the order of their paths.

    `others` are its Python files that do not mention torch: they are no programs, but names in the programs are
    resolved through their imports and classes.
    """

    repository: str
    commit: str
    programs: tuple[Program, ...]
    refused: tuple[Refusal, ...] = ()
    others: tuple[Program, ...] = ()
    licence_files: tuple[LicenceFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Repository:
    """A public repository worth harvesting: `commit` is the full hash, `licence` the SPDX identifier read there."""

    url: str
    commit: str
    licence: str
    why: str


@dataclass(frozen=True, slots=True)
class PinnedPackage:
    """A wheel of the package registry that the default corpus borrows from.

    `sha256` and `num_bytes` are the wheel's, `licence` is the SPDX identifier read there. Paths that match one of
    `files` are its programs; module classes are tried as blocks in those that match one of `blocks`.
    """

    name: str
    version: str
    sha256: str
    num_bytes: int
    licence: str
    why: str
    files: tuple[str, ...] = ("*",)
    blocks: tuple[str, ...] = ()

    @property
    def repository(self) -> str:
        """The repository in the origins of its lines."""
        return f"{self.name}=={self.version}"

    @property
    def source(self) -> str:
        """The source argument of `gi harvest`."""
        return f"pypi:{self.repository}#sha256={self.sha256}"
