"""A wheel of a package registry: downloaded by pip, kept, checked against its digest, never installed."""

import hashlib
import os
import re
import subprocess
import sys
import tempfile
import zipfile
import zlib
from pathlib import Path

from gi.core.errors import HarvestError, UnreachableError
from gi.harvest.tree import Tree
from gi.harvest.wheel import archive_tree

PREFIX = "pypi:"
DOWNLOAD_LIMIT_S = 600.0
_PINNED = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)==(?P<version>[0-9][\w.!+-]*)(?:#sha256=(?P<sha256>[0-9a-f]{64}))?",
    re.ASCII,
)
_MAX_WHEEL_BYTES = 500_000_000


def wheel_tree(source: str, cache: Path, *, limit_s: float = DOWNLOAD_LIMIT_S) -> Tree:
    """The files of the wheel that `source`, "pypi:NAME==VERSION", names; the wheel stays in the folder `cache`.

    pip downloads it from the registry that the user's pip is set up for, in at most `limit_s` seconds; wheels only,
    since the build of a source distribution runs its code. Nothing is installed or imported. "#sha256=HEX" behind the
    version holds the wheel to that digest. Raises `UnreachableError` where the registry does not answer, `HarvestError`
    where the version is not pinned, the registry has no wheel of it or another one, or the archive is damaged.
    """
    pinned = _PINNED.fullmatch(source.removeprefix(PREFIX))
    if pinned is None:
        raise HarvestError(f"{source!r} is no pinned package: write {PREFIX}NAME==VERSION, as {PREFIX}timm==1.0.19.")
    name, version, sha256 = pinned["name"], pinned["version"], pinned["sha256"]
    wheel = _wheel(name, version, sha256, cache / "wheels", limit_s)
    try:
        return archive_tree(zipfile.ZipFile(wheel), f"{name}=={version}", version)
    # zlib and the zip format's own surprises: an encrypted or a cut entry, an unknown compression.
    except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, UnicodeDecodeError, OSError) as error:
        raise HarvestError(f"{wheel} cannot be read ({error}): remove it and harvest {source} again.") from error


def _wheel(name: str, version: str, sha256: str | None, folder: Path, limit_s: float) -> Path:
    """The wheel in `folder`, downloaded unless it is there."""
    kept = folder / f"{_normal(name)}-{version}.whl"
    if kept.exists():
        if sha256 and (got := _sha256(kept)) != sha256:
            raise HarvestError(f"{kept} has the sha256 {got}, not {sha256}: remove it and harvest again.")
        return kept
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".download-") as scratch:
        _download(name, version, Path(scratch), limit_s)
        (wheel,) = Path(scratch).glob("*.whl")
        if wheel.stat().st_size > _MAX_WHEEL_BYTES:
            raise HarvestError(f"the wheel of {name}=={version} has over {_MAX_WHEEL_BYTES:,} bytes: too large.")
        if sha256 and (got := _sha256(wheel)) != sha256:
            raise HarvestError(
                f"the registry's wheel of {name}=={version} has the sha256 {got}, not {sha256}: "
                f"it is another file than the one asked for, and is not read."
            )
        wheel.replace(kept)  # last: what has this name is whole, and the file that was asked for
    return kept


def _normal(name: str) -> str:
    """The registry's normal form of a name (PEP 503), so that `Foo_Bar` and `foo-bar` are one."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _download(name: str, version: str, folder: Path, limit_s: float) -> None:
    pinned, log = f"{name}=={version}", folder / "log"
    options = ("--no-deps", "--only-binary=:all:", "--quiet", "--disable-pip-version-check", "--no-input")
    command = [sys.executable, "-m", "pip", "download", *options, "--log", str(log), "--dest", str(folder), pinned]
    # pip asks five times more by default, and waits for its timeout each time where there is no network.
    environment = {**os.environ, "PIP_RETRIES": os.environ.get("PIP_RETRIES", "1")}
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit_s,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UnreachableError(f"{PREFIX}{pinned} did not arrive in {limit_s:.0f} s: try again later.") from error
    if done.returncode:
        logged = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
        if _NO_ANSWER.search(done.stderr + logged):
            raise UnreachableError(f"{PREFIX}{pinned} cannot be downloaded: the registry cannot be reached.")
        raise HarvestError(f"{PREFIX}{pinned} cannot be downloaded: {_reason(name, version, done.stderr, logged)}.")


# What pip 21 to 26 write of a registry that does not answer; that it answers 404 is how it says that it has no package.
_NO_ANSWER = re.compile(
    r"after connection broken by|connection error:|Max retries exceeded|[Tt]imed out|: 5\d\d Server Error|"
    r"problem confirming the ssl certificate|Name or service not known|Temporary failure in name resolution"
)
_VERSIONS = re.compile(r"\(from versions: (.*?)\)")


def _reason(name: str, version: str, output: str, log: str) -> str:
    """Why pip gave no wheel, in one line: from its output, and from its log, which lists the files passed over."""
    if "No module named pip" in output:
        return "this Python has no pip; run `python -m ensurepip` once"
    errors = [line.removeprefix("ERROR: ") for line in output.splitlines() if line.startswith("ERROR: ")]
    if not any("No matching distribution" in line for line in errors):
        return (errors or output.strip().splitlines() or ["pip failed"])[0].rstrip(".")
    versions = _VERSIONS.search(output)
    if versions and versions[1] not in ("", "none"):
        some = ", ".join(versions[1].split(", ")[-3:])
        return f"the registry has no wheel of version {version} that this Python takes; the latest it has are {some}"
    passed_over = [line for line in log.splitlines() if "Skipping link" in line and _is_of(name, line)]
    if any("No sources permitted" in line for line in passed_over):
        return "the registry has it as a source distribution only, and building that would run its code"
    if any("wheel's tags" in line for line in passed_over):
        return "the registry has it only as wheels for other systems or Python versions"
    return "the registry has no package of that name"


def _is_of(name: str, line: str) -> bool:
    """Whether a line of pip's log is about a file of the project: the file's name begins with the project's."""
    files = re.findall(r"[^/\s]+\.(?:whl|tar\.gz|zip)\b", line)
    return any(_normal(file).startswith(f"{_normal(name)}-") for file in files)
