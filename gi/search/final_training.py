"""The end of a run: the front trained from scratch on several seeds, scored on validation and then once on test.

The best of the front is chosen by the validation errors of these trainings: the search's own error is of one training,
and the least of many such is the luckiest. The test errors are only shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gi.archive import WEIGHTS, Archive, RunRecord
from gi.core.protocols import Job
from gi.core.streams import torch_seed
from gi.core.types import Outcome, Scored


@dataclass(frozen=True, slots=True)
class FinalTrainings:
    """The number of final trainings that a session did, and of those that the budget did not pay for."""

    done: int
    left_out: int


def retraining_jobs(
    archive: Archive, run: RunRecord, front: Sequence[str], cpu_limit_s: float | None = None, *, seeds: int
) -> list[Job]:
    """The final trainings of the front members (ids) that the archive does not hold yet.

    Member by member, on the first `seeds` of the final seeds each, then on the rest of them.
    """
    done = {(r.individual, r.seed, r.images) for r in archive.outcomes.retrainings()}
    # First the seeds that the estimate pays for, for every member; the rest runs if trainings turn out cheaper.
    turns = (range(seeds), range(seeds, run.config.final_seeds))
    jobs = [final_job(archive, run, id_, n, cpu_limit_s) for turn in turns for id_ in front for n in turn]
    return [job for job in jobs if (job.id, job.seed, job.images) not in done]


def final_job(archive: Archive, run: RunRecord, id_: str, n: int, cpu_limit_s: float | None) -> Job:
    """The n-th final training of an individual; the first one's weights are kept."""
    # An export needs one set of weights; a file for each seed would be three times the disk.
    kept = None if n else str(archive.folder / WEIGHTS / f"{id_}.pt")
    # Without the id: members are compared on the same seeds, and a later run finds the training in the cache.
    seed = torch_seed(run.config.seed, "retrain", n)
    return Job(id_, archive.text(id_), seed, run.final_images, "test", kept, cpu_limit_s)


def kept_weights(job: Job, outcome: Outcome) -> str | None:
    """Where a retraining left its weights, relative to the run's folder; None where none were kept."""
    return f"{WEIGHTS}/{job.id}.pt" if isinstance(outcome, Scored) and job.weights_path else None
