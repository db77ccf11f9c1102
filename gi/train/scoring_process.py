"""The driver's side of scoring: shows images to a process that has no labels, and compares its outputs with them."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import TypeAlias

import numpy as np

from gi.core.protocols import Job
from gi.core.settings import RunConfig
from gi.data.dataset import Dataset, SplitName, open_split
from gi.data.splits import stratified_order
from gi.train.answer import is_amount
from gi.train.conversation import Conversation, JobFailure, no_valid_answer
from gi.train.metrics import METRICS, Labels, Outputs, auc, error
from gi.train.request import ScoringRequest
from gi.train.shown_images import Images, Pixels, ShownImages, samples_at_once
from gi.train.state import State, misfit, written_state

SCORE, REFERENCE = "gi.train.scorer:run", "gi.train.scorer:reference"
#: Operations as JSON, and the tensors that they begin with as safetensors.
Recording: TypeAlias = tuple[bytes, bytes]
_FLOAT_BYTES, _OUTPUT_BYTES = 4, 8
_LARGEST_RECORDING = 1 << 30
# At once, of a timed network: more would push out of the processor's cache what other workers have there.
_MOST_SHOWN_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class RebuiltNetwork:
    """A process's own account of the network that it rebuilt: multiply-adds, and its state's names in order."""

    macs: float
    names: tuple[str, ...]


class ScoringProcess:
    """A process that answers images with the outputs of its network. Its methods raise `JobFailure`.

    Images reach it through a memory of its own, which another process that is timed beside it cannot read.
    """

    def __init__(self, talk: Conversation, request: ScoringRequest, images: ShownImages) -> None:
        """Has the process build its network."""
        self._talk, self._images, self._request = talk, images, request
        talk.send(dataclasses.asdict(request))
        talk.hand_over(images)
        self._facts = talk.answer()
        self.classes = request.task.num_classes

    def take(self, learned: State) -> RebuiltNetwork:
        """Has the process load the learned state into its network, after names, dtypes and shapes were compared."""
        expected = self._facts.get("state")
        if not isinstance(expected, list) or not is_amount(self._facts.get("macs")):
            raise no_valid_answer("a count")
        if reason := misfit(learned, expected):
            raise JobFailure("measure", "other weights", reason)
        self._talk.stage = "measure"
        self._talk.send_bytes(written_state(learned))
        return RebuiltNetwork(float(self._facts["macs"]), tuple(str(row[0]) for row in expected))

    def outputs(self, images: Images, **how: bool) -> Outputs:
        """The network's outputs (n, classes) for at most `images_at_once` images, in their order."""
        self._images.show(images)
        self._talk.send({"samples": len(images), **how})
        self._talk.answer()
        shape = (len(images), self.classes)
        content = self._talk.content(prod(shape) * _OUTPUT_BYTES)
        if len(content) != prod(shape) * _OUTPUT_BYTES:
            raise no_valid_answer(f"{len(content)} bytes of outputs")
        logits = np.frombuffer(content, np.float64).reshape(shape)
        if not np.isfinite(logits).all():
            raise JobFailure("measure", "nan", "an output for a sample to score is not finite")
        return logits

    def recording(self, images: Images) -> Recording:
        """The operations of torch that the network calls for a batch, by its process's word; see `repetition`."""
        self._images.show(images)
        self._talk.send({"samples": len(images), "record": True})
        self._talk.answer()
        return self._talk.content(_LARGEST_RECORDING), self._talk.content(_LARGEST_RECORDING)

    def spent_s(self) -> float:
        """The seconds used so far: CPU seconds by the kernel's account, wall seconds on another device."""
        return self._talk.resting_cpu_s() if self._request.device == "cpu" else self._talk.wall_s


def scoring_request(job: Job, dataset: Dataset, config: RunConfig, *, timed: bool) -> ScoringRequest:
    """The request to rebuild a job's network, with the size of the memory for its images."""
    shape = dataset.task.input_shape
    size = min(config.batch_size, dataset.num_train) if timed else samples_at_once(*shape[1:])
    most = size * max(1, _MOST_SHOWN_BYTES // _bytes(size, shape)) if timed else size
    return ScoringRequest(
        job.text, config.entry, job.seed, config.device, dataset.task, size, timed, shared_bytes=_bytes(most, shape)
    )


def images_at_once(request: ScoringRequest) -> int:
    """How many images there is memory for: a whole number of batches."""
    return request.shared_bytes // _bytes(1, request.task.input_shape)


def _bytes(count: int, shape: tuple[int, ...]) -> int:
    return count * prod(shape) * _FLOAT_BYTES


@lru_cache(maxsize=4)
def samples(path: Path, split: SplitName, count: int | None = None) -> tuple[Pixels, Labels]:
    """Images and labels of a split, or of the first `count` samples of its stratified order. Raises `DatasetError`."""
    images, labels = open_split(path, split)
    if count is None or count >= len(labels):
        return images, np.asarray(labels)
    first = np.sort(stratified_order(labels)[:count])
    return images[first], labels[first]


def figures(logits: Outputs, labels: Labels, metric: str) -> Mapping[str, float]:
    """`error` by the run's metric, `accuracy` and `auc` of a network's outputs."""
    wrong = METRICS[metric](logits, labels)
    return {"error": wrong, "accuracy": 1.0 - error(logits, labels), "auc": auc(logits, labels)}
