"""THE loop: generations of variation, evaluation and survival (DEAP's toolbox, NSGA-II), then the front retrained.

Whatever happens is in the archive before the loop goes on, and every decision is a function of what the archive
holds: of the settings, of streams named by generation and slot, and of outcomes taken in the order of acceptance. So
a run gives the same archive at every number of workers and however often it was killed and resumed.
"""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from deap import base

from gi.archive import WEIGHTS, Archive, Generation, RunSummary, make_folder, refuse_unfit
from gi.config import RunConfig, default_workers
from gi.errors import ConfigError, RunError, SourceError
from gi.runtime.cost import RunCost, own_limit_s
from gi.runtime.cputime import CpuClock
from gi.runtime.evaluations import Evaluations, checked
from gi.runtime.events import (
    Evaluated,
    Finished,
    GenerationEnded,
    GenerationStarted,
    Retrained,
    RetrainingStarted,
    RunEvent,
    Varied,
)
from gi.runtime.parts import MakeParts, Parts, default_parts
from gi.runtime.retraining import retraining, retraining_jobs
from gi.runtime.stopping import Interrupted, stop_requests
from gi.runtime.twins import Twins
from gi.seams import CostModel, Job
from gi.seeding import stream, torch_seed
from gi.select import (
    Matrix,
    hypervolume,
    non_dominated,
    reference_point,
    scaled,
    standing,
    survivors,
    tournament,
    violations,
)
from gi.types import OBJECTIVES, Individual, Offspring, Outcome, Program, Refused, Scored, Try

OnEvent = Callable[[RunEvent], None]

_SELF_MADE = frozenset({"deletion", "tweak"})  # edits that take nothing from anywhere


class Fitness(base.Fitness):  # type: ignore[misc]
    """The objective values of an individual, all minimised. Declared here: `deap.creator` writes into its module."""

    def __init__(self, values: Sequence[float] = ()) -> None:
        """Takes the values in the order of the run's objectives."""
        self.weights = (-1.0,) * len(values)
        super().__init__(values)


def evolve(
    config: RunConfig,
    out: Path,
    *,
    workers: int | None = None,
    cost_model: CostModel | None = None,
    on_event: OnEvent | None = None,
    seeds: Sequence[Program] | None = None,
    parts: MakeParts = default_parts,
    command: Sequence[str] = (),
) -> RunSummary:
    """Runs a new search into the folder `out` and says how it ended (`state` "finished" or "interrupted").

    `seeds` replaces the project's seed programs. Raises `ArchiveError` where `out` cannot take a run, `RunError` where
    no seed program can be evaluated or the disk is full; what was done is in the archive either way.
    """
    refuse_unfit(out)
    clock = CpuClock()
    with parts(config, workers=workers or default_workers(), cost_model=cost_model) as made:
        objectives = [OBJECTIVES[key] for key in config.objectives]
        programs = tuple(made.seeds if seeds is None else seeds)
        with Archive.create(out, config, objectives=objectives, seeds=programs, command=command) as archive:
            return _driven(archive, made, clock, on_event)


def resume(
    folder: Path,
    *,
    generations: int | None = None,
    budget_cpu_s: float | None = None,
    workers: int | None = None,
    cost_model: CostModel | None = None,
    on_event: OnEvent | None = None,
    parts: MakeParts = default_parts,
    command: Sequence[str] = (),
) -> RunSummary:
    """Goes on with the run in `folder` exactly where it stopped; for a finished one that is nothing.

    `generations` and `budget_cpu_s` (of the whole run) replace the stored ones. Raises `ArchiveError` where there is
    no run or another process has it, `ConfigError` for fewer generations than the run was given.
    """
    clock = CpuClock()
    with Archive.resume(folder, command=command) as archive:
        config = _extended(archive.run().config, generations, budget_cpu_s)
        archive.set_config(config)
        with parts(config, workers=workers or default_workers(), cost_model=cost_model) as made:
            return _driven(archive, made, clock, on_event)


def _extended(config: RunConfig, generations: int | None, budget_cpu_s: float | None) -> RunConfig:
    if generations is not None and generations < config.generations:
        raise ConfigError(f"generations is {generations}: the run was given {config.generations}; pass at least that.")
    return dataclasses.replace(
        config,
        generations=config.generations if generations is None else generations,
        budget_cpu_s=config.budget_cpu_s if budget_cpu_s is None else budget_cpu_s,
    )


