"""The program that is exported: an individual of a run, or its minimised program."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gi.archive import WEIGHTS, Archive, RunRecord
from gi.archive.records import Retraining
from gi.core.errors import ConfigError, RunError
from gi.core.settings import RunConfig
from gi.core.types import Scored, Seeding
from gi.explain.provenance.origins import LineOrigin, individual_origins, program_origins
from gi.explain.records import Explanation

INHERITED = "its training in the search began with weights of its parent, which the validation error owes to as well"


@dataclass(frozen=True, slots=True)
class Subject:
    """A program to export, with its origins, errors and weights.

    `id` is the digest of its text; `individual` the full id of the individual that it is, or is what is left of;
    `validation_errors` and `test_errors` are those of the run's final trainings, `weights` the file of the first of
    them, None where there was none: the validation error is then the search's. Errors are shares of wrong answers, as
    the exported file measures them, but for what the search measured by another metric, which `notes` say. `measured`
    is the seed of the first final training and its test error, where the program alone decides what that gives;
    `channels_last` says that the program is known to train in that memory layout, which a search then trains it in.
    """

    id: str
    individual: str
    text: str
    origins: tuple[LineOrigin, ...]
    num_params: int
    validation_errors: tuple[float, ...]
    test_errors: tuple[float, ...] = ()
    weights: Path | None = None
    notes: tuple[str, ...] = ()
    measured: tuple[int, float] | None = None
    channels_last: bool = False

    def trained(self, run: Path) -> Path:
        """The file of its weights. Raises `RunError` where the run has none."""
        if self.weights is None or not self.weights.is_file():
            raise RunError(
                f"the run has no weights of {self.id[:8]}: only the front of a finished run is trained to the end. "
                f"Go on with it by `gi evolve --resume {run}`, or export without weights."
            )
        return self.weights


def individual_subject(archive: Archive, id_: str) -> Subject:
    """The individual whose id starts with `id_`. Raises `ConfigError` where it was not evaluated, or failed."""
    individual = archive.individuals.by_prefix(id_)
    outcome = archive.outcome(individual.id)
    if not isinstance(outcome, Scored):
        raise ConfigError(
            f"{individual.id[:8]} was not evaluated or failed: `gi front` lists individuals that can be exported."
        )
    trained = archive.outcomes.retrainings(individual.id)
    finals = tuple(wrong for r in trained if (wrong := r.wrong_on_validation) is not None)
    paths = [archive.folder / r.weights for r in trained if r.weights]
    return Subject(
        individual.id,
        individual.id,
        individual.text,
        individual_origins(archive, individual.id),
        int(outcome.values["params"]),
        finals or (outcome.values["error"],),
        tuple(wrong for r in trained if (wrong := r.wrong_on_test) is not None),
        next((path for path in paths if path.is_file()), None),  # weights may be gone from the run folder
        () if finals else _notes(archive.run().config, archive.outcomes.seeding(individual.id)),
        _measured(archive.run(), trained),
    )


def _measured(run: RunRecord, trained: Sequence[Retraining]) -> tuple[int, float] | None:
    """The seed and the test error of the first final training; None where it began with the kernels of an index."""
    # The file trains on the CPU, from PyTorch's own start: it could not give that error again.
    if run.config.index is not None or run.config.device != "cpu":
        return None
    whole = (r for r in trained if r.images == run.final_images)  # as many as the file trains on
    return next(((r.seed, wrong) for r in whole if (wrong := r.wrong_on_test) is not None), None)


def _notes(config: RunConfig, seeding: Seeding | None) -> tuple[str, ...]:
    """What is to be said of a validation error that the search measured."""
    inherited = (INHERITED,) if seeding and seeding.inherited else ()
    return inherited if config.metric == "error" else (*inherited, _other_metric(config))


def _other_metric(config: RunConfig) -> str:
    return f"its validation error is the {config.objective('error').title} that the search minimised"


def minimised_subject(archive: Archive, explanation: Explanation) -> Subject:
    """The minimised program of an individual; the individual itself where nothing was dropped."""
    whole = individual_subject(archive, explanation.individual)
    if explanation.id == whole.id:
        return whole
    config = archive.run().config
    errors = explanation.minimised_levels.get("error") or whole.validation_errors
    return Subject(
        explanation.id,
        whole.id,
        explanation.text,
        program_origins(archive, whole.id, explanation.text),
        explanation.num_params,
        errors,
        explanation.minimised_tests,
        archive.folder / WEIGHTS / f"{explanation.id}.pt",
        (
            f"minimised from {whole.id[:8]}: {_counted(explanation.dropped)} dropped, {len(explanation.kept)} kept",
            *(() if config.metric == "error" else (_other_metric(config),)),
        ),
    )


def _counted(dropped: Sequence[object]) -> str:
    return f"{len(dropped)} change{'s' if len(dropped) != 1 else ''}"
