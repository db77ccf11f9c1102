"""Records of an explanation: the changes since the seed program, the verdict on each, and the figures behind it."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from gi.core.decoding import decoded
from gi.core.types import Origin
from gi.explain.difference import Change

Status: TypeAlias = Literal["kept", "dropped"]
Levels: TypeAlias = Mapping[str, tuple[float, ...]]
"""The values of each objective, one for each training, in the order of the seeds."""
UNMEASURED = "not measured"
"""The reason of a verdict without any training."""


@dataclass(frozen=True, slots=True)
class Effect:
    """Effect of a change on one objective: the mean with it less the mean without it, plus or minus `noise`.

    `noise` is half of the difference's 95 % interval, 0 where the figure does not vary. Negative is better.
    """

    objective: str
    difference: float
    noise: float = 0.0

    @property
    def within_noise(self) -> bool:
        """Whether the difference is no larger than the noise."""
        return abs(self.difference) <= self.noise


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision on one change, and its reason; `effects` are measured by dropping it alone, over `trainings`.

    `operators` are those of the edits behind it, `origins` those of the lines that they inserted.
    """

    change: Change
    status: Status
    reason: str = ""
    effects: tuple[Effect, ...] = ()
    trainings: int = 0
    operators: tuple[str, ...] = ()
    origins: tuple[Origin, ...] = ()


def unmeasured(changes: Sequence[Change]) -> tuple[Verdict, ...]:
    """Verdicts on changes that were never measured: kept, with the reason `UNMEASURED`."""
    return tuple(Verdict(change, "kept", UNMEASURED) for change in changes)


@dataclass(frozen=True, slots=True)
class Explanation:
    """An individual's changes since its seed program, and the program that is left of it.

    `text`, `id` and `num_params` are the program that keeps the changes whose status is "kept": the individual itself
    where none was dropped (`num_params` 0 where it was not built). `levels` are the individual's figures,
    `minimised_levels` those of `text`, from trainings on `images` samples scored on the validation split; both are
    empty where nothing was trained. `tests` and `minimised_tests` are their errors on the test split, from the run's
    final trainings.
    """

    individual: str
    seed_program: str
    id: str
    text: str
    num_params: int
    verdicts: tuple[Verdict, ...]
    images: int = 0
    levels: Levels = dataclasses.field(default_factory=dict)
    minimised_levels: Levels = dataclasses.field(default_factory=dict)
    tests: tuple[float, ...] = ()
    minimised_tests: tuple[float, ...] = ()
    trainings: int = 0
    cpu_s: float = 0.0
    finished: bool = True

    @property
    def kept(self) -> tuple[Verdict, ...]:
        """The verdicts on the changes that were kept."""
        return tuple(v for v in self.verdicts if v.status == "kept")

    @property
    def dropped(self) -> tuple[Verdict, ...]:
        """The verdicts on the changes that were dropped."""
        return tuple(v for v in self.verdicts if v.status == "dropped")

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Explanation":
        """The record that `to_json` wrote. Raises `RecordError` where it is none."""
        return decoded(cls, stored, "an explanation of the run file")
