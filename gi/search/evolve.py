"""Starts a run from its settings, or resumes one: what `gi evolve` calls. The loop itself is `search`."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from gi.archive import Archive, RunSummary, refuse_unfit, run_summary
from gi.core.errors import BudgetError, ConfigError
from gi.core.figures import duration_text
from gi.core.protocols import CostModel
from gi.core.settings import RunConfig, default_workers
from gi.core.types import Program
from gi.sandbox.process_cpu import Clock, CpuClock
from gi.search.admission import admitted
from gi.search.estimate import planned
from gi.search.events import Doing, Finished, Opened, RunEvent, StockChanged, Stopping
from gi.search.in_flight import GRACE_S
from gi.search.parts import MakeParts, Parts, default_parts
from gi.search.search import OnEvent, Search
from gi.search.stopping import Interrupted, stop_requests


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
    """Runs a new search into the folder `out`; the summary's `state` is "finished" or "interrupted".

    `seeds` replaces the project's seed programs; time that `clock` has already counted belongs to the run. Raises
    `ArchiveError` where `out` cannot take a run, `BudgetError` where the budget is too short for one, `RunError` where
    no seed program can be evaluated or the disk is full; the archive keeps all that was done before.
    """
    # First: data, workers and probes would take seconds for a folder that cannot take the run.
    refuse_unfit(out)
    clock = clock or CpuClock()
    notify = on_event or _ignore
    notify(Doing("starting the workers"))
    with parts(config, workers=workers or default_workers(), cost_model=cost_model) as run_parts:
        notify(Doing("trying the seed programs"))
        objectives = [config.objective(key) for key in config.objectives]
        programs = tuple(run_parts.seeds if seeds is None else seeds)
        # Admitted ones only: giants that --max-params keeps out would have a fair budget refused. And before the folder
        # is made, so that a refused run leaves none.
        tried = admitted(programs, run_parts, config.max_params)
        plan = planned(config, run_parts.training_samples, run_parts, tried, clock)
        notify(plan)
        rungs = [images for images, _ in plan.rungs]
        with Archive.create(
            out, config, objectives=objectives, seeds=programs, rungs=rungs, command=command
        ) as archive:
            return _driven(archive, run_parts, clock, on_event)


def resume(
    folder: Path,
    *,
    generations: int | None = None,
    budget_cpu_s: float | None = None,
    time_s: float | None = None,
    workers: int | None = None,
    cost_model: CostModel | None = None,
    on_event: OnEvent | None = None,
    parts: MakeParts = default_parts,
    command: Sequence[str] = (),
    clock: Clock | None = None,
) -> RunSummary:
    """Resumes the run in `folder` where it stopped; a finished one is left as it is.

    `generations`, `budget_cpu_s` and `time_s` (of the whole run) replace the stored ones. Raises `ArchiveError` where
    there is no run or another process has it, `ConfigError` for fewer generations than the run was given, `BudgetError`
    for a budget or a time that it has used up.
    """
    clock = clock or CpuClock()
    with Archive.open(folder) as archive:
        config = _extended(archive, generations, budget_cpu_s, time_s)
        if _is_finished(archive, config):  # no worker is started: that alone takes seconds of a budget
            summary = run_summary(archive)
            (on_event or _ignore)(Finished(summary, already=True))
            return summary
    with Archive.resume(folder, command=command) as archive:
        archive.set_config(config)
        (on_event or _ignore)(Doing("starting the workers"))
        with parts(config, workers=workers or default_workers(), cost_model=cost_model) as run_parts:
            return _driven(archive, run_parts, clock, on_event)


def _is_finished(archive: Archive, config: RunConfig) -> bool:
    """Whether the run finished under exactly these settings."""
    happened = archive.sessions.events()
    return bool(happened) and happened[-1].kind == "finished" and archive.run().config == config


def _extended(archive: Archive, generations: int | None, budget_cpu_s: float | None, time_s: float | None) -> RunConfig:
    config, used_s = archive.run().config, archive.sessions.cpu_s()
    if budget_cpu_s is not None and budget_cpu_s < used_s:
        raise BudgetError(
            f"budget is {duration_text(budget_cpu_s)}: the run has used {duration_text(used_s)} already. "
            "A budget is for the whole run: pass a larger one."
        )
    if time_s is not None and time_s < (wall_s := archive.sessions.wall_s()):
        raise BudgetError(
            f"time is {duration_text(time_s)}: the run has taken {duration_text(wall_s)} already. "
            "A time is for the whole run: pass a longer one."
        )
    if generations is not None and generations < config.generations:
        raise ConfigError(f"generations is {generations}: the run was given {config.generations}; pass at least that.")
    return dataclasses.replace(
        config,
        generations=config.generations if generations is None else generations,
        budget_cpu_s=config.budget_cpu_s if budget_cpu_s is None else budget_cpu_s,
        time_s=config.time_s if time_s is None else time_s,
    )


def _driven(archive: Archive, parts: Parts, clock: Clock, on_event: OnEvent | None) -> RunSummary:
    """Runs the search until it ends or the user stops it."""
    notify = on_event or _ignore
    # Ctrl-C may come before the search exists: restoring a long run takes a while.
    searches: list[Search] = []

    def notify_stopping() -> None:
        under_way = sum(min(len(search.outcomes.running), parts.executor.capacity) for search in searches)
        notify(Stopping(under_way, GRACE_S))

    with stop_requests(notify_stopping) as stop_requested:
        _record_data(archive, parts)
        notify(_opened(archive))
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


def _opened(archive: Archive) -> Opened:
    """The event with what the archive holds before this session."""
    volumes = tuple(closed.hypervolume for closed in archive.generations.all())
    trained = Counter(evaluation.images for evaluation in archive.outcomes.evaluations("validation"))
    return Opened(archive.folder, archive.run(), run_summary(archive), volumes, trained)


def _record_data(archive: Archive, parts: Parts) -> None:
    """Stores shapes, sizes and class names of the data set, so that reports of the run need no data set."""
    archive.sessions.add_event(
        "data",
        classes=parts.task.num_classes,
        class_names=list(parts.class_names),
        input_shape=list(parts.task.input_shape),
        training_samples=parts.training_samples,
        validation_samples=parts.validation_samples,
    )


def _record_stock(archive: Archive, digest: str, notify: OnEvent) -> None:
    """Stores the digest of the corpus; notifies where it differs from that of the session before."""
    # A corpus that grew since changes what the streams draw: the run goes on, but not as it would have.
    before = next((e.detail["digest"] for e in reversed(archive.sessions.events()) if e.kind == "stock"), digest)
    archive.sessions.add_event("stock", digest=digest)
    if before != digest:
        notify(StockChanged(before, digest))


def _ignore(_: RunEvent) -> None:
    """Discards an event: the default of `on_event`."""


def _ended(search: Search) -> str:
    """Runs the search to its end: "finished", or "interrupted" by the user."""
    try:
        try:
            search.run_generations()
            search.retrain()
        except Interrupted:
            search.outcomes.running.settle()
            return "interrupted"
    except KeyboardInterrupt:  # the second Ctrl-C: nothing is waited for, the workers go with the parts
        return "interrupted"
    return "finished"
