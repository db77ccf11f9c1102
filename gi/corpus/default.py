"""The corpus that a run borrows from unless it is given another: torchvision's source and the seed programs."""

import errno
import tempfile
from importlib import metadata
from pathlib import Path

import gi
from gi.core.errors import CorpusError
from gi.core.types import Origin, Program
from gi.corpus.insert import digest_of
from gi.corpus.schema import VERSION
from gi.corpus.store import Corpus
from gi.harvest import Harvest, Progress, bundled, harvest, package_terms

_REPOSITORY = "gi"
_LICENCE = "Apache-2.0"


def seed_programs(folder: Path | None = None) -> tuple[Program, ...]:
    """The project's own seed programs, by file name; of another folder of programs, those."""
    folder = folder or bundled() / "seeds"
    files = sorted(folder.glob("*.py"))
    return tuple(
        Program(file.read_text(encoding="utf-8"), Origin(_REPOSITORY, "", f"corpus/seeds/{file.name}", 1, _LICENCE))
        for file in files
    )


def default_corpus(cache: Path, *, workers: int | None = None, on_progress: Progress | None = None) -> Path:
    """The file of the default corpus in the folder `cache`, built there unless this gi already built it.

    Its name holds gi's and torchvision's versions, the schema's version and a digest of the seed programs. It is built
    beside its place and renamed: two processes that build at once write the same file twice, each of them whole.
    """
    path, seeds = default_corpus_file(cache), _seeds()
    if path.exists():
        return path
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=".corpus-") as folder:
            built = Path(folder, path.name)
            _build(built, seeds, cache, workers, on_progress)
            built.replace(path)
    except OSError as error:
        reason = "no space is left" if error.errno == errno.ENOSPC else (error.strerror or str(error))
        raise CorpusError(f"the default corpus cannot be built in {cache}: {reason}. Choose another folder.") from error
    return path


def default_corpus_file(cache: Path) -> Path:
    """The path of this gi's default corpus, whether it is built or not."""
    versions = f"gi-{gi.__version__}-torchvision-{metadata.version('torchvision')}-{VERSION}-{digest_of(_seeds())[:8]}"
    return cache / f"corpus-{versions}.sqlite"


def _seeds() -> Harvest:
    return Harvest(_REPOSITORY, "", seed_programs(), licence_files=package_terms("gi"))


def _build(path: Path, seeds: Harvest, cache: Path, workers: int | None, on_progress: Progress | None) -> None:
    with Corpus.create(path) as corpus:
        corpus.add(seeds, workers=1, try_classes=False)  # as blocks they would be whole networks
        corpus.add(
            harvest("torchvision", cache=cache, on_progress=on_progress), workers=workers, on_progress=on_progress
        )
