"""What a user names on the command line, as model files with their origin and licence."""

import csv
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from gi.core.errors import WeightsError
from gi.kernels.index.addition import IndexSource

#: What a folder is searched for: models, and files that people take for ONNX models and that give a reason.
SUFFIXES = {".onnx", ".ort", ".pb", ".pt", ".pth", ".h5", ".keras", ".tflite", ".safetensors"}
_MANIFEST = "manifest.tsv"
# A repository's manifest stands at its root, models some folders below it.
_SEARCHED_ABOVE = 3
# The longest licences of packages are tens of thousands of characters; a model called LICENSE would be read whole.
_LONGEST_LICENCE = 200_000


def file_sources(paths: Sequence[Path], *, origin: str = "", licence: str = "") -> list[IndexSource]:
    """The model files that these files and folders stand for. Raises `WeightsError` for what there is not.

    Origin and licence come from the arguments, else from a `manifest.tsv` in the file's folder or above it (columns
    file, repo, commit, path, licence), else from the licence file beside it.
    """
    sources = [source for path in paths for source in _of_path(path, origin, licence)]
    if paths and not sources:
        raise WeightsError(
            f"{', '.join(map(str, paths))}: no model file in there (looked for {' '.join(sorted(SUFFIXES))}): "
            "pass ONNX files, or a folder that holds some."
        )
    return sources


def _of_path(path: Path, origin: str, licence: str) -> Iterator[IndexSource]:
    if path.is_dir():
        inner = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
        for file in inner:
            yield _source(file, str(file.relative_to(path)), origin, licence)
    elif path.exists():
        yield _source(path, path.name, origin, licence)
    else:
        raise WeightsError(f"{path}: there is no such file or folder: pass ONNX files, folders or runs.")


def _source(file: Path, name: str, origin: str, licence: str) -> IndexSource:
    # The user's values override those found beside the file.
    row = manifest_row(file)
    place = f"https://github.com/{row['repo']}/blob/{row['commit']}/{row['path']}" if row.get("repo") else str(file)
    return IndexSource(file, name, origin or place, licence or row.get("licence") or licence_beside(file.parent))


def manifest_row(file: Path) -> dict[str, str]:
    """What the manifest in a file's folder, or up to three above it, says of the file; empty where there is none."""
    for folder in list(file.absolute().parents)[:_SEARCHED_ABOVE]:
        rows = _manifest(folder / _MANIFEST)
        if rows:
            return rows.get(file.absolute().relative_to(folder).as_posix(), {})
    return {}


@cache
def _manifest(path: Path) -> dict[str, dict[str, str]]:
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        rows = csv.DictReader(file, delimiter="\t")
        return {row["file"]: {key: value or "" for key, value in row.items() if key} for row in rows if row.get("file")}


@cache
def licence_beside(folder: Path) -> str:
    """The SPDX identifier of the licence files in a folder, "unknown" where there is none that is well known."""
    from gi.harvest.licence import UNKNOWN, is_licence_file, joined, licence_of_text

    files = [file for file in sorted(folder.iterdir()) if is_licence_file(file.name) and file.is_file()]
    small = [file for file in files if file.stat().st_size <= _LONGEST_LICENCE]
    return joined(licence_of_text(file.read_text("utf-8", "replace")) for file in small) if small else UNKNOWN
