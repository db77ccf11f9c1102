"""THE loop: generations of variation, evaluation and survival (DEAP's toolbox, NSGA-II), then the front retrained.

Whatever happens is in the archive before the loop goes on, and every decision is a function of what the archive
holds: of the settings, of streams named by generation and slot, and of outcomes taken in the order of acceptance. So
a run gives the same archive at every number of workers and however often it was killed and resumed.
"""

import dataclasses
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

from deap import tools

from gi.archive import Archive, Generation, RunSummary, refuse_unfit, run_summary
from gi.core.errors import BudgetError, ConfigError, RunError, SourceError
from gi.core.figures import duration_text
from gi.core.protocols import CostModel
from gi.core.settings import RunConfig, default_workers
from gi.core.streams import stream
from gi.core.trace import Trace
from gi.core.types import Individual, Offspring, Program, Refused, Try
from gi.explain.provenance.borrowed import origins_in
from gi.sandbox.process_cpu import Clock, CpuClock
from gi.search.admission import admitted, refusal, seed_limit
from gi.search.budget import RunCost
from gi.search.estimate import refuse_short_budget, rounded_up
from gi.search.events import (
    Finished,
    GenerationEnded,
    GenerationStarted,
    RunEvent,
    StockChanged,
    Stopping,
    Varied,
)
from gi.search.final_training import FinalTrainings
from gi.search.in_flight import GRACE_S
from gi.search.logbook import least, population_statistics
from gi.search.outcomes import Outcomes
from gi.search.parts import MakeParts, Parts, default_parts
from gi.search.scores import Scores
from gi.search.stopping import Interrupted, stop_requests
from gi.search.toolbox import run_toolbox

OnEvent = Callable[[RunEvent], None]


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
    clock: Clock | None = None,
) -> RunSummary:
    """Runs a new search into the folder `out` and says how it ended (`state` "finished" or "interrupted").

    `seeds` replaces the project's seed programs; what `clock` has counted already is the run's, too. Raises
    `ArchiveError` where `out` cannot take a run, `BudgetError` where the budget is too short for one, `RunError` where
    no seed program can be evaluated or the disk is full; what was done is in the archive either way.
    """
    refuse_unfit(out)
    clock = clock or CpuClock()
    with parts(config, workers=workers or default_workers(), cost_model=cost_model) as made:
        objectives = [config.objective(key) for key in config.objectives]
        programs = tuple(made.seeds if seeds is None else seeds)
        refuse_short_budget(config, made, admitted(programs, made, config.max_params), clock)
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
    clock: Clock | None = None,
) -> RunSummary:
    """Goes on with the run in `folder` exactly where it stopped; a finished one is left as it is.

    `generations` and `budget_cpu_s` (of the whole run) replace the stored ones. Raises `ArchiveError` where there is
    no run or another process has it, `ConfigError` for fewer generations than the run was given, `BudgetError` for a
    budget that it has used up.
    """
    clock = clock or CpuClock()
    with Archive.open(folder) as archive:
        config = _extended(archive, generations, budget_cpu_s)
        if _is_finished(archive, config):  # no worker is started: that alone takes seconds of a budget
            summary = run_summary(archive)
            (on_event or _nobody)(Finished(summary, already=True))
            return summary
    with Archive.resume(folder, command=command) as archive:
        archive.set_config(config)
        with parts(config, workers=workers or default_workers(), cost_model=cost_model) as made:
            return _driven(archive, made, clock, on_event)


def _is_finished(archive: Archive, config: RunConfig) -> bool:
    """Whether the run came to its end with these very settings."""
    happened = archive.sessions.events()
    return bool(happened) and happened[-1].kind == "finished" and archive.run().config == config


def _extended(archive: Archive, generations: int | None, budget_cpu_s: float | None) -> RunConfig:
    config, used_s = archive.run().config, archive.sessions.cpu_s()
    if budget_cpu_s is not None and budget_cpu_s < used_s:
        raise BudgetError(
            f"budget is {duration_text(budget_cpu_s)}: the run has used {duration_text(used_s)} already. "
            "A budget is for the whole run: pass a larger one."
        )
    if generations is not None and generations < config.generations:
        raise ConfigError(f"generations is {generations}: the run was given {config.generations}; pass at least that.")
    return dataclasses.replace(
        config,
        generations=config.generations if generations is None else generations,
        budget_cpu_s=config.budget_cpu_s if budget_cpu_s is None else budget_cpu_s,
    )


