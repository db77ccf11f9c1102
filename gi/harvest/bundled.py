"""Bundled data: the list of repositories and gi's own seed programs."""

from pathlib import Path


def bundled() -> Path:
    """The folder `corpus/` of the project: inside an installed package, else at the top of the checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "corpus" / "bundled"
    return installed if installed.is_dir() else package.parent / "corpus"
