"""Minimises a winner after its run: finds the changes that it does not need, and measures the effect of each.

`gi.explain` decides; this module supplies programs, trainings and records. The programs between a seed program and an
individual are built and checked like offspring and trained by the run's own executor, on seeds that no training of the
search used: the winner was selected for its luck on its own. Every outcome is noted in the run by (program, split,
seed, images). Where `gi export RUN --minimise --trainings 20` used them up after three changes, the same call goes on
with the fourth.

What it cannot do: it minimises towards the seed program at the end of the line of first parents only, so that whatever
a second parent contributed counts as a change; and of times that are measured days apart it knows a tolerance
(`_TIME_REPEATS`), not what else the machine did.
"""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from gi.archive import WEIGHTS, Archive, Evaluation, make_weights_folder
from gi.core.errors import ConfigError
from gi.core.protocols import Check, CostModel, Executor, Job
from gi.core.settings import RunConfig, default_workers
from gi.core.streams import torch_seed
from gi.core.types import Individual, Outcome, Scored, Task
from gi.explain.noise import Resolution
from gi.explain.provenance.origins import seed_of
from gi.explain.provenance.sources import individual_explanation, with_sources
from gi.explain.records import Explanation, Verdict
from gi.explain.search import UNTRIED, Minimisation, OnVerdict, Rules
from gi.explain.variants import Variant, between
from gi.search.in_flight import Evaluations, checked
from gi.search.stopping import Interrupted, stop_requests
from gi.source.gate.passing import STRICT, Gate
from gi.source.identity.digest import normalise

# A time measured again minutes later, beside other work, repeats within 1 to 5 % (experiments/02-workers): trainings
# that follow each other at once differ by less and would make a difference of what the machine did meanwhile.
_TIME_REPEATS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class MinimisationBudget:
    """Limits of a minimisation: `trainings` and CPU seconds of training in all, `seeds` trainings of each program.

    `tolerance` is the share by which a figure may get worse beyond noise (0.01: 1 %). Raises `ConfigError`.
    """

    trainings: int = 80
    seeds: int = 8
    budget_cpu_s: float | None = None
    tolerance: float = 0.0

    def __post_init__(self) -> None:
        # 0 measures nothing, and shows what is known.
        if self.trainings < 0:
            raise ConfigError(f"trainings is {self.trainings}: it must be at least 0.")
        if self.seeds < 2:
            raise ConfigError(f"seeds is {self.seeds}: noise shows in 2 trainings of one program or more.")
        if not 0 <= self.tolerance < math.inf:
            raise ConfigError(f"tolerance is {self.tolerance}: it must be a share of at least 0, such as 0.01.")


@dataclass(frozen=True, slots=True)
class Tools:
    """The task, check and executor of a run, and the least difference that each figure can show."""

    task: Task
    check: Check
    executor: Executor
    resolution: Resolution


class MakeTools(Protocol):
    """Opens the tools for a run; leaving the context ends their processes."""

    def __call__(
        self, config: RunConfig, *, workers: int, cost_model: CostModel | None
    ) -> AbstractContextManager[Tools]:
        """The tools for these settings."""
        ...


@contextmanager
def default_tools(
    config: RunConfig, *, workers: int, cost_model: CostModel | None, gate: Gate = STRICT
) -> Iterator[Tools]:
    """The run's own data set, check worker and executor, which run nothing that the `gate` refuses.

    Raises `DatasetError` where the data set is gone.
    """
    from gi.data.dataset import run_dataset
    from gi.trace.client import CheckWorker
    from gi.train.executor import LocalExecutor

    dataset = run_dataset(config)
    with (
        CheckWorker(entry=config.entry, gate=gate) as check,
        LocalExecutor(dataset, config, workers=workers, cost_model=cost_model, gate=gate) as executor,
    ):
        # A cost model in place of the clock repeats exactly; only measured times carry this noise.
        by_clock = config.clock == "cpu" and cost_model is None
        shares = dict.fromkeys(("time", "train_time"), _TIME_REPEATS) if by_clock else {}
        yield Tools(dataset.task, check, executor, Resolution({"error": 1 / dataset.num_validation}, shares))


@dataclass(frozen=True, slots=True, kw_only=True)
class MinimisationTools:
    """Resources: parallel evaluations (one for each core by default), a stand-in for the clock, the tools."""

    workers: int | None = None
    cost_model: CostModel | None = None
    tools: MakeTools = default_tools