def _driven(archive: Archive, parts: Parts, clock: CpuClock, on_event: OnEvent | None) -> RunSummary:
    """The run taken to its end, or to where the user stopped it."""
    notify = on_event or (lambda _: None)
    with stop_requests() as stop_requested:
        search = Search(archive, parts, clock, notify, stop_requested)
        ended = _ended(search)
        search.cost.save()
        archive.add_event(ended)
    summary = archive.summary()
    notify(Finished(summary))
    return summary


def _ended(search: "Search") -> str:
    """Takes the search to its end: "finished", or "interrupted" by the user."""
    try:
        try:
            search.run_generations()
            search.retrain_front()
        except Interrupted:
            search.evaluations.settle()
            return "interrupted"
    except KeyboardInterrupt:  # the second Ctrl-C: nothing is waited for, the workers go with the parts
        return "interrupted"
    return "finished"


class Search:
    """One run in this process: what it knows from the archive, and what it decides."""

    def __init__(
        self, archive: Archive, parts: Parts, clock: CpuClock, notify: OnEvent, stop_requested: Callable[[], bool]
    ) -> None:
        """Takes up the state that the archive holds."""
        run = archive.run()
        self.archive, self.parts, self.notify = archive, parts, notify
        self.config, self.objectives, self.reference = run.config, run.objectives, run.reference
        self.last = next(reversed(archive.generations()), None)
        self.accepted = dict.fromkeys(archive.ids())
        self.twins = Twins(archive.fingerprints())
        self.fitness: dict[str, Fitness] = {}
        self.evaluation_cpu_s: dict[str, float] = {}
        self.train_s: dict[str, float] = {}
        self.cost = RunCost(archive, run.config, clock)
        self.toolbox = _toolbox(parts)
        self.evaluations = Evaluations(self.toolbox.evaluate, self._record, stop_requested)
        for evaluation in archive.evaluations("validation"):
            self._remember(evaluation.individual, evaluation.outcome)
            self.twins.settle(evaluation.individual, evaluation.outcome)

    # ------------------------------------------------------------------------------------------------ generations

    def run_generations(self) -> None:
        """Runs the generations that are left, as far as the budget goes."""
        for number in range(self.last.number + 1 if self.last else 0, self.config.generations + 1):
            if number and self._spent():
                break
            for individual in self.archive.pending(number):
                self._submit(individual)
            if number == 0:
                self._first_offspring()
            else:
                self._offspring(number)
            self._close(number)

    def _first_offspring(self) -> None:
        """Generation 0: the seed programs, fitted and evaluated, then mutants of them up to the population."""
        seeds = self.archive.seeds()
        done = len(self.archive.slots(0))
        self._starting(0, max(len(seeds), self.config.population))
        for slot in range(done, len(seeds)):
            self._decide(0, slot, *self._fitted(seeds[slot]))
        self.evaluations.finish()
        parents = self._seeds()
        if not parents:
            raise RunError(self._no_seed())
        mutants = self.config.population - len(parents)
        for slot in range(max(done, len(seeds)), len(seeds) + mutants):
            if not self._spent():
                first = slot % len(parents)
                self._decide(0, slot, *self._varied(0, slot, [parents[first], parents[first - 1]]))
        self.evaluations.finish(enough=self._spent)

    def _offspring(self, number: int) -> None:
        """A later generation: for each slot two parents by tournament, and what the variation makes of them."""
        assert self.last is not None
        population = self.last.population
        ranking = standing(self._matrix(population), self._violations(population))
        self._starting(number, self.config.population)
        for slot in range(len(self.archive.slots(number)), self.config.population):
            if self._spent():
                break
            rng = stream(self.config.seed, "mate", number, slot)
            first = self.toolbox.mate(ranking, rng=rng)
            second = self.toolbox.mate(ranking, rng=rng, without=first)
            self._decide(number, slot, *self._varied(number, slot, [population[first], population[second]]))
        self.evaluations.finish(enough=self._spent)

    def _fitted(self, seed: Program) -> tuple[Individual | None, tuple[Try, ...]]:
        """A seed program as an individual of generation 0, or why it is none."""
        try:
            text = self.parts.repair(seed.text, self.parts.task, self.parts.check)
            id_ = self.parts.digest(text)
        except SourceError as error:
            return None, (Try("seed", "build", "cannot be fitted to the data set", f"{seed.origin.path}: {error}"),)
        if id_ in self.accepted:
            return None, (Try("seed", "identity", "known already", seed.origin.path),)
        tries = (Try("seed"),)
        return Individual(id_, text, 0, tries=tries, origin=seed.origin, fingerprint=self._fingerprint(text)), tries

    def _fingerprint(self, text: str) -> str:
        """What a fitted seed program computes; "" where the length of the text is an objective: that differs."""
        if "size" in self.config.objectives:
            return ""
        return getattr(self.parts.check(text, self.parts.task), "fingerprint", "")

    def _varied(self, number: int, slot: int, parents: Sequence[str]) -> tuple[Individual | None, tuple[Try, ...]]:
        """The offspring of `parents` (ids; the second is the donor) in its slot, or None with the refused tries."""
        different = list(dict.fromkeys(parents))
        texts = [self.archive.individual(id_).text for id_ in different]
        rng = stream(self.config.seed, "vary", number, slot)
        known = self.twins.fingerprints.union(self.accepted)
        made: Offspring | Refused = self.toolbox.vary(texts, rng=rng, known=known)
        if isinstance(made, Refused):
            return None, made.tries
        borrowed = any(edit.origin is None and edit.operator not in _SELF_MADE for edit in made.edits)
        used = tuple(different if borrowed else different[:1])
        id_ = self.parts.digest(made.text)
        fingerprint = "" if "size" in self.config.objectives else made.fingerprint
        return Individual(id_, made.text, number, used, made.edits, made.tries, fingerprint=fingerprint), made.tries

    def _decide(self, number: int, slot: int, individual: Individual | None, tries: tuple[Try, ...]) -> None:
        """Writes down what a slot gave and has it evaluated; takes in what has ended meanwhile."""
        self.archive.add_slot(number, slot, individual, tries)
        self.notify(Varied(number, slot, individual.id if individual else None, len(tries)))
        if individual is not None:
            self.accepted[individual.id] = None
            self._submit(individual)
        self.evaluations.collect()

    # -------------------------------------------------------------------------------------------------- decisions

    def _close(self, number: int) -> None:
        """Survival among parents and offspring; the front of everything so far, and its hypervolume.

        The front is at most a population of what nothing dominates, spread by crowding distance; the hypervolume is
        that of all of it, so that it never falls.
        """
        before = self.last.population if self.last else ()
        young = [slot.individual for slot in self.archive.slots(number)]
        candidates = [id_ for id_ in (*before, *young) if id_ in self.fitness]
        if not candidates:
            raise RunError(self._no_seed())
        if self.reference is None:
            self.reference = reference_point(self._values(candidates), self.objectives, self._values(self._seeds()))
        best = self._non_dominated()
        front = self._selected(best)
        volume = hypervolume(self._values(best), self.reference, self.objectives)
        streams = {"seed": self.config.seed, "streams": ["mate", "vary"], "next": [number + 1, 0]}
        self.last = Generation(
            number, tuple(self._selected(candidates)), tuple(front), volume, streams, self.cost.cpu_s
        )
        self.archive.close_generation(self.last, reference=self.reference)
        self._tell(self.last)

    def _selected(self, candidates: Sequence[str]) -> list[str]:
        kept = self.toolbox.select(self._matrix(candidates), self.config.population, self._violations(candidates))
        return [candidates[row] for row in kept]

    def _non_dominated(self) -> list[str]:
        """Of everything scored so far, what nothing dominates, in order of acceptance."""
        ids = [id_ for id_ in self.accepted if id_ in self.fitness]
        return [ids[row] for row in non_dominated(self._matrix(ids), self._violations(ids))]

    def _seeds(self) -> list[str]:
        """The seed programs that were scored."""
        slots = self.archive.slots(0)[: len(self.archive.seeds())]
        return [slot.individual for slot in slots if slot.individual in self.fitness]

    def _violations(self, ids: Sequence[str]) -> list[float]:
        """How far individuals lie beyond the reference point where that makes them infeasible."""
        return violations(self._values(ids), self.reference or (), self.objectives)

    def _values(self, ids: Sequence[str]) -> list[tuple[float, ...]]:
        return [self.fitness[id_].values for id_ in ids]

    def _matrix(self, ids: Sequence[str]) -> Matrix:
        return scaled(self._values(ids), self.objectives)

    def _no_seed(self) -> str:
        failures = "; ".join(f"{f.count} x {f.stage}: {f.reason} ({f.detail})" for f in self.archive.failures()[:3])
        why = failures or "the budget was used up before the first evaluation ended"
        return (
            f"none of the {len(self.archive.seeds())} seed programs could be evaluated: {why}. "
            f"`gi failures {self.archive.folder}` lists them."
        )

    # ------------------------------------------------------------------------------------------------ evaluations

    def _submit(self, individual: Individual) -> None:
        """Has an individual evaluated; one that computes what an earlier one does gets that one's outcome."""
        first = self.twins.first(individual)
        if first != individual.id:
            outcome = self.twins.outcome(first, individual)
            if outcome is not None:
                self._copy(individual, outcome, first)
            return
        seed = torch_seed(self.config.seed, "train")
        limit_s = self._cpu_limit_s() if individual.parents else None
        self.evaluations.submit(Job(individual.id, individual.text, seed, self.config.images, cpu_limit_s=limit_s))

    def _cpu_limit_s(self) -> float | None:
        """The limit of one training, from what the seed programs took; None where the settings have one."""
        if self.config.cpu_limit_s is not None:
            return None
        return own_limit_s(self.train_s[id_] for id_ in self._seeds())

    def _record(self, job: Job, outcome: Outcome) -> None:
        if job.split == "test":
            outcome = checked(outcome, ("error",))
            self.archive.add_retraining(retraining(job, outcome), outcome)
            self.notify(Retrained(job.id, job.seed, outcome))
        else:
            outcome = checked(outcome, self.config.objectives)
            self.archive.add_outcome(job.id, outcome, seed=job.seed, images=job.images)
            self._remember(job.id, outcome)
            self.notify(Evaluated(job.id, outcome))
            for twin in self.twins.settle(job.id, outcome):
                self._copy(twin, outcome, job.id)
        self.cost.add(outcome.cost.cpu_s)

    def _copy(self, twin: Individual, outcome: Outcome, first: str) -> None:
        seed = torch_seed(self.config.seed, "train")
        self.archive.add_outcome(twin.id, outcome, seed=seed, images=self.config.images, copied_from=first)
        self._remember(twin.id, outcome)
        self.notify(Evaluated(twin.id, outcome))

    def _remember(self, id_: str, outcome: Outcome) -> None:
        if isinstance(outcome, Scored):
            self.fitness[id_] = Fitness([outcome.values[objective.key] for objective in self.objectives])
            self.evaluation_cpu_s[id_] = outcome.cost.cpu_s
            self.train_s[id_] = outcome.values.get("train_time", outcome.cost.train_cpu_s)

    def retrain_front(self) -> None:
        """Trains the front from scratch on each of the final seeds and scores it once on the test split."""
        front = self.last.front if self.last else ()
        jobs = retraining_jobs(self.archive, self.config, front, self._cpu_limit_s())
        if jobs:
            make_folder(self.archive.folder / WEIGHTS)
            self.notify(RetrainingStarted(len(front), len(jobs)))
        for job in jobs:
            self.evaluations.submit(job)
        self.evaluations.finish()

    def _spent(self) -> bool:
        return self.cost.budget_is_spent(self.evaluation_cpu_s[id_] for id_ in (self.last.front if self.last else ()))

    def _starting(self, number: int, slots: int) -> None:
        self.notify(GenerationStarted(number, self.config.generations, slots))

    def _tell(self, closed: Generation) -> None:
        best = {o.key: min(f.values[n] for f in self.fitness.values()) for n, o in enumerate(self.objectives)}
        failures = {f"{f.stage}: {f.reason}": f.count for f in self.archive.failures()}
        self.notify(
            GenerationEnded(
                closed.number,
                self.config.generations,
                len(closed.population),
                len(closed.front),
                closed.hypervolume,
                best,
                failures,
                self.archive.summary().evaluations,
                closed.cpu_s,
            )
        )


def _toolbox(parts: Parts) -> base.Toolbox:
    """The operators of the run under DEAP's names for them."""
    toolbox = base.Toolbox()
    toolbox.register("evaluate", parts.executor.submit)
    toolbox.register("vary", parts.vary)
    toolbox.register("mate", tournament)
    toolbox.register("select", survivors)
    return toolbox
