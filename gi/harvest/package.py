"""An installed package as a source, found without importing it."""

import re
from collections.abc import Iterable
from importlib import metadata, util
from pathlib import Path

from gi.core.errors import HarvestError
from gi.harvest.licence import UNKNOWN, is_licence_file, is_notice_file, joined, licence_of_text
from gi.harvest.records import LicenceFile
from gi.harvest.tree import Tree, folder_tree

# No entry for "BSD License": the classifier leaves the number of clauses open.
_CLASSIFIERS = {
    "MIT License": "MIT",
    "Apache Software License": "Apache-2.0",
    "ISC License (ISCL)": "ISC",
    "The Unlicense (Unlicense)": "Unlicense",
    "zlib/libpng License": "Zlib",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0",
    "GNU Affero General Public License v3": "AGPL-3.0",
}


def package_tree(name: str) -> Tree:
    """The source of the installed package `name` (of the distribution or of the module).

    Its version takes the place of the commit. Raises `HarvestError` where it is not installed or has no source files.
    """
    distribution = _distribution(name)
    top = _module(name) or _module(_top_level(distribution))
    if top is None:
        raise HarvestError(
            f"{name!r} is no URL, no folder and no installed package: pass a git URL, an existing folder, "
            f"or install the package first."
        )
    version = distribution.version if distribution else ""
    repository = f"{name}=={version}" if version else name
    return folder_tree(
        top.parent,
        top,
        repository=repository,
        commit=version,
        licence=stated_licence(distribution),
        licence_texts=stated_terms(distribution) if distribution else {},
    )


def package_terms(name: str) -> tuple[LicenceFile, ...]:
    """The licence files of an installed package; empty where it is not installed or has none."""
    distribution = _distribution(name)
    return tuple(LicenceFile(*file) for file in sorted(stated_terms(distribution).items())) if distribution else ()


def _module(name: str) -> Path | None:
    # find_spec imports the parents of a dotted name, so only top-level names may reach it.
    if not name.isidentifier():
        return None
    try:
        spec = util.find_spec(name)
    except ValueError:
        return None
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))).resolve()
    return Path(spec.origin).resolve() if spec.origin and spec.origin.endswith(".py") else None


def _distribution(name: str) -> metadata.Distribution | None:
    try:
        return metadata.distribution(name)
    except (metadata.PackageNotFoundError, ValueError):
        # A module may be called otherwise than its distribution: `PIL` is Pillow's.
        names = metadata.packages_distributions().get(name)
        return metadata.distribution(names[0]) if names else None


def _top_level(distribution: metadata.Distribution | None) -> str:
    files = (distribution.files if distribution else None) or []
    tops = (file.parts[0].removesuffix(".py") for file in files if file.suffix == ".py" and len(file.parts) <= 2)
    return next((top for top in tops if top.isidentifier()), "")


def stated_licence(distribution: metadata.Distribution | None) -> str:
    """The licence that the package states: its SPDX expression, else its licence files, else its classifiers."""
    if distribution is None:
        return UNKNOWN
    expressions = distribution.metadata.get_all("License-Expression")  # PEP 639; older packages have none
    if expressions:
        return str(expressions[0])
    texts = [text for name, text in stated_terms(distribution).items() if is_licence_file(name)]
    from_files = joined(licence_of_text(text) for text in texts) if texts else UNKNOWN
    return from_files if from_files != UNKNOWN else _classified(distribution.metadata.get_all("Classifier") or [])


def stated_terms(distribution: metadata.Distribution) -> dict[str, str]:
    """The texts of the package's licence and notice files, by name."""
    # Since PEP 639 they lie in `licenses/`, before it beside the metadata.
    files = [file for file in distribution.files or [] if re.search(r"\.dist-info/(licenses/)?[^/]+$", file.as_posix())]
    chosen = [file for file in files if is_licence_file(file.name) or is_notice_file(file.name)]
    texts = {file.name: file.read_text(encoding="utf-8") for file in chosen}
    return {name: text for name, text in texts.items() if text}


def _classified(classifiers: Iterable[str]) -> str:
    stated = [line.rsplit(" :: ", 1)[-1] for line in classifiers if line.startswith("License :: OSI Approved ::")]
    return joined(_CLASSIFIERS.get(name, UNKNOWN) for name in stated)
