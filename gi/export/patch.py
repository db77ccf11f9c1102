"""An individual as a unified diff against the user's own file that changes the necessary lines, and no other byte.

It holds the changes of the network, and those of a recipe that are of use to the user: of the file's own recipe, or of
gi's where evolution changed it, since the claimed error is that of the network trained by it. The plain recipe that gi
adds to train a file without one says nothing about the user's training and is left out.
"""

from dataclasses import dataclass
from pathlib import Path

import gi
from gi.archive import Archive
from gi.core.errors import ConfigError
from gi.core.files import write_whole
from gi.core.quoting import comment
from gi.core.types import Program
from gi.explain.provenance.origins import borrowed_parts, origin_text, part_text
from gi.export.subject import Subject
from gi.source.model_file.patching import patched, plain_text, unified
from gi.source.model_file.plain_recipe import without_plain_recipe


@dataclass(frozen=True, slots=True)
class Patch:
    """A patch for `git apply`, and one line on the user's file where that is not what the run started from."""

    id: str
    content: bytes
    note: str = ""


def model_patch(archive: Archive, subject: Subject) -> Patch:
    """The patch that makes a program of the run out of the file that the run started from.

    Raises `ConfigError` where the run started from none, or the program is that file.
    """
    seed = _own_file(archive)
    before = seed.original or b""
    text = without_plain_recipe(subject.text, plain_text(before), archive.run().config.entry)
    # From bytes to bytes: line ends, tabs and encoding of untouched lines stay as they are.
    changes = unified(before, patched(before, text), seed.origin.path)
    if not changes:
        raise ConfigError(f"{subject.id[:8]} is {seed.origin.path} as it was: name another one of `gi front`.")
    return Patch(subject.id, _header(archive, subject).encode() + changes, _note(seed))


def write_patch(archive: Archive, subject: Subject, out: Path, *, force: bool = False) -> Patch:
    """Writes `model_patch` to the file `out`. Raises `ConfigError` where that exists, without `force`."""
    if out.is_dir() or (out.exists() and not force):
        raise ConfigError(f"{out} exists: pass --force to replace a file, or another name as --patch.")
    patch = model_patch(archive, subject)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, patch.content)
    return patch


def _own_file(archive: Archive) -> Program:
    """The user's file that a run started from."""
    # Of gi's own programs no original bytes are kept.
    seed = next((seed for seed in archive.seeds() if seed.original is not None), None)
    if seed is None:
        raise ConfigError("--patch: the run started from gi's own programs; `gi evolve MODEL.py` starts from a file.")
    return seed


def _header(archive: Archive, subject: Subject) -> str:
    """Comment lines that git and patch skip: the individual, and the origins and licences of borrowed lines."""
    borrowed = borrowed_parts(subject.origins)
    rows = [f"  {part_text(o, last)}: {origin_text(o.origin)}" for o, last in borrowed if o.origin]
    about = f"{subject.id} of a run on {Path(archive.run().config.dataset).name}, by gi {gi.__version__}"
    lines = [about, *subject.notes, *(["Borrowed:", *rows] if rows else [])]
    return "".join(f"{comment(line)}\n" for line in lines) + "\n"


def _note(seed: Program) -> str:
    path = Path(seed.origin.repository, seed.origin.path)
    try:
        same = path.read_bytes() == seed.original
    except OSError as error:
        return f"{path} cannot be read ({(error.strerror or '').lower()}): the patch is for the file that the run read."
    return "" if same else f"{path} has changed since the run read it: the patch is for the file as it was then."
