"""Module names and import roots of a source's files, as its programs import one another."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True, slots=True)
class ModuleFile:
    """A file as Python would import it: `root` is the folder on the path, `name` is dotted.

    A package's `__init__.py` goes by the name "package.__init__".
    """

    root: str
    name: str


def modules(paths: Iterable[str]) -> dict[str, ModuleFile]:
    """The module that each file is, by path.

    The root is the nearest folder above the file that is no package (holds no `__init__.py`): a script's own folder, or
    the one that the package lies in, `src` too.
    """
    paths = tuple(paths)
    # Python's own rule, which needs no configuration of the source's.
    packages = {str(PurePosixPath(path).parent) for path in paths if PurePosixPath(path).name == "__init__.py"}
    return {path: _module(PurePosixPath(path), packages) for path in paths}


def texts_below(root: str, texts: Mapping[str, str]) -> dict[str, str]:
    """The texts of the files below a root, by dotted name from there: what its programs can import.

    A package's `__init__.py` goes by the name "package.__init__".
    """
    below = ((PurePosixPath(path), text) for path, text in texts.items())
    return {_dotted(path, root): text for path, text in below if path.is_relative_to(root)}


def _module(path: PurePosixPath, packages: set[str]) -> ModuleFile:
    root = path.parent
    while str(root) in packages and str(root) != ".":
        root = root.parent
    return ModuleFile(str(root), _dotted(path, str(root)))


def _dotted(path: PurePosixPath, root: str) -> str:
    return ".".join(path.relative_to(root).with_suffix("").parts)
