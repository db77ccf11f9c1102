"""A trained network's outputs for the splits that it is scored on, and its time, from processes of its own."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from gi.core.protocols import Job
from gi.core.settings import RunConfig
from gi.data.dataset import Dataset, SplitName
from gi.train.conversation import JobFailure
from gi.train.metrics import Outputs
from gi.train.request import ScoringRequest
from gi.train.scoring_process import (
    REFERENCE,
    SCORE,
    RebuiltNetwork,
    ScoringProcess,
    images_at_once,
    samples,
    scoring_request,
)
from gi.train.shown_images import normaliser
from gi.train.state import State
from gi.train.timed_batches import TimedBatches
from gi.train.timing import Normalise, Timing, timed

#: Starts a process of one of the two kinds, which ends with its context.
Start: TypeAlias = Callable[[str, ScoringRequest], AbstractContextManager[ScoringProcess]]
_TOLERANCE = 1e-4  # of the largest output: the same sums of the same numbers, on a device perhaps in another order


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """The rebuilt network, its outputs (n, classes) by split, and its relative time, None where it was not timed."""

    built: RebuiltNetwork
    outputs: Mapping[SplitName, Outputs]
    relative_time: float | None


def scored_splits(job: Job) -> tuple[SplitName, ...]:
    """The splits that a job is scored on: for a final training validation and test, else validation alone."""
    return ("validation",) if job.split == "validation" else ("validation", "test")


def untimed(job: Job, dataset: Dataset, config: RunConfig, learned: State, start: Start) -> Answered:
    """The outputs for as many images at once as fit, from one process. Raises `JobFailure`."""
    request = scoring_request(job, dataset, config, timed=False)
    normalise, size = normaliser(dataset.mean, dataset.std), images_at_once(request)
    outputs: dict[SplitName, Outputs] = {}
    with start(SCORE, request) as process:
        built = process.take(learned)
        for split in scored_splits(job):
            pixels, _ = samples(dataset.path, split, _count(job, split))
            parts = [process.outputs(normalise(pixels[n : n + size])) for n in range(0, len(pixels), size)]
            outputs[split] = np.concatenate(parts)
    return Answered(built, outputs, None)


def with_time(job: Job, dataset: Dataset, config: RunConfig, learned: State, start: Start) -> Answered:
    """The outputs and the time, from one process for each; the outputs of both are equal. Raises `JobFailure`.

    So a program gains nothing by telling the two apart: quick answers that are wrong either count, or differ and fail
    the job.
    """
    request = scoring_request(job, dataset, config, timed=True)
    normalise = normaliser(dataset.mean, dataset.std)
    parts = {split: samples(dataset.path, split, _count(job, split))[0] for split in ("train", *scored_splits(job))}
    batches = TimedBatches(parts, request.batch_size)
    most = images_at_once(request) // request.batch_size
    with start(SCORE, request) as program, start(REFERENCE, request) as reference:
        program.take(learned)
        timing = timed(program, reference, batches, normalise, most_at_once=most)
    with start(SCORE, request) as process:
        built = process.take(learned)
        return Answered(built, _scored(process, batches, timing, normalise), timing.ratio)


def _scored(
    process: ScoringProcess, batches: TimedBatches, timing: Timing, normalise: Normalise
) -> Mapping[SplitName, Outputs]:
    """The outputs of the scored splits. Raises `JobFailure` where what was timed gave others."""
    found = batches.places(process.classes)
    when_timed = dict(timing.answers)
    for window in batches.scored_windows(list(when_timed), timing.at_once):
        outputs = process.outputs(normalise(batches.pixels(window)))
        if window in when_timed:
            _compare(when_timed[window], outputs)
        for batch, part in zip(window, np.split(outputs, len(window)), strict=True):
            if batch.split in found:
                found[batch.split][batch.rows] = part[: len(batch.rows)]
    return found


def _compare(when_timed: Outputs, outputs: Outputs) -> None:
    apart = float(np.abs(when_timed - outputs).max())
    if apart > _TOLERANCE * (1 + float(np.abs(outputs).max())):
        raise JobFailure("measure", "other outputs", f"when it was timed, an output was another one by {apart:.3g}")


def _count(job: Job, split: SplitName) -> int | None:
    return job.scored if split == "validation" else None
