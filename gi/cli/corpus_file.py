"""Opens the corpus that a verb names, or the one that every run borrows from."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gi.api.default_corpus import build_default_corpus
from gi.cli.options import tell
from gi.core.settings import cache_folder

if TYPE_CHECKING:
    from gi.corpus import Corpus

DEFAULT_CORPUS = "the default corpus"


def open_corpus(path: Path | None, *, create: bool = False) -> "Corpus":
    """The corpus at `path`; without one the default corpus, built first where it is missing.

    With `create` a file that is not there yet becomes an empty corpus. Raises `CorpusError`.
    """
    from gi.corpus import Corpus

    if path is not None and create and not path.exists():
        return Corpus.create(path)
    return Corpus.open(path or _default_corpus())


def _default_corpus() -> Path:
    """The file of the default corpus, with a bar while it is being built, the first time."""
    from gi.cli.progress import Stages

    with Stages(sys.stderr) as progress:
        progress.start(DEFAULT_CORPUS)
        return build_default_corpus(tell=tell, on_progress=progress)


def fetch_missing_packages(stock: "Corpus") -> None:
    """Fetches the packages that the default corpus lacks; prints which could not be fetched, or that it lacks none."""
    from gi.cli.progress import Stages
    from gi.corpus import add_packages, fetch_text, missing_packages

    wanted, left_out = missing_packages(stock), list[str]()
    tell(fetch_text(wanted) if wanted else "the default corpus holds every package of its list: nothing to fetch")
    with Stages(sys.stderr) as progress:
        progress.start("the packages")
        add_packages(stock, cache_folder(), on_progress=progress, tell=left_out.append)
    for line in left_out:  # once the bar has gone, into which they would be written
        tell(line)
