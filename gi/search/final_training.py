"""The end of a run: the front trained from scratch on several seeds, scored on validation and then once on test.

The best of the front is chosen by the validation errors of these trainings: the search's own is one short training,
and the least of many such is the luckiest. The test errors are only shown.
"""

from collections.abc import Sequence

from gi.archive import WEIGHTS, Archive
from gi.core.protocols import Job
from gi.core.settings import RunConfig
from gi.core.streams import torch_seed
from gi.core.types import Outcome, Scored


def retraining_jobs(
    archive: Archive, config: RunConfig, front: Sequence[str], cpu_limit_s: float | None = None
) -> list[Job]:
    """The trainings of the front members (ids) that the archive does not hold yet."""
    done = {(r.individual, r.seed, r.images) for r in archive.outcomes.retrainings()}
    jobs = [job for id_ in front for job in _jobs(archive, config, id_, cpu_limit_s)]
    return [job for job in jobs if (job.id, job.seed, job.images) not in done]


def kept_weights(job: Job, outcome: Outcome) -> str | None:
    """Where a retraining left its weights, relative to the run's folder; None where none were kept."""
    return f"{WEIGHTS}/{job.id}.pt" if isinstance(outcome, Scored) and job.weights_path else None


def _jobs(archive: Archive, config: RunConfig, id_: str, cpu_limit_s: float | None) -> list[Job]:
    """The retrainings of one front member; the first one's weights are kept."""
    text, kept = archive.text(id_), str(archive.folder / WEIGHTS / f"{id_}.pt")
    seeds = [torch_seed(config.seed, "retrain", n) for n in range(config.final_seeds)]
    return [
        Job(id_, text, seed, config.final_images, "test", None if n else kept, cpu_limit_s)
        for n, seed in enumerate(seeds)
    ]
