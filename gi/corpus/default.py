"""The corpus that a run borrows from unless it is given another.

It holds the seed programs, the installed torchvision's source, and the wheels of `corpus/packages.toml` as far as a
package registry is reachable. It is built once; what could not be fetched then is fetched only on request.
"""

import errno
import hashlib
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from importlib import metadata
from pathlib import Path
from typing import TypeAlias

import gi
from gi.core.errors import CorpusError, HarvestError, UnreachableError
from gi.core.settings import is_offline
from gi.core.types import Origin, Program
from gi.corpus.insert import digest_of
from gi.corpus.schema import VERSION
from gi.corpus.store import Corpus
from gi.harvest import (
    Harvest,
    PinnedPackage,
    Progress,
    bundled,
    harvest,
    package_terms,
    packages,
    without_near_copies,
)

#: For all packages together: a registry that is too slow for that counts as one that is not there.
FETCH_LIMIT_S = 180.0

_REPOSITORY = "gi"
_LICENCE = "Apache-2.0"

#: Takes a line about packages that could not be fetched.
Tell: TypeAlias = Callable[[str], None]


def seed_programs(folder: Path | None = None, *, colour: bool = False) -> tuple[Program, ...]:
    """The project's own seed programs, by file name; of another folder of programs, those.

    With `colour` those of the folder `colour` too, whose trainings take several times as long: photographs need wider
    networks at a higher resolution than digits do.
    """
    folder = folder or bundled() / "seeds"
    files = sorted(folder.glob("*.py")) + (sorted((folder / "colour").glob("*.py")) if colour else [])
    return tuple(Program(file.read_text(encoding="utf-8"), _origin(file.relative_to(folder))) for file in files)


def _origin(path: Path) -> Origin:
    return Origin(_REPOSITORY, "", f"corpus/seeds/{path.as_posix()}", 1, _LICENCE)


def default_corpus(
    cache: Path,
    *,
    workers: int | None = None,
    on_progress: Progress | None = None,
    tell: Tell = lambda _: None,
) -> Path:
    """The file of the default corpus in the folder `cache`, built there unless this gi already built it.

    Its name holds gi's and torchvision's versions, the schema's version and a digest of the seed programs and of the
    list of packages. It is built beside its place and renamed: two processes that build at once write the same file
    twice, each of them whole. With $GI_OFFLINE no package is fetched.
    """
    path, seeds = default_corpus_file(cache), _seeds()
    if path.exists():
        return path
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=".corpus-") as folder:
            built = Path(folder, path.name)
            with closing(Corpus.create(built)) as corpus:
                corpus.add(seeds, workers=1, blocks=())  # as blocks they would be whole networks
                corpus.add(
                    harvest("torchvision", cache=cache, on_progress=on_progress),
                    workers=workers,
                    on_progress=on_progress,
                )
                if not is_offline():
                    add_packages(corpus, cache, workers=workers, on_progress=on_progress, tell=tell)
            built.replace(path)
    except OSError as error:
        reason = "no space is left" if error.errno == errno.ENOSPC else (error.strerror or str(error))
        raise CorpusError(f"the default corpus cannot be built in {cache}: {reason}. Choose another folder.") from error
    return path


def default_corpus_file(cache: Path) -> Path:
    """The path of this gi's default corpus, whether it is built or not."""
    contents = hashlib.sha256(repr((digest_of(_seeds()), packages())).encode()).hexdigest()[:8]
    versions = f"gi-{gi.__version__}-torchvision-{metadata.version('torchvision')}-{VERSION}-{contents}"
    return cache / f"corpus-{versions}.sqlite"


def missing_packages(corpus: Corpus) -> tuple[PinnedPackage, ...]:
    """The packages of the list that a corpus does not hold, in the list's order."""
    return tuple(package for package in packages() if not corpus.holds(package.repository))


def add_packages(
    corpus: Corpus,
    cache: Path,
    *,
    workers: int | None = None,
    on_progress: Progress | None = None,
    tell: Tell = lambda _: None,
) -> None:
    """Fetches the packages that a corpus lacks and adds them; `tell` gets a line for what could not be fetched.

    The first that the registry does not answer for, or that is late after `FETCH_LIMIT_S` seconds of all, is the last
    that is asked for: without a network the others would only take as long.
    """
    wanted, fetched_s = missing_packages(corpus), 0.0
    for at, package in enumerate(wanted):
        start = time.monotonic()
        try:
            harvested = harvest(
                package.source,
                cache=cache,
                on_progress=on_progress,
                files=package.files,
                download_limit_s=max(FETCH_LIMIT_S - fetched_s, 1.0),
            )
        except UnreachableError as error:
            tell(_left_out_text(wanted[at:], error))
            return
        except HarvestError as error:
            tell(_left_out_text((package,), error))
            continue
        fetched_s += time.monotonic() - start  # typing and trying take longer, and are not the registry's fault
        corpus.add(without_near_copies(harvested), workers=workers, on_progress=on_progress, blocks=package.blocks)


def fetch_text(wanted: Sequence[PinnedPackage]) -> str:
    """One line on what is going to be fetched, from where, and how large it is."""
    names = ", ".join(f"{package.name} {package.version}" for package in wanted)
    size = sum(package.num_bytes for package in wanted) / 1e6
    return f"fetching {len(wanted)} packages to borrow lines from, once, {size:.0f} MB, from pip's registry: {names}"


def _left_out_text(left_out: Sequence[PinnedPackage], error: HarvestError) -> str:
    names = ", ".join(package.name for package in left_out)
    return f"{str(error).rstrip('.')}; programs borrow nothing from {names} until `gi corpus --fetch` has fetched it."


def _seeds() -> Harvest:
    return Harvest(_REPOSITORY, "", seed_programs(), licence_files=package_terms("gi"))