def minimise(
    run: Path,
    id_: str,
    limits: MinimisationBudget,
    *,
    means: MinimisationTools = MinimisationTools(),
    on_verdict: OnVerdict = lambda _: None,
) -> Explanation:
    """The individual whose id starts with `id_`, less the changes since its seed program that it does not need.

    The answer is noted in the run. A program that differs from the individual is trained and scored like a member of
    the final front, its weights beside theirs. Raises `ArchiveError` where the run is under way, `RunError` where the
    individual cannot be trained again.
    """
    with _opened(run, means) as (archive, tools, stop_requested):
        individual, seed = _main_line(archive, id_)
        bench = TrainingBench(archive, tools, limits, stop_requested)
        search = _search(seed.text, individual.text, bench, on_verdict)
        search.run()
        tests = bench.final_errors(search.program) if search.program.text != individual.text else ()
        explanation = with_sources(_explanation(individual, seed, search, bench, tests), archive)
        archive.findings.set_explanation(individual.id, explanation.to_json())
        return explanation


def measure(
    run: Path, id_: str, limits: MinimisationBudget, *, means: MinimisationTools = MinimisationTools()
) -> Explanation:
    """The effect of each change since the seed program, measured by dropping it alone; none is dropped for good.

    Of an individual that was minimised, the changes that are left are measured. The answer is noted in the run; it
    raises what `minimise` does.
    """
    with _opened(run, means) as (archive, tools, stop_requested):
        individual, seed = _main_line(archive, id_)
        before = individual_explanation(archive, individual.id)
        bench = TrainingBench(archive, tools, limits, stop_requested)
        search = _search(seed.text, before.text, bench, lambda _: None)
        search.measure()
        explanation = with_sources(_explanation(individual, seed, search, bench, before.minimised_tests), archive)
        explanation = replace(explanation, verdicts=(*_with_reasons(explanation.kept, before.kept), *before.dropped))
        archive.findings.set_explanation(individual.id, explanation.to_json())
        return explanation


class TrainingBench:
    """A `gi.explain.Bench` that notes every outcome in the run; programs with one fingerprint are trained once."""

    def __init__(
        self,
        archive: Archive,
        tools: Tools,
        limits: MinimisationBudget,
        stop_requested: Callable[[], bool] = lambda: False,
    ) -> None:
        """Takes up the outcomes that the run holds."""
        self.archive, self.tools, self.limits, self.run = archive, tools, limits, archive.run()
        self.config = self.run.config
        self.trainings, self.cpu_s = 0, 0.0
        # Seeds that no training of the search used: the winner was selected for its luck on those.
        self.seeds = tuple(torch_seed(self.config.seed, "explain", n) for n in range(limits.seeds))
        self._stop_requested = stop_requested
        self._ids: dict[str, str] = {}
        # Outcomes of an earlier call are taken up, so that the next one goes on where it ended.
        self._outcomes = {(e.individual, e.split, e.seed, e.images): e.outcome for e in archive.findings.measurements()}

    def __call__(self, variant: Variant, seeds: Sequence[int]) -> tuple[Outcome, ...] | None:
        """One outcome for each seed; None where what is left of the budget does not reach."""
        id_ = self._id(variant)
        # All or nothing: a part of the seeds would use up the budget without deciding anything.
        jobs = [Job(id_, variant.text, seed, self.run.top_images) for seed in seeds]
        missing = [job for job in jobs if self._key(job) not in self._outcomes]
        if missing and not self._affords(len(missing)):
            return None
        self._train(missing, self.config.objectives)
        return tuple(self._of(variant, self._outcomes[self._key(job)]) for job in jobs)

    def known(self, variant: Variant) -> tuple[Outcome, ...]:
        """The outcomes that were measured earlier, in the order of their seeds."""
        keys = [(self._id(variant), "validation", seed, self.run.top_images) for seed in self.seeds]
        return tuple(self._of(variant, self._outcomes[key]) for key in keys if key in self._outcomes)

    def final_errors(self, variant: Variant) -> tuple[float, ...]:
        """Shares wrong on the test split of trainings like the run's final ones; the first one's weights are kept."""
        make_weights_folder(self.archive.folder)
        kept = str(self.archive.folder / WEIGHTS / f"{variant.id}.pt")
        seeds = [torch_seed(self.config.seed, "retrain", n) for n in range(self.config.final_seeds)]
        images = self.run.final_images
        jobs = [Job(variant.id, variant.text, s, images, "test", None if n else kept) for n, s in enumerate(seeds)]
        self._train([job for job in jobs if self._key(job) not in self._outcomes], ("error",))
        outcomes = [self._outcomes[self._key(job)] for job in jobs]
        return tuple(_wrong(outcome.values) for outcome in outcomes if isinstance(outcome, Scored))

    def individual_errors(self, id_: str) -> tuple[float, ...]:
        """Shares wrong on the test split of an individual in the run's own final trainings."""
        errors = [r.wrong_on_test for r in self.archive.outcomes.retrainings(id_)]
        return tuple(error for error in errors if error is not None)

    def _affords(self, trainings: int) -> bool:
        budget_cpu_s = self.limits.budget_cpu_s
        # The next trainings are estimated by the mean of those so far; the very first ones have no estimate and pass.
        each = self.cpu_s / self.trainings if self.trainings else 0.0
        in_time = budget_cpu_s is None or self.cpu_s + each * trainings <= budget_cpu_s
        return in_time and self.trainings + trainings <= self.limits.trainings

    def _train(self, jobs: Sequence[Job], keys: Collection[str]) -> None:
        def record(job: Job, outcome: Outcome) -> None:
            outcome = checked(outcome, keys)
            self._outcomes[self._key(job)] = outcome
            self.archive.findings.add_measurement(Evaluation(job.id, job.split, job.seed, job.images, outcome))
            if job.split == "validation":  # final trainings are not charged: they must run
                self.trainings += 1
                self.cpu_s += outcome.cost.cpu_s

        evaluations = Evaluations(self.tools.executor.submit, record, self._stop_requested)
        for job in jobs:
            evaluations.submit(job)
        evaluations.finish()

    def _key(self, job: Job) -> tuple[str, str, int, int]:
        return job.id, job.split, job.seed, job.images

    def _id(self, variant: Variant) -> str:
        # Two variants that compute the same share one training: the first one's id stands for both.
        return self._ids.setdefault(variant.fingerprint, variant.id)

    def _of(self, variant: Variant, outcome: Outcome) -> Outcome:
        """The outcome measured for the fingerprint, with this text's `size`: equal networks may differ in source."""
        if variant.id == self._id(variant) or not isinstance(outcome, Scored) or "size" not in outcome.values:
            return outcome
        return replace(outcome, values={**outcome.values, "size": float(len(normalise(variant.text)))})