def _driven(archive: Archive, parts: Parts, clock: Clock, on_event: OnEvent | None) -> RunSummary:
    """The run taken to its end, or to where the user stopped it."""
    notify = on_event or _nobody
    searches: list[Search] = []

    def tell_stopping() -> None:
        under_way = sum(min(len(search.outcomes.running), parts.executor.capacity) for search in searches)
        notify(Stopping(under_way, GRACE_S))

    with stop_requests(tell_stopping) as stop_requested:
        if parts.stock:
            _record_stock(archive, parts.stock, notify)
        search = Search(archive, parts, clock, notify, stop_requested)
        searches.append(search)
        ended = _ended(search)
        search.cost.save()
        archive.sessions.add_event(ended, **dataclasses.asdict(search.finals))
    summary = run_summary(archive)
    notify(Finished(summary))
    return summary


def _record_stock(archive: Archive, digest: str, notify: OnEvent) -> None:
    """Keeps the digest of what the run borrows from; tells where it is another than in the session before."""
    before = next((e.detail["digest"] for e in reversed(archive.sessions.events()) if e.kind == "stock"), digest)
    archive.sessions.add_event("stock", digest=digest)
    if before != digest:
        notify(StockChanged(before, digest))


def _nobody(_: RunEvent) -> None:
    """Takes an event that nobody asked for."""


def _ended(search: "Search") -> str:
    """Takes the search to its end: "finished", or "interrupted" by the user."""
    try:
        try:
            search.run_generations()
            search.finals = search.outcomes.retrain(search.finalists(), front_size=search.front_size)
        except Interrupted:
            search.outcomes.running.settle()
            return "interrupted"
    except KeyboardInterrupt:  # the second Ctrl-C: nothing is waited for, the workers go with the parts
        return "interrupted"
    return "finished"


