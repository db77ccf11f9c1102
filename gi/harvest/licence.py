"""The licence of a file, as an SPDX identifier."""

import re
import tempfile
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path, PurePosixPath

from gi.harvest.records import LicenceFile
from gi.harvest.tree import Tree

UNKNOWN = "unknown"

_MAIN = re.compile(r"(licen[cs]e|copying|unlicense)(\.(md|txt|rst))?", re.IGNORECASE)
_VARIANT = re.compile(r"(licen[cs]e|copying)[-_.][\w.-]+", re.IGNORECASE)
_NOTICE = re.compile(r"(notice|authors|copyright)(\.(md|txt|rst))?", re.IGNORECASE)
_COPYRIGHT_LINE = re.compile(r"^\s*(copyright|\(c\)|©).*(\d{4}|\(c\)|©).*$", re.IGNORECASE | re.MULTILINE)
_TAG = re.compile(r"SPDX-License-Identifier:\s*([\w.+() -]+)")
_TAG_WITHIN_CHARACTERS = 2000
_MAX_LICENCE_BYTES = 200_000


@cache
def licence_of_text(text: str) -> str:
    """The SPDX identifier of a licence's text, "unknown" where it is none of the well-known ones."""
    # The library drops every line that begins with "copyright", even one of the terms that was wrapped before that
    # word; hence a second try without line ends.
    unwrapped = " ".join(_COPYRIGHT_LINE.sub("", text).split())
    return _creative_commons(_identified(text) or _identified(unwrapped) or UNKNOWN, text.lower())


def _identified(text: str) -> str | None:
    from identify import identify

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "LICENSE")
        file.write_text(text, encoding="utf-8")
        return identify.license_id(str(file))


def _creative_commons(spdx: str, text: str) -> str:
    # The library knows two Creative Commons texts and mistakes the non-commercial ones, a few words apart, for them.
    if not spdx.startswith("CC-BY"):
        return spdx
    terms = ("-NC" if "noncommercial" in text else "", "-SA" if "sharealike" in text else "")
    return f"CC-BY{''.join(terms)}-4.0" if "noderivatives" not in text else UNKNOWN


def joined(identifiers: Iterable[str]) -> str:
    """One SPDX expression for several licence texts side by side: all apply; "unknown" where one of them is."""
    names = sorted(set(identifiers))
    return UNKNOWN if UNKNOWN in names or not names else " AND ".join(names)


def is_licence_file(name: str) -> bool:
    """Whether a file of this name holds licence terms."""
    return bool(_MAIN.fullmatch(name) or _VARIANT.fullmatch(name))


def is_notice_file(name: str) -> bool:
    """Whether a file of this name holds attributions, which Apache-2.0 requires to be passed on."""
    return bool(_NOTICE.fullmatch(name))


def licence_files(tree: Tree) -> tuple[LicenceFile, ...]:
    """The readable licence and notice files of a tree, by path, then `tree.licence_texts`, by name."""
    paths = sorted(path for path in tree.sizes if _holds_terms(path) and tree.sizes[path] <= _MAX_LICENCE_BYTES)
    in_tree = [LicenceFile(path, text) for path in paths if (text := _text(tree, path)) is not None]
    return (*in_tree, *(LicenceFile(*beside) for beside in sorted(tree.licence_texts.items())))


def _holds_terms(path: str) -> bool:
    file = PurePosixPath(path)
    return (is_licence_file(file.name) or is_notice_file(file.name)) and file.suffix != ".py"


def licences(tree: Tree) -> Callable[[str, str], str]:
    """A function of a program's path and text that gives its licence.

    An `SPDX-License-Identifier` line at the head of the file counts first, then the licence file in the nearest folder
    above it (`LICENSE` before `LICENSE-MIT` and the like; several side by side all apply), then `tree.licence`.
    """
    by_folder = _by_folder(tree)

    def licence(path: str, text: str) -> str:
        tag = _TAG.search(text, 0, _TAG_WITHIN_CHARACTERS)
        if tag:
            return tag[1].strip()
        folders = (str(folder) for folder in PurePosixPath(path).parents)
        return next((by_folder[folder] for folder in folders if folder in by_folder), tree.licence)

    return licence


def _by_folder(tree: Tree) -> dict[str, str]:
    names: dict[str, list[str]] = {}
    for path in sorted(tree.sizes):
        file = PurePosixPath(path)
        if is_licence_file(file.name) and file.suffix != ".py":
            names.setdefault(str(file.parent), []).append(path)
    return {folder: joined(_read_licence(tree, path) for path in _main(paths)) for folder, paths in names.items()}


def _main(paths: list[str]) -> list[str]:
    return [path for path in paths if _MAIN.fullmatch(PurePosixPath(path).name)] or paths


def _read_licence(tree: Tree, path: str) -> str:
    if tree.sizes[path] > _MAX_LICENCE_BYTES:
        return UNKNOWN
    text = _text(tree, path)
    return UNKNOWN if text is None else licence_of_text(text)


def _text(tree: Tree, path: str) -> str | None:
    try:
        return tree.read(path).decode()
    except (OSError, UnicodeDecodeError):
        return None
