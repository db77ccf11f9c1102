"""The frozen records that the archive returns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gi.core.objectives import Objective
from gi.core.settings import RunConfig
from gi.core.types import Edit, Outcome, Try


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run's settings, and the versions, machine, command and start (Unix seconds) that it was made with.

    `reference` is the reference point of the hypervolume, unscaled, None before generation 0 has closed.

    `rungs` are the numbers of training samples that the trainings of each rung present, the lowest first.
    """

    config: RunConfig
    objectives: tuple[Objective, ...]
    reference: tuple[float, ...] | None
    versions: Mapping[str, str]
    machine: Mapping[str, Any]
    command: tuple[str, ...]
    started: float
    rungs: tuple[int, ...]

    @property
    def top_images(self) -> int:
        """How many training samples a training of the top rung presents."""
        return self.rungs[-1]

    @property
    def final_images(self) -> int:
        """How many training samples a final training presents."""
        return self.config.final_images or self.top_images


@dataclass(frozen=True, slots=True)
class Slot:
    """One place of a generation: the id of the individual in it (None where every try was refused), and the tries."""

    generation: int
    slot: int
    individual: str | None
    tries: tuple[Try, ...]


@dataclass(frozen=True, slots=True)
class Promotion:
    """A promotion of an individual to the rung of `images` samples, before `slot` of the generation was decided."""

    generation: int
    slot: int
    individual: str
    images: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One outcome of an individual: trained on `images` samples from `seed`, scored on `split`.

    `copied_from` is the id of the individual that was evaluated, where this one computes the same.
    """

    individual: str
    split: str
    seed: int
    images: int
    outcome: Outcome
    copied_from: str | None = None


@dataclass(frozen=True, slots=True)
class Generation:
    """A closed generation: ids of the population that survived, best first, and of the front so far.

    `front` is all that nothing scored so far dominates, in order of acceptance (gi 0.1 cut it to a population);
    `hypervolume` is that of `front`, and never falls.
    `random_state` names the random streams and the next ones to be drawn from; `cpu_s` is the run's total by then.
    `ended` says that the search ended with it: no offspring were bred any more, and trainings under way were completed
    first. `images` is the number of samples of the rung on which the front was measured.
    """

    number: int
    population: tuple[str, ...]
    front: tuple[str, ...]
    hypervolume: float
    random_state: Mapping[str, Any]
    cpu_s: float
    ended: bool = False
    images: int = 0


@dataclass(frozen=True, slots=True)
class Retraining:
    """One training from scratch of a front member, scored on the validation split, then on the test split.

    Errors, by the run's metric, are None where it failed; `validation_error` also in a run of an earlier gi, which did
    not score it. `figures` are those of `FINAL_FIGURES` that were measured, whatever the metric.
    """

    individual: str
    seed: int
    images: int
    test_error: float | None
    validation_error: float | None
    weights: str | None
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def wrong_on_test(self) -> float | None:
        """The share of the test samples that it answers wrongly, whatever the run's metric is."""
        return 1.0 - self.figures["accuracy"] if "accuracy" in self.figures else self.test_error

    @property
    def wrong_on_validation(self) -> float | None:
        """The same of the validation samples."""
        return 1.0 - self.figures["validation_accuracy"] if "accuracy" in self.figures else self.validation_error


@dataclass(frozen=True, slots=True)
class FrontMember:
    """A member of the front: its objectives as the search measured them, and the results of its final trainings.

    `validation_errors` and `test_errors` are those of the final trainings by seed, `finals` the mean of each objective
    over them (the error on the validation split); all are empty where there was none, and a run of an earlier gi has no
    validation errors. `excess` is how many decades it lies beyond the run's constraints by `judged`, 0 for a
    feasible one. Errors are by the run's metric; `figures` holds accuracies and AUCs by name, one for each seed.
    """

    id: str
    generation: int
    values: Mapping[str, float]
    test_errors: tuple[float, ...] = ()
    validation_errors: tuple[float, ...] = ()
    weights: str | None = None
    finals: Mapping[str, float] = field(default_factory=dict)
    excess: float = 0.0
    figures: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def judged(self) -> Mapping[str, float]:
        """The values by which members are compared after the search: means over final trainings, else the search's."""
        return {**self.values, **self.finals}


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Failures of one stage and reason: how many, and the id and detail of the first (id "" for a seed program)."""

    stage: str
    reason: str
    count: int
    example: str
    detail: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """One edit between the seed programs and an individual: the ancestor that it made, its generation, the edit."""

    individual: str
    generation: int
    edit: Edit


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to the run as a whole: started, interrupted, resumed, finished."""

    at: float
    kind: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run in figures. CPU seconds are those of the driver, the workers and everything they started.

    `training_cpu_s` is the part spent in training and measuring, retrainings included; `overhead_cpu_s` the rest.
    `from_cache` of the `evaluations` were done by earlier runs; `cached` counts programs equal to one of this run.
    `state` is what happened to it last (started, resumed, interrupted, finished); `generations` is the number of the
    last closed one (-1 before the first).
    """

    run: str
    state: str
    generations: int
    evaluations: int
    cached: int
    failed: int
    cpu_s: float
    training_cpu_s: float
    overhead_cpu_s: float
    wall_s: float
    hypervolume: float
    front: tuple[FrontMember, ...]
    from_cache: int = 0
