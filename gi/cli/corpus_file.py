"""Opens the corpus that a verb names, or the one that every run borrows from."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gi.core.settings import cache_folder

if TYPE_CHECKING:
    from gi.corpus import Corpus


def open_corpus(path: Path | None, *, create: bool = False) -> "Corpus":
    """The corpus at `path`; without one the default corpus, built first where it is missing.

    With `create` a file that is not there yet becomes an empty corpus. Raises `CorpusError`.
    """
    from gi.corpus import Corpus

    if path is not None and create and not path.exists():
        return Corpus.create(path)
    return Corpus.open(path or build_default_corpus())


def build_default_corpus() -> Path:
    """The file of the default corpus; shows a bar while it is being built, the first time."""
    from gi.cli.progress import Stages
    from gi.corpus import default_corpus

    with Stages(sys.stderr) as progress:
        progress.start("the default corpus")
        return default_corpus(cache_folder(), on_progress=progress)
