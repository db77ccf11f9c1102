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
    Recording,
    ScoringProcess,
    images_at_once,
    samples,
    scoring_request,
)
from gi.train.shown_images import Images, normaliser
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
    batch: "RecordedBatch | None" = None


@dataclass(frozen=True, slots=True, eq=False)
class RecordedBatch:
    """What the network seems to call for a batch, and a batch of the same size with its outputs, shown to it later."""

    recording: Recording
    images: Images
    outputs: Outputs


def scored_splits(job: Job) -> tuple[SplitName, ...]:
    """The splits that a job is scored on: for a final training validation and test, else validation alone."""
    return ("validation",) if job.split == "validation" else ("validation", "test")


def untimed(job: Job, dataset: Dataset, config: RunConfig, learned: State, start: Start, *, record: bool) -> Answered:
    """The outputs for as many images at once as fit, from one process. Raises `JobFailure`.

    To `record`, the first batch of the validation split is answered once more, as the operations that it takes.
    """
    request = scoring_request(job, dataset, config, timed=False)
    normalise, size = normaliser(dataset.mean, dataset.std), images_at_once(request)
    outputs: dict[SplitName, Outputs] = {}
    with start(SCORE, request) as process:
        built = process.take(learned)
        first = normalise(samples(dataset.path, "validation", job.scored)[0][: min(size, request.batch_size)])
        recording = process.recording(_noise(first)) if record else None
        for split in scored_splits(job):
            pixels, _ = samples(dataset.path, split, _count(job, split))
            parts = [process.outputs(normalise(pixels[n : n + size])) for n in range(0, len(pixels), size)]
            outputs[split] = np.concatenate(parts)
    batch = RecordedBatch(recording, first, outputs["validation"][: len(first)]) if recording else None
    return Answered(built, outputs, None, batch)


def _noise(images: Images) -> Images:
    """Images of the same shape that say nothing of these: what is recorded must not know what it is compared on."""
    return np.random.default_rng(len(images)).standard_normal(images.shape, np.float32)


def with_time(job: Job, dataset: Dataset, config: RunConfig, learned: State, start: Start, *, record: bool) -> Answered:
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
        noise = _noise(np.empty((request.batch_size, *dataset.task.input_shape), np.float32))
        recording = process.recording(noise) if record else None
        outputs, (images, first) = _scored(process, batches, timing, normalise, size=request.batch_size)
        return Answered(built, outputs, timing.ratio, RecordedBatch(recording, images, first) if recording else None)


def _scored(
    process: ScoringProcess, batches: TimedBatches, timing: Timing, normalise: Normalise, *, size: int
) -> tuple[Mapping[SplitName, Outputs], tuple[Images, Outputs]]:
    """The outputs of the scored splits, and the first batch (of `size`) that was shown, with its own.

    Raises `JobFailure` where what was timed gave others.
    """
    found = batches.places(process.classes)
    when_timed = dict(timing.answers)
    first: tuple[Images, Outputs] | None = None
    for window in batches.scored_windows(list(when_timed), timing.at_once):
        images = normalise(batches.pixels(window))
        outputs = process.outputs(images)
        first = first or (images[:size], outputs[:size])
        if window in when_timed:
            _compare(when_timed[window], outputs)
        for batch, part in zip(window, np.split(outputs, len(window)), strict=True):
            if batch.split in found:
                found[batch.split][batch.rows] = part[: len(batch.rows)]
    assert first is not None, "a split to score has samples"
    return found, first


def _compare(when_timed: Outputs, outputs: Outputs) -> None:
    apart = float(np.abs(when_timed - outputs).max())
    if apart > _TOLERANCE * (1 + float(np.abs(outputs).max())):
        raise JobFailure("measure", "other outputs", f"when it was timed, an output was another one by {apart:.3g}")


def _count(job: Job, split: SplitName) -> int | None:
    return job.scored if split == "validation" else None
