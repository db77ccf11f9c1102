"""The events of a run: small records for the progress display."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from gi.archive import FrontMember, RunRecord, RunSummary
from gi.core.types import Outcome


@dataclass(frozen=True, slots=True)
class Doing:
    """A step before the first generation, in a few words: reading data, starting workers."""

    what: str


@dataclass(frozen=True, slots=True)
class Planned:
    """The plan of a run: its number of `programs`, and (images, trainings) of each rung, the lowest first.

    Then `final_trainings`; all together about `cpu_s` CPU seconds of `workers` workers, None where not estimated.
    `bound_cpu_s` is what the run may use where that ends it before its last generation, else None.
    """

    programs: int
    rungs: tuple[tuple[int, int], ...]
    final_trainings: int
    cpu_s: float | None
    workers: int
    bound_cpu_s: float | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A run in `folder` starts or resumes: its settings, and what earlier sessions left in its archive.

    `hypervolumes` are those of the closed generations, `trained` counts the trainings by their images.
    """

    folder: Path
    run: RunRecord
    summary: RunSummary
    hypervolumes: tuple[float, ...]
    trained: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class GenerationStarted:
    """Generation `number` of `generations` (0 is the seed programs) starts; `slots` individuals are planned."""

    number: int
    generations: int
    slots: int


@dataclass(frozen=True, slots=True)
class Varied:
    """A slot is decided: `individual` was accepted, or None after `tries` tries."""

    generation: int
    slot: int
    individual: str | None
    tries: int


@dataclass(frozen=True, slots=True)
class Evaluated:
    """An individual was trained on `images` samples and scored on the validation split, or failed."""

    individual: str
    outcome: Outcome
    images: int


@dataclass(frozen=True, slots=True)
class Promoted:
    """An individual goes up to the rung of `images` samples, the `rung`-th from 0."""

    individual: str
    rung: int
    images: int


@dataclass(frozen=True, slots=True)
class GenerationEnded:
    """A generation closed: `best` has the least value of each objective on the front.

    `cpu_s` is what the run has used, `finals_cpu_s` what the final trainings will take, as far as the budget goes. Of
    the `evaluations` those `from_cache` were done by earlier runs. The front is of trainings on `images` samples, the
    longest so far; the hypervolume is that of the top rung, 0 while that is empty. `members` are the front's.
    """

    number: int
    generations: int
    population: int
    front: int
    hypervolume: float
    best: Mapping[str, float]
    failures: Mapping[str, int]
    evaluations: int
    cpu_s: float
    finals_cpu_s: float = 0.0
    budget_cpu_s: float | None = None
    from_cache: int = 0
    images: int = 0
    members: tuple[FrontMember, ...] = ()


@dataclass(frozen=True, slots=True)
class RetrainingStarted:
    """Final trainings start for `members` of the `front` individuals; the budget pays for `jobs` of `wanted`."""

    members: int
    front: int
    jobs: int
    wanted: int


@dataclass(frozen=True, slots=True)
class Retrained:
    """A front member was trained from scratch and scored on the test split, or failed."""

    individual: str
    seed: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Stopping:
    """The user asked the run to stop: `running` evaluations get `grace_s` seconds to end."""

    running: int
    grace_s: float


@dataclass(frozen=True, slots=True)
class StockChanged:
    """A resumed run borrows from another corpus than before: the digests of the earlier and of the present one."""

    before: str
    now: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The run ended; `summary.state` is "finished" or "interrupted", `already` True if an earlier session ended it."""

    summary: RunSummary
    already: bool = False


RunEvent: TypeAlias = (
    Doing
    | Planned
    | Opened
    | GenerationStarted
    | Varied
    | Promoted
    | Evaluated
    | GenerationEnded
    | RetrainingStarted
    | Retrained
    | StockChanged
    | Stopping
    | Finished
)
