"""Remembers which run files passed inspection in their present state, so that none is inspected twice.

Inspection reads every value: 0.5 CPU s of 8,000 evaluations. The notes lie in the cache folder, where a stranger's run
file cannot bring its own, and name a file by path, device, inode, size and times of change. Among these is the time of
the last status change, which no system call can set. SQLite's header is added because it counts commits: on an old
kernel two changes within some milliseconds have the same time.
"""

import contextlib
import hashlib
from pathlib import Path

import gi
from gi.archive.migrations import VERSION
from gi.core.files import write_whole
from gi.core.settings import cache_folder

_HEADER_BYTES = 100


def is_inspected(path: Path, state: str) -> bool:
    """Whether the run file at `path` was noted in this state."""
    with contextlib.suppress(OSError):
        return _note(path).read_text("utf-8") == state
    return False


def note_inspected(path: Path, state: str) -> None:
    """Notes that the run file at `path` passed inspection in this state; a cache that cannot be written is ignored."""
    with contextlib.suppress(OSError):
        note = _note(path)
        note.parent.mkdir(parents=True, exist_ok=True)
        write_whole(note, state.encode())


def _note(path: Path) -> Path:
    return cache_folder() / "inspected" / hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:32]


def state_of(path: Path) -> str:
    """A text that changes with the run file, its log, today's format and gi's version."""
    files = (path, path.with_name(f"{path.name}-wal"))
    stats = [file.stat() for file in files if file.exists()]
    facts = [(s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for s in stats]
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    return f"{gi.__version__} {VERSION} {facts} {header.hex()}"
