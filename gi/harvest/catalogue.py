"""The repositories that the project names for harvesting, and the packages that the default corpus borrows from."""

import tomllib
from pathlib import Path
from typing import Any

from gi.core.errors import HarvestError
from gi.harvest.bundled import bundled
from gi.harvest.records import PinnedPackage, Repository


def repositories(file: Path | None = None) -> tuple[Repository, ...]:
    """The repositories of `corpus/repositories.toml`, or of another file like it, in the file's order.

    Raises `HarvestError` for a file that is missing or laid out differently.
    """
    file = file or bundled() / "repositories.toml"
    try:
        return tuple(Repository(**entry) for entry in _entries(file, "repository"))
    except _UNFIT as error:
        raise HarvestError(
            f"{file} is no list of repositories ({error}): expected [[repository]] tables "
            f"with url, commit, licence and why."
        ) from error


def packages(file: Path | None = None) -> tuple[PinnedPackage, ...]:
    """The packages of `corpus/packages.toml`, or of another file like it, in the file's order.

    Raises `HarvestError` for a file that is missing or laid out differently.
    """
    file = file or bundled() / "packages.toml"
    try:
        return tuple(PinnedPackage(**_with_tuples(entry)) for entry in _entries(file, "package"))
    except _UNFIT as error:
        raise HarvestError(
            f"{file} is no list of packages ({error}): expected [[package]] tables with name, version, sha256, "
            f"num_bytes, licence and why, and files and blocks if need be."
        ) from error


# TypeError: a table with a key that the record lacks, or without one that it needs.
_UNFIT = (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError)


def _entries(file: Path, table: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = tomllib.loads(file.read_text(encoding="utf-8"))[table]
    return entries


def _with_tuples(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
