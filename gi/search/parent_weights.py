"""Whose trained weights a child's training starts from, and which files of a run hold them.

Parents are members of the last closed population, or seed programs in generation 0: all of them are scored before a
child is submitted, so their files are there, and which ones are there follows from the archive alone.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from gi.archive import Archive
from gi.core.protocols import Job
from gi.core.types import Individual
from gi.search.twins import Twins

TRAINED = "trained"


def inheriting(job: Job, individual: Individual, archive: Archive, twins: Twins) -> Job:
    """The job of an individual, its weights kept, started from those of its first parent.

    A twin was never trained: the weights of the individual that was stand for its own.
    """
    parent = twins.first(archive.individuals.by_prefix(individual.parents[0])) if individual.parents else None
    return dataclasses.replace(
        job,
        weights_path=str(_file(archive, individual.id)),
        inherit_from=None if parent is None else str(_file(archive, parent)),
    )


def forget_dead(archive: Archive, twins: Twins, population: Sequence[str], young: Sequence[str]) -> None:
    """Deletes the weights of all but those who may become parents; what has gone already is no error.

    These are the last closed `population`, and the `young` of the generation after it.
    """
    parents = {twins.first(archive.individuals.by_prefix(id_)) for id_ in population}
    kept = {_file(archive, id_).name for id_ in (*parents, *young)}
    folder = archive.folder / TRAINED
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name not in kept:
            path.unlink(missing_ok=True)


def _file(archive: Archive, id_: str) -> Path:
    return archive.folder / TRAINED / f"{id_}.pt"
