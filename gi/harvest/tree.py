"""A source's files before they are read: one view for a folder, an installed package, a wheel and a commit."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gi.core.quoting import shown

_NOT_SOURCE = frozenset({"__pycache__", "node_modules", "site-packages", "dist-packages"})


@dataclass(frozen=True, slots=True)
class Tree:
    """The regular files of one source, `sizes` in bytes by path with "/" between folders, and its symbolic links.

    Paths are as they go on record, `gi.core.quoting.shown`: a line end in a name, or bytes that are no UTF-8, stand
    there as escapes. Of two names that are shown alike the first counts.
    `read` gives a file's bytes and may raise `OSError`, until `close` releases what it reads from; `licence` applies
    to files that no licence file covers, and `licence_texts` holds its texts by file name.
    """

    repository: str
    commit: str
    sizes: Mapping[str, int]
    links: tuple[str, ...]
    read: Callable[[str], bytes]
    licence: str = "unknown"
    licence_texts: Mapping[str, str] = field(default_factory=dict)
    close: Callable[[], None] = lambda: None


def folder_tree(
    root: Path,
    top: Path,
    *,
    repository: str = "",
    commit: str = "",
    licence: str = "unknown",
    licence_texts: Mapping[str, str] | None = None,
) -> Tree:
    """The files below `top`, with paths relative to `root`; `repository` is by default the folder itself.

    Hidden folders, virtual environments and caches are left out. Links are listed, never followed: what they point
    to inside the folder is read at its own place, and what lies outside is none of the source's.
    """
    files: dict[str, Path] = {}
    links: list[str] = []
    for file in _files(top):
        path = shown(file.relative_to(root).as_posix())
        if file.is_symlink():
            links.append(path)
        elif file.is_file():
            files.setdefault(path, file)
    sizes = {path: file.stat().st_size for path, file in files.items()}
    name, texts = repository or shown(str(top)), licence_texts or {}
    return Tree(name, commit, sizes, tuple(links), lambda path: files[path].read_bytes(), licence, texts)


def _files(top: Path) -> Iterator[Path]:
    if top.is_file():
        yield top
        return
    for folder, subfolders, names in os.walk(top):
        if "pyvenv.cfg" in names:  # a virtual environment, whatever it is called
            subfolders.clear()
            continue
        # In place, since `os.walk` goes where this list says; sorted, since file systems list in orders of their own.
        subfolders[:] = sorted(name for name in subfolders if name not in _NOT_SOURCE and not name.startswith("."))
        yield from (Path(folder, name) for name in sorted(names))