# ---------------------------------------------------------------------------------------------------------------------


@contextmanager
def _opened(run: Path, means: MinimisationTools) -> Iterator[tuple[Archive, Tools, Callable[[], bool]]]:
    """Opens the run for notes, and the tools; a request to stop is raised as `KeyboardInterrupt`."""
    with Archive.annotate(run) as archive:
        workers = means.workers or default_workers()
        prepared = means.tools(archive.run().config, workers=workers, cost_model=means.cost_model)
        with prepared as tools, stop_requests() as stop_requested:
            try:
                yield archive, tools, stop_requested
            except Interrupted:
                # As Ctrl-C does everywhere: one line and status 130.
                raise KeyboardInterrupt from None


def _main_line(archive: Archive, id_: str) -> tuple[Individual, Individual]:
    """An individual and the seed program at the end of its line of first parents."""
    individual = archive.individuals.by_prefix(id_)
    return individual, seed_of(individual, {member.id: member for member in archive.individuals.lineage(individual.id)})


def _search(seed: str, text: str, bench: TrainingBench, on_verdict: OnVerdict) -> Minimisation:
    config, tools = bench.config, bench.tools
    variants = between(seed, text, tools.task, tools.check, entry=config.entry)
    rules = Rules(
        objectives=config.objectives,
        seeds=bench.seeds,
        resolution=tools.resolution,
        tolerance=bench.limits.tolerance,
        metric=config.objective("error").title,
    )
    return Minimisation(variants, bench, rules, on_verdict)


def _explanation(
    individual: Individual, seed: Individual, search: Minimisation, bench: TrainingBench, tests: tuple[float, ...]
) -> Explanation:
    program = search.program
    return Explanation(
        individual.id,
        seed.id,
        individual.id if program.text == individual.text else program.id,
        program.text,
        program.num_params,
        tuple(search.verdicts[number] for number in sorted(search.verdicts)),
        bench.run.top_images,
        search.levels(search.variants.whole) or {},
        search.levels(program) or {},
        bench.individual_errors(individual.id),
        tests,
        bench.trainings,
        bench.cpu_s,
        search.finished,
    )


def _with_reasons(verdicts: Sequence[Verdict], before: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """The verdicts, with the reasons that an earlier minimisation gave for the same changes."""
    reasons = {(v.change.before, v.change.after): v.reason for v in before if v.reason != UNTRIED}
    return tuple(replace(v, reason=reasons.get((v.change.before, v.change.after), "")) for v in verdicts)


def _wrong(values: Mapping[str, float]) -> float:
    """The share wrong of a final training; measurements of an earlier gi have it as their error, the only metric."""
    return 1.0 - values["accuracy"] if "accuracy" in values else values["error"]
