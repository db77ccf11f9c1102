"""A tree of files -> its programs."""

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from gi.core.errors import HarvestError, SourceError
from gi.core.text_lines import MAX_LINES
from gi.core.types import Origin, Program
from gi.harvest.licence import licence_files, licences
from gi.harvest.records import Harvest, Progress, Refusal
from gi.harvest.tree import Tree
from gi.lines.decode import decode

#: A program is a Python file that mentions torch or a package called after it (torchvision, torch_geometric), in code,
#: text or comment; `pytorch` alone, as in a name of a URL, does not count.
MENTIONS_TORCH = re.compile(r"(?<![A-Za-z])torch")
#: The largest file that people write by hand is a tenth of this; what is longer was generated.
MAX_BYTES = 2_000_000


def read_programs(tree: Tree, on_progress: Progress | None = None, files: Sequence[str] = ("*",)) -> Harvest:
    """The programs of a tree, in the order of their paths; files that cannot be read as text are refused.

    Paths that match none of the patterns `files` are no programs, but names are resolved through them.
    Raises `HarvestError` where there is no Python file, or none that mentions torch.
    """
    paths = sorted(path for path in tree.sizes if path.endswith(".py"))
    refused = [Refusal(path, "symbolic link") for path in sorted(tree.links) if path.endswith(".py")]
    licence = licences(tree)
    texts: list[Program] = []
    for done, path in enumerate(paths, 1):
        text = _text(tree, path)
        if isinstance(text, Refusal):
            refused.append(text)
        else:
            texts.append(Program(text, Origin(tree.repository, tree.commit, path, 1, licence(path, text))))
        if on_progress:
            on_progress("read", done, len(paths))
    return _harvest(tree, texts, refused, files)


def _text(tree: Tree, path: str) -> str | Refusal:
    if tree.sizes[path] > MAX_BYTES:
        return Refusal(path, f"larger than {MAX_BYTES:,} bytes")
    try:
        text = decode(tree.read(path))
    except SourceError as error:
        return Refusal(path, f"not decodable: {error}")
    except OSError as error:
        return Refusal(path, f"not readable: {error.strerror or error}")
    return text if text.count("\n") < MAX_LINES else Refusal(path, f"longer than {MAX_LINES:,} lines")


def _harvest(tree: Tree, texts: list[Program], refused: Iterable[Refusal], patterns: Sequence[str]) -> Harvest:
    chosen = [_is_program(text, patterns) for text in texts]
    programs = tuple(text for text, is_program in zip(texts, chosen, strict=True) if is_program)
    others = tuple(text for text, is_program in zip(texts, chosen, strict=True) if not is_program)
    refused = tuple(sorted(refused, key=lambda refusal: refusal.path))
    if not programs:
        problem = f"none of its {len(others)} Python files mentions torch" if others else "it holds no Python files"
        skipped = f" ({len(refused)} could not be read)" if refused else ""
        raise HarvestError(f"{tree.repository} is empty to gi: {problem}{skipped}. Pass a source of PyTorch programs.")
    return Harvest(tree.repository, tree.commit, programs, refused, others, licence_files(tree))


def _is_program(file: Program, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(file.origin.path, pattern) for pattern in patterns) and bool(
        MENTIONS_TORCH.search(file.text)
    )
