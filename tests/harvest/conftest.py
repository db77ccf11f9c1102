import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest


def _run_git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org", "-c", "protocol.file.allow=always")
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = tmp_path_factory.mktemp("git") / "gitconfig"
    settings.write_text("[init]\n\tdefaultBranch = main\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes files (text or bytes, by path) below a new folder of `tmp_path`."""

    def _write(name: str, files: dict[str, str | bytes]) -> Path:
        folder = tmp_path / name
        for path, content in files.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        folder.mkdir(exist_ok=True)
        return folder

    return _write


@pytest.fixture
def commit(write: Callable[..., Path]) -> Callable[..., Path]:
    """A repository with one commit of these files."""

    def _commit(name: str, files: dict[str, str | bytes]) -> Path:
        folder = write(name, files)
        _run_git(folder, "init", "--quiet")
        _run_git(folder, "add", "--all")
        _run_git(folder, "commit", "--quiet", "--message", "Begin")
        return folder

    return _commit


@pytest.fixture
def run_git() -> Callable[..., str]:
    """Runs a git command in a folder and gives what it printed."""
    return _run_git
