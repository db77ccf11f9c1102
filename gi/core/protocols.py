"""Where parts meet: the Protocols that stages are written against, so that each can be tested with a stand-in."""

import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from gi.core.types import Ingredient, LineType, Offspring, Origin, Outcome, Refused, Task


class Ingredients(Protocol):
    """A stock of typed lines to borrow from."""

    def sample(self, rng: random.Random, line_type: LineType) -> Ingredient | None:
        """One ingredient of a type, drawn from a stable order; None where the stock has none."""
        ...


class Check(Protocol):
    """Runs a program on meta tensors in the isolated check worker and says what every call received.

    The answer is the plain record `gi.core.trace.Trace`, or `gi.core.trace.Stopped` where the program stopped.
    """

    def __call__(self, text: str, task: Task) -> Any:
        """The answer for one program and the shape it has to fit."""
        ...


class Lookup(Protocol):
    """What the installed torch offers, asked of the check worker so that the driver need not import torch."""

    def signature(self, symbol: str) -> "Signature | None":
        """The parameters of a class or function, None where there is no such symbol or signature."""
        ...

    def counterpart(self, symbol: str) -> str | None:
        """The layer class of a function ("torch.nn.functional.relu": "torch.nn.ReLU") or the function of a class."""
        ...

    def block(self, source: str, name: str, calls: Sequence[object]) -> Mapping[str, Any]:
        """What trying a module class of a text found, as the fields of a `Block`; {"reason", "detail"} for none."""
        ...


Signature = tuple[tuple[str, bool], ...]
"""Each parameter's name, and whether it must be given."""


class Variation(Protocol):
    """Makes one offspring of one or two parent texts by operators drawn by their shares.

    `known` holds digests that count as duplicates; `origin_of` gives the origin of a line (1-based) of the second
    parent, None where it is unknown. What operators take and return is defined by the variation.
    """

    def __call__(
        self,
        parents: Sequence[str],
        *,
        rng: random.Random,
        known: frozenset[str] | set[str],
        origin_of: Callable[[int], Origin | None],
        operators: Mapping[str, Callable[..., Any]],
        shares: Mapping[str, float],
    ) -> Offspring | Refused:
        """An offspring that was accepted, or every try that was refused."""
        ...


@dataclass(frozen=True, slots=True)
class Job:
    """One training and measurement: `seed` starts weights, batches and augmentation.

    `images` is how many training samples are presented (with repetition); `split` is what the network is scored on
    afterwards: `error` is measured there. A final training, on the test split, is scored on the validation split first
    and has that error as `validation_error`. `scored` is the number of validation samples that count, the first of
    `gi.data.splits.stratified_order`, the same for every seed; None for all. The test split always counts whole.

    With `weights_path` the trained state dict is written there. `cpu_limit_s` is the CPU seconds that a training of
    `gi.core.settings.PACE_IMAGES` images may take, in place of the run's own. `inherit_from` is the parent's trained
    state dict, a file ID.pt: the training starts from what the network has in common with it. Without `timed`
    inference is not timed: `time` is then the cost model's estimate of the same ratio, equal on every machine.
    """

    id: str
    text: str
    seed: int
    images: int
    split: Literal["validation", "test"] = "validation"
    weights_path: str | None = None
    cpu_limit_s: float | None = None
    inherit_from: str | None = None
    timed: bool = True
    scored: int | None = None


class Executor(Protocol):
    """Evaluates jobs, several at a time, each isolated from the rest; a job's failure is a value, never raised."""

    @property
    def capacity(self) -> int:
        """How many jobs run at once."""
        ...

    def submit(self, job: Job) -> "Future[Outcome]":
        """The outcome to come; waits for nothing."""
        ...

    def shutdown(self) -> None:
        """Kills what is running and lets go of every process."""
        ...


class CostModel(Protocol):
    """Stands in for the clock: figures computed from the program alone, equal on every machine."""

    def __call__(self, job: Job) -> Mapping[str, float]:
        """The figures that take the clock's place, by objective key."""
        ...
