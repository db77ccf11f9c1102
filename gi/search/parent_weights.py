"""The trained weights that a child's training starts from, and the files of a run that hold them.

A parent is scored before a child of it is decided, so its file is there, and which files are there follows from the
archive alone.
"""

import dataclasses
from collections.abc import Iterable
from pathlib import Path

from gi.archive import Archive
from gi.core.protocols import Job
from gi.core.types import Individual
from gi.search.twins import Twins

TRAINED = "trained"


def inheriting(job: Job, individual: Individual, archive: Archive, twins: Twins) -> Job:
    """The job with its trained weights kept, and started from those of the individual's first parent.

    A twin was never trained: the weights of its first stand in.
    """
    parent = twins.first(archive.individuals.by_prefix(individual.parents[0])) if individual.parents else None
    return dataclasses.replace(
        job,
        weights_path=str(_file(archive, individual.id)),
        inherit_from=None if parent is None else str(_file(archive, parent)),
    )


def forget_dead(archive: Archive, twins: Twins, parents: Iterable[str], young: Iterable[str]) -> None:
    """Deletes the weights of all individuals that cannot become parents; a missing file is no error.

    Kept are those of the present `parents`, of the `young`, whose outcomes may not have been read yet, and of the
    parents of the young, from which trainings may still start.
    """
    born = [archive.individuals.by_id(id_) for id_ in young]
    alive = [*map(archive.individuals.by_id, {*parents, *(i.parents[0] for i in born if i.parents)}), *born]
    kept = {_file(archive, id_).name for individual in alive for id_ in (individual.id, twins.first(individual))}
    folder = archive.folder / TRAINED
    # All but the kept ones, without a list of what to delete: a killed session leaves files that no list names.
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name not in kept:
            path.unlink(missing_ok=True)


def _file(archive: Archive, id_: str) -> Path:
    return archive.folder / TRAINED / f"{id_}.pt"
