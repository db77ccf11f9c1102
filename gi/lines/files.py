"""Typed lines of a file, resolved within its package; the only module of `gi.lines` that reads files."""

from functools import partial
from pathlib import Path

from gi.core.errors import SourceError
from gi.core.types import TypedLine
from gi.lines.decode import decode
from gi.lines.index import ClassIndex
from gi.lines.typed import typed_lines


def file_lines(path: Path) -> tuple[TypedLine, ...]:
    """The typed lines of a file; imports from other files of its package or folder are followed.

    Raises:
        SourceError: a file that cannot be read or is not Python 3; the message starts with "path:line:column".
    """
    root, module = _place_in_package(path.absolute())
    try:
        return typed_lines(decode(_bytes(path)), module=module, classes=package_index(root))
    except SourceError as error:
        raise SourceError(f"{path}:{error}") from None


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SourceError(f" cannot be read: {error.strerror}. Pass the path of a Python file.") from None


def package_index(root: Path) -> ClassIndex:
    """An index over the modules below a folder, each read when a name first leads to it."""
    return ClassIndex(partial(_text, root), partial(_is_package, root))


def _place_in_package(path: Path) -> tuple[Path, str]:
    """The folder that holds the outermost package of a file, and the file's dotted name from there."""
    root = path.parent
    while (root / "__init__.py").is_file() and root.parent != root:
        root = root.parent
    return root, ".".join(path.relative_to(root).with_suffix("").parts)


def _init_file(root: Path, module: str) -> Path:
    return root.joinpath(*module.split("."), "__init__.py")


def _is_package(root: Path, module: str) -> bool:
    return bool(module) and _init_file(root, module).is_file()


def _text(root: Path, module: str) -> str | None:
    if not all(part.isidentifier() for part in module.split(".")):
        return None
    for path in (_init_file(root, module), root.joinpath(*module.split(".")).with_suffix(".py")):
        if path.is_file():
            try:
                return decode(path.read_bytes())
            except (OSError, SourceError):
                return None
    return None
