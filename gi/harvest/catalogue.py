"""The public repositories that the project names for harvesting."""

import tomllib
from pathlib import Path

from gi.core.errors import HarvestError
from gi.harvest.bundled import bundled
from gi.harvest.records import Repository


def repositories(file: Path | None = None) -> tuple[Repository, ...]:
    """The repositories of `corpus/repositories.toml`, or of another file like it, in the file's order.

    Raises `HarvestError` for a file that is missing or laid out differently.
    """
    file = file or bundled() / "repositories.toml"
    try:
        entries = tomllib.loads(file.read_text(encoding="utf-8"))["repository"]
        return tuple(Repository(**entry) for entry in entries)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise HarvestError(
            f"{file} is no list of repositories ({error}): expected [[repository]] tables "
            f"with url, commit, licence and why."
        ) from error
