"""The driver's side of scoring: shows images to a process that has no labels, and compares its outputs with them."""

import dataclasses
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gi.data.dataset import Dataset, SplitName, open_split
from gi.data.splits import stratified_order
from gi.train.answer import is_amount
from gi.train.conversation import Conversation, JobFailure, no_valid_answer
from gi.train.metrics import METRICS, Labels, Outputs, auc, error
from gi.train.request import ScoringRequest
from gi.train.shown_images import ShownImages, samples_at_once
from gi.train.state import State, misfit, written_state

SCORE = "gi.train.scorer:run"
_FLOAT_BYTES = 8
Images = NDArray[np.uint8]


class ScoringProcess:
    """A process that is given a trained network, by the `talk` with it. Its methods raise `JobFailure`.

    `macs` is what the process counts for its network, `names` are those of the network's state, in its order.
    """

    def __init__(self, talk: Conversation, request: ScoringRequest, images: ShownImages, learned: State) -> None:
        """Has the process build the network and take what it learned."""
        self._talk = talk
        self._images = images
        self._task = request.task
        talk.send(dataclasses.asdict(request))
        talk.hand_over(images)
        answer = talk.answer()
        expected = answer.get("state")
        if not isinstance(expected, list) or not is_amount(answer.get("macs")):
            raise no_valid_answer("a count")
        if reason := misfit(learned, expected):
            raise JobFailure("measure", "other weights", reason)
        self.macs = float(answer["macs"])
        self.names = tuple(str(row[0]) for row in expected)
        talk.stage = "measure"
        talk.send_bytes(written_state(learned))

    def relative_time(self, images: Images) -> float:
        """The time of the network on these images as a ratio to the reference network's."""
        self._images.show(images)
        self._talk.send({"do": "time", "samples": len(images)})
        ratio = self._talk.answer().get("time", -1.0)
        if not is_amount(ratio):
            raise no_valid_answer("the time")
        return float(ratio)

    def outputs(self, images: Images) -> Outputs:
        """The network's outputs (n, classes) for all images, in their order."""
        size = samples_at_once(*self._task.input_shape[1:])
        parts = [self._some(images[start : start + size], begin=not start) for start in range(0, len(images), size)]
        return np.concatenate(parts)

    def _some(self, images: Images, *, begin: bool) -> Outputs:
        self._images.show(images)
        self._talk.send({"do": "begin" if begin else "go on", "samples": len(images)})
        self._talk.answer()
        shape = (len(images), self._task.num_classes)
        content = self._talk.content(shape[0] * shape[1] * _FLOAT_BYTES)
        if len(content) != shape[0] * shape[1] * _FLOAT_BYTES:
            raise no_valid_answer(f"{len(content)} bytes of outputs")
        logits = np.frombuffer(content, np.float64).reshape(shape)
        if not np.isfinite(logits).all():
            raise JobFailure("measure", "nan", "an output for a sample to score is not finite")
        return logits


def scoring_request(
    dataset: Dataset, text: str, *, entry: str, seed: int, device: str, batch_size: int
) -> ScoringRequest:
    """What a process needs to build a network again and to be shown images."""
    shape = dataset.task.input_shape
    most = max(samples_at_once(*shape[1:]), batch_size)
    return ScoringRequest(
        text, entry, seed, device, dataset.task, dataset.mean, dataset.std, most * int(np.prod(shape))
    )


@lru_cache(maxsize=4)
def samples(path: Path, split: SplitName, count: int | None = None) -> tuple[Images, Labels]:
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
