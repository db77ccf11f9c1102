"""The driver's side of a training: the files that the process may read, and the checks of what it sends back."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from gi.core.types import Seeding
from gi.data.dataset import Dataset
from gi.train.answer import is_amount
from gi.train.conversation import Conversation, no_valid_answer
from gi.train.request import Request
from gi.train.start.wire import seeding_from_json
from gi.train.state import State, StateError, num_learned, read_state

TRAIN = "gi.train.job:run"
_BYTES_PER_MB = 1 << 20
_LARGEST_SHARE = 1 / 2  # of the process's memory: it holds what it sends twice


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """The result of a training: the learned state of the network, and on demand its constant buffers.

    `losses` are those before each step, of a final training only, by its word; no value of a score comes from them.
    `params` is the number of values that it learned, `built_params` that of the network as it was built, `macs` its
    multiply-adds; these are the process's word, but the first two are at least as many as were sent. `train_cpu_s`
    is the kernel's account.
    """

    learned: State
    constants: State
    params: int
    built_params: int
    macs: float
    train_cpu_s: float
    seeding: Seeding | None
    losses: tuple[float, ...]


@dataclass(slots=True)
class TrainingTime:
    """The kernel's account of a training, while it lasts: None before it began."""

    began_cpu_s: float | None = None
    cpu_s: float = 0.0


def training_files(dataset: Dataset) -> tuple[str, ...]:
    """The files of a data set that a training reads: no images and no labels of the other splits."""
    names = ("dataset.json", "train_images.npy", "train_labels.npy")
    return tuple(str((dataset.path / name).absolute()) for name in names)


def trained(talk: Conversation, request: Request, dataset: Dataset, memory_mb: int, spent: TrainingTime) -> Trained:
    """Has the process train the request's program. Raises `JobFailure`."""
    talk.send(dataclasses.asdict(request))
    while "stage" in (answer := talk.answer()):
        match answer["stage"]:
            case "train":
                # Read while the process waits: its own clock could be the program's.
                spent.began_cpu_s = talk.cpu_s()
                talk.send({"dataset": str(dataset.path.absolute())})
            case "measure":
                spent.cpu_s = talk.cpu_s() - (spent.began_cpu_s or 0.0)
                talk.send({})
    largest = int(memory_mb * _BYTES_PER_MB * _LARGEST_SHARE)
    amounts = _amounts(answer, ("params", "built_params", "macs", "inherit_cpu_s"))
    parts = [_state(talk, largest) for _ in range(2 if request.keep_constants else 1)]
    spent.cpu_s += min(amounts["inherit_cpu_s"], spent.began_cpu_s or 0.0)
    least = num_learned(parts[0])
    return Trained(
        parts[0],
        parts[1] if request.keep_constants else {},
        max(int(amounts["params"]), least),
        max(int(amounts["built_params"]), least),
        amounts["macs"],
        spent.cpu_s,
        seeding_from_json(answer.get("seeding")),
        _losses(answer.get("losses")),
    )


def _amounts(answer: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, float]:
    if not all(is_amount(answer.get(name)) for name in names):
        raise no_valid_answer("a count")
    return {name: float(answer[name]) for name in names}


def _losses(reported: Any) -> tuple[float, ...]:
    if not isinstance(reported, list) or not all(isinstance(loss, float) and isfinite(loss) for loss in reported):
        raise no_valid_answer("a loss")
    return tuple(reported)


def _state(talk: Conversation, largest: int) -> State:
    try:
        return read_state(talk.content(largest))
    except StateError as error:
        raise no_valid_answer(str(error)) from None