class Search:
    """One run in this process: what it knows from the archive, and what it decides."""

    def __init__(
        self, archive: Archive, parts: Parts, clock: Clock, notify: OnEvent, stop_requested: Callable[[], bool]
    ) -> None:
        """Takes up the state that the archive holds."""
        run = archive.run()
        self.archive, self.parts, self.notify = archive, parts, notify
        self.config, self.scores = run.config, Scores(run.objectives, run.reference, run.config.constraints)
        self.last = archive.generations.last()
        self.finals = FinalTrainings(0, 0)
        self.statistics, self.logbook = population_statistics(run.objectives), tools.Logbook()
        self.accepted = dict.fromkeys(archive.individuals.ids())
        self.cost, self.toolbox = RunCost(archive, run.config, clock), run_toolbox(parts)
        self.outcomes = Outcomes(
            archive,
            run.config,
            self.scores,
            self.cost,
            evaluate=self.toolbox.evaluate,
            notify=notify,
            stop_requested=stop_requested,
        )

    # ------------------------------------------------------------------------------------------------ generations

    def run_generations(self) -> None:
        """Runs the generations that are left, as far as the budget goes."""
        for closed in self.archive.generations.all():
            self._record(closed)
        if self.last:
            self.outcomes.forget_dead(self.last)  # the process before may have ended between closing and this
        for number in range(self.last.number + 1 if self.last else 0, self.config.generations + 1):
            if number and not self._has_room():
                break
            for individual in self.archive.individuals.pending(number):
                self.outcomes.submit(individual)
            if number == 0:
                self._first_offspring()
            else:
                self._offspring(number)
            self._close(number)

    def _first_offspring(self) -> None:
        """Generation 0: the seed programs, fitted and evaluated, then mutants of them up to the population."""
        seeds = self.archive.seeds()
        done = len(self.archive.individuals.slots(0))
        self.notify(GenerationStarted(0, self.config.generations, max(len(seeds), self.config.population)))
        for slot in range(done, len(seeds)):
            if not self.outcomes.room_for(self.outcomes.expected_s()):
                self.outcomes.running.finish()
                raise RunError(_too_short(self.archive, self.cost.cpu_s, self.outcomes.expected_s(), slot))
            self._decide(0, slot, *self._fitted(seeds[slot]))
        self.outcomes.running.finish()
        parents = self.outcomes.seeds()
        if not parents:
            raise RunError(_no_seed(self.archive))
        mutants = self.config.population - len(parents)
        for slot in range(max(done, len(seeds)), len(seeds) + mutants):
            first = slot % len(parents)
            if not self._has_room(parents[first]):
                break
            self._decide(0, slot, *self._varied(0, slot, [parents[first], parents[first - 1]]))
        self.outcomes.running.finish(enough=self._spent)

    def _offspring(self, number: int) -> None:
        """A later generation: for each slot two parents by tournament, and what the variation makes of them."""
        assert self.last is not None
        population = self.last.population
        ranking = self.scores.standing(population)
        self.notify(GenerationStarted(number, self.config.generations, self.config.population))
        for slot in range(len(self.archive.individuals.slots(number)), self.config.population):
            rng = stream(self.config.seed, "mate", number, slot)
            first = self.toolbox.select(ranking, rng=rng)
            second = self.toolbox.select(ranking, rng=rng, without=first)
            if not self._has_room(population[first]):
                break
            self._decide(number, slot, *self._varied(number, slot, [population[first], population[second]]))
        self.outcomes.running.finish(enough=self._spent)

    def _fitted(self, seed: Program) -> tuple[Individual | None, tuple[Try, ...]]:
        """A seed program as an individual of generation 0, or why it is none."""
        try:
            text = self.parts.repair(seed.text, self.parts.task, self.parts.check)
            id_ = self.parts.digest(text)
            refused = refusal(text, self.parts, self.seed_limit)
        except SourceError as error:
            return None, (Try("seed", "build", "cannot be fitted to the data set", f"{seed.origin.path}: {error}"),)
        if refused:
            return None, refused
        if id_ in self.accepted:
            return None, (Try("seed", "identity", "known already", seed.origin.path),)
        tries = (Try("seed"),)
        return Individual(id_, text, 0, tries=tries, origin=seed.origin, fingerprint=self._fingerprint(text)), tries

    @cached_property
    def seed_limit(self) -> float:
        """The most parameters that a seed program may have."""
        return seed_limit(self.archive.seeds(), self.parts, self.config.max_params)

    def _fingerprint(self, text: str) -> str:
        """What a fitted seed program computes; "" where the length of the text is an objective: that differs."""
        if "size" in self.config.objectives:
            return ""
        match self.parts.check(text, self.parts.task):
            case Trace(fingerprint=fingerprint):
                return fingerprint
            case _:
                return ""

    def _varied(self, number: int, slot: int, parents: Sequence[str]) -> tuple[Individual | None, tuple[Try, ...]]:
        """The offspring of `parents` (ids; the second is the donor) in its slot, or None with the refused tries."""
        different = list(dict.fromkeys(parents))
        texts = [self.archive.text(id_) for id_ in different]
        rng = stream(self.config.seed, "vary", number, slot)
        known = self.outcomes.twins.fingerprints.union(self.accepted)
        origin_of = origins_in(self.archive, different[-1])
        made: Offspring | Refused = self.toolbox.vary(texts, rng=rng, known=known, origin_of=origin_of)
        if isinstance(made, Refused):
            return None, made.tries
        used = tuple(different if made.crossed else different[:1])
        fingerprint = "" if "size" in self.config.objectives else made.fingerprint
        return Individual(made.id, made.text, number, used, made.edits, made.tries, fingerprint=fingerprint), made.tries

    def _decide(self, number: int, slot: int, individual: Individual | None, tries: tuple[Try, ...]) -> None:
        """Writes down what a slot gave and has it evaluated; takes in what has ended meanwhile."""
        self._refuse_lost_folder()
        self.archive.individuals.add_slot(number, slot, individual, tries)
        self.notify(Varied(number, slot, individual.id if individual else None, len(tries)))
        if individual is not None:
            self.accepted[individual.id] = None
            self.outcomes.submit(individual)
        self.outcomes.running.collect()

    def _refuse_lost_folder(self) -> None:
        """Raises `RunError` where the run file has gone: SQLite goes on writing to a deleted file without a word."""
        if not self.archive.path.exists():
            raise RunError(f"{self.archive.folder} has gone while the run went on: what was found went with it.")

    # -------------------------------------------------------------------------------------------------- decisions

    def _close(self, number: int) -> None:
        """Survival among parents and offspring; the front of everything so far, whole, and its hypervolume."""
        self._refuse_lost_folder()
        before = self.last.population if self.last else ()
        young = [slot.individual for slot in self.archive.individuals.slots(number)]
        candidates = self.scores.known([*before, *young])
        if not candidates:
            raise RunError(_no_seed(self.archive))
        self.scores.set_reference(candidates, self.outcomes.seeds())
        front = self.scores.front(self.scores.known(list(self.accepted)))
        streams = {"seed": self.config.seed, "streams": ["mate", "vary"], "next": [number + 1, 0]}
        self.last = Generation(
            number,
            tuple(self._selected(candidates)),
            tuple(front),
            self.scores.hypervolume(front),
            streams,
            self.cost.cpu_s,
        )
        self.archive.generations.close(self.last, reference=self.scores.reference or ())
        self.outcomes.forget_dead(self.last)
        self._record(self.last)
        self._tell(self.last)

    def finalists(self) -> list[str]:
        """The members of the last closed generation's front that get final trainings; none before the first."""
        return self.scores.finalists(self.last.front) if self.last else []

    @property
    def front_size(self) -> int:
        """How many members the last closed generation's front has; 0 before the first."""
        return len(self.last.front) if self.last else 0

    def _selected(self, candidates: Sequence[str]) -> list[str]:
        return self.scores.selected(candidates, self.config.population, self.toolbox.survive)

    # ------------------------------------------------------------------------------------------------------ events

    def _has_room(self, *parents: str) -> bool:
        """Whether the budget pays for an evaluation more, a child of `parents`, and for the final trainings."""
        return self.outcomes.room_for(self.outcomes.expected_s(parents), kept_s=self._kept_s())

    def _spent(self) -> bool:
        """Whether only what is kept for the final trainings is left: what no worker has begun with is taken back."""
        return self.cost.left_s <= self._kept_s()

    def _kept_s(self) -> float:
        return self.cost.kept_s(self.outcomes.finals_s(self.finalists() if self.last else self.outcomes.seeds()))

    def _record(self, closed: Generation) -> None:
        """Adds a closed generation to the logbook."""
        evaluated = sum(slot.individual is not None for slot in self.archive.individuals.slots(closed.number))
        figures = self.statistics.compile(self.scores.rows(closed.population))
        self.logbook.record(
            gen=closed.number, nevals=evaluated, front=len(closed.front), hypervolume=closed.hypervolume, **figures
        )

    def _tell(self, closed: Generation) -> None:
        failures = {f"{f.stage}: {f.reason}": f.count for f in self.archive.outcomes.failures()}
        summary = run_summary(self.archive)
        self.notify(
            GenerationEnded(
                closed.number,
                self.config.generations,
                len(closed.population),
                len(closed.front),
                closed.hypervolume,
                least(self.logbook),
                failures,
                summary.evaluations,
                closed.cpu_s,
                min(sum(self.outcomes.finals_s(self.finalists())), max(self.cost.left_s, 0.0)),
                self.config.budget_cpu_s,
                summary.from_cache,
            )
        )


def _too_short(archive: Archive, used_s: float, expected_s: float, slot: int) -> str:
    """Why a run cannot go on whose seed programs turn out dearer than estimated, and what to do."""
    seeds = len(archive.seeds())
    needed = rounded_up(used_s + (seeds - slot + 2) * expected_s)
    return (
        f"the budget pays for {slot} of {seeds} seed programs: all and one final training take about {needed} here. "
        f"Go on by `gi evolve --resume {archive.folder} --budget {needed}`."
    )


def _no_seed(archive: Archive) -> str:
    failures = "; ".join(f"{f.count} x {f.stage}: {f.reason} ({f.detail})" for f in archive.outcomes.failures()[:3])
    why = failures or "the budget was used up before the first evaluation ended"
    return (
        f"none of the {len(archive.seeds())} seed programs could be evaluated: {why}. "
        f"`gi failures {archive.folder}` lists them."
    )
