"""Files written whole or not at all: beside their place under another name, then renamed.

A reader of the place sees what was there before or all of the new content, also where the writer raised, the disk was
full or the machine lost its power. What this cannot do: a killed process leaves its unfinished file (`.gi-*.part`).
"""

import contextlib
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO


def write_whole(path: Path, content: bytes | Callable[[BinaryIO], object]) -> None:
    """Writes `content` to `path`: bytes, or what a function writes to the open binary file that it is given.

    The folder must exist. A file that is there keeps its mode, a new one gets the umask's; a link is replaced, not
    what it leads to. Raises `OSError`, or what the function raises; `path` is then as it was, with nothing beside it.
    """
    # Beside its place, since a rename is whole within one file system alone; the random part keeps two writers apart.
    unfinished = path.with_name(f".gi-{secrets.token_hex(8)}.part")
    try:
        with _new_file(unfinished) as file:
            if isinstance(content, bytes):
                file.write(content)
            else:
                content(file)
            file.flush()
            # Before the rename: after a loss of power the name would otherwise lead to an empty file.
            os.fsync(file.fileno())
        _keep_mode(path, unfinished)
        unfinished.replace(path)
    except BaseException as error:  # an interrupt, too, leaves nothing behind
        with contextlib.suppress(OSError):
            unfinished.unlink()
        if isinstance(error, OSError) and str(error.filename) in ("None", str(unfinished)):
            error.filename, error.filename2 = str(path), None  # the name that the user knows
        raise
    _sync_folder(path.parent)


def _new_file(path: Path) -> BinaryIO:
    """A file that was not there, open to read and write: the umask decides its mode, which `tempfile` does not let."""
    return path.open("x+b")


def _keep_mode(path: Path, unfinished: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode):
            unfinished.chmod(mode & 0o777)


def _sync_folder(folder: Path) -> None:
    """Makes a rename outlast a loss of power, where the system can do that for folders."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
