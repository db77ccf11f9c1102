"""Starts and resumes runs from options as users give them: all that `gi evolve` calls."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from gi.api.arrays import ArraySet
from gi.api.default_corpus import build_default_corpus
from gi.api.ending import ended
from gi.api.executing import ExecutorName, Machines, machines
from gi.api.isolating import isolated
from gi.api.messages import WARNING, OnProgress, Tell, log, no_progress, tell_dataset
from gi.api.model_file import ModelFile, seed_program
from gi.api.options import absolute, count, height_and_width, next_run_folder, seconds, share
from gi.api.preparing import own_model, prepared, tell_lag, tell_missing_layers
from gi.api.runs import Run
from gi.api.trusting import run_gate
from gi.core.quoting import shown
from gi.core.settings import WALL_FOR_CPU, RunConfig
from gi.sandbox.isolation import Isolation
from gi.source.gate.passing import Gate

if TYPE_CHECKING:
    from gi.search.events import RunEvent

_PLAIN = RunConfig(dataset="")


def evolve(
    dataset: str | Path | ArraySet = "digits",
    *,
    model: str | Path | None = None,
    arguments: Sequence[str] | Mapping[str, object] = (),
    image_size: int | tuple[int, int] | None = None,
    generations: int = 50,
    population: int = 8,
    seed: int = 0,
    workers: int | None = None,
    budget: str | float | None = None,
    time: str | float | None = None,
    objectives: Sequence[str] = ("error", "params", "time"),
    max_params: str | int | None = None,
    max_time: float | None = None,
    max_error: str | float | None = None,
    metric: Literal["error", "balanced-error", "auc"] = "error",
    epochs: float | None = None,
    rungs: int = 4,
    images: int | None = None,
    survival: Literal["hypervolume", "nsga2"] = "hypervolume",
    adapt: bool = True,
    lag: int = 8,
    finals: int = 8,
    final_images: int | None = None,
    final_seeds: int = 2,
    batch_size: int = 64,
    cpu_limit: float | None = None,
    device: str = "cpu",
    clock: Literal["cpu", "model"] = "cpu",
    data_root: str | Path | None = None,
    corpus: str | Path | None = None,
    allow_licence: Sequence[str] = (),
    index: str | Path | None = None,
    inherit: bool = False,
    cache: bool = True,
    out: str | Path | None = None,
    trust: bool = False,
    isolation: Isolation | None = None,
    executor: ExecutorName = "local",
    address: str | None = None,
    tell: Tell = log,
    on_event: "Callable[[RunEvent], None] | None" = None,
    on_progress: OnProgress = no_progress,
    command: Sequence[str] = ("gi.evolve",),
) -> Run:
    """Evolves programs on a data set and returns the run, finished or, after Ctrl-C, interrupted.

    The options are those of `gi evolve`, which calls this function; `gi evolve --help` says what each does.

    Args:
        dataset: A data set's name, an image folder, an .npz file, `(images, labels)`, or arrays by their names in an
            .npz file (`train_images`, `train_labels`, `test_images`, ...). Arrays are stored in the run's folder as
            data.npz. Images are (n, h, w), (n, h, w, c) or (n, c, h, w), uint8 or numbers from 0 to 1; labels (n,) are
            integers or texts.
        model: The user's own model to start from, "FILE" or "FILE:NAME", in place of gi's seed programs.
        arguments: The arguments that `model` is built with, {"depth": 18} or ["depth=18"].
        image_size: Pixels a side, or (height, width), to which all images are scaled.
        generations: Their number, with 8 offspring each by default (`population`).
        budget: CPU time of the whole run, in seconds or as "20m"; `time` is the same for the wall clock.
        max_params: The most parameters, 10000 or "10k"; `max_error` is a share, 0.02 or "2%"; `max_time` a ratio.
        cpu_limit: CPU seconds that a training of 30,000 images may take; twice the slowest seed program's without.
        clock: "model" computes times from the program instead of measuring them: equal on every machine.
        corpus: The corpus file to borrow lines from; the default one is built first where it is missing.
        out: The run's folder, new or empty; runs/DATASET-N by default.
        trust: Run `model` although the gate refuses it. Lines that its offspring borrow are checked as usual.
        isolation: "auto", "strict" or "off"; None leaves it to $GI_ISOLATION.
        executor: "ray" trains on the Ray cluster at `address`, with one worker for each of its CPUs by default.
        tell: Called with each message on data read, warnings and files written; by default Python's `logging`.
        on_event: Called with each record of `gi.search.events`.
        on_progress: Called with (stage, done, total) while the default corpus is built.
        command: The command stored in the run's record.

    Raises:
        GiError: One line each. `ConfigError` for an option out of range, `DatasetError`, `SourceError` for a model that
            does not fit or that the gate refuses, `ArchiveError` for a folder that cannot take a run, `BudgetError` for
            a budget that is too short, `RunError` where no seed program can be evaluated or the disk is full.
    """
    own, gate = own_model(model, arguments, trust=trust)
    config = RunConfig(
        dataset=str(dataset) if isinstance(dataset, str | Path) else "arrays", generations=generations,
        population=population, seed=seed, budget_cpu_s=seconds(budget, "budget"), time_s=seconds(time, "time"),
        objectives=tuple(objectives), max_params=count(max_params), max_time=max_time, max_error=share(max_error),
        metric=metric, epochs=epochs, rungs=rungs, images=images, survival=survival, adapt=adapt, lag=lag,
        finals=finals, final_images=final_images, final_seeds=final_seeds, batch_size=batch_size, cpu_limit_s=cpu_limit,
        wall_limit_s=max(_PLAIN.wall_limit_s, WALL_FOR_CPU * (cpu_limit or 0)), device=device, clock=clock,
        data_root=absolute(data_root), corpus=absolute(corpus), index=absolute(index), image_size=height_and_width(
            image_size), allow_licences=tuple(allow_licence), inherit=inherit, cache=cache,
        entry="Net" if own is None else own.entry,
    )  # fmt: skip
    arrays = None if isinstance(dataset, str | Path) else dataset
    folder = next_run_folder(config.dataset) if out is None else Path(out)
    with isolated(isolation), machines(executor, address) as there:
        start = _Start(config, folder, arrays, own, gate, there, there.workers(workers, device), tuple(command))
        return _run(start, trust=trust, tell=tell, on_event=on_event, on_progress=on_progress)


@dataclass(frozen=True, slots=True)
class _Start:
    """A requested run, before anything was read or written."""

    config: RunConfig
    folder: Path
    arrays: ArraySet | None
    own: ModelFile | None
    gate: Gate
    machines: Machines
    workers: int
    command: tuple[str, ...]


def _run(
    start: _Start, *, trust: bool, tell: Tell, on_event: "Callable[[RunEvent], None] | None", on_progress: OnProgress
) -> Run:
    """Prepares a new run and runs it to its end."""
    import gi.search.evolve
    from gi.search.parts import default_parts

    tell_missing_layers(tell)
    used = start.machines.clock()
    with ExitStack() as held:
        config = prepared(
            start.config, start.folder, start.arrays, start.own, start.gate, held, tell=tell, notify=on_event or _ignore
        )
        tell_lag(config, start.workers, tell)
        # Built once for all runs of this machine, so it does not count as a cost of this one.
        with used.paused():
            if config.corpus is None:
                build_default_corpus(tell=tell, on_progress=on_progress)
        seeds = None if start.own is None else (seed_program(start.own),)
        summary = gi.search.evolve.evolve(
            config, start.folder, seeds=seeds, workers=start.workers,
            parts=partial(default_parts, gate=start.gate, executor=start.machines.executor),
            on_event=on_event, command=start.command, clock=used,
        )  # fmt: skip
    return ended(Run(Path(summary.run), trust=trust), summary.state, start.gate, tell)


def resume(
    run: str | Path | Run,
    *,
    generations: int | None = None,
    budget: str | float | None = None,
    time: str | float | None = None,
    workers: int | None = None,
    trust: bool = False,
    isolation: Isolation | None = None,
    executor: ExecutorName = "local",
    address: str | None = None,
    tell: Tell = log,
    on_event: "Callable[[RunEvent], None] | None" = None,
    command: Sequence[str] = ("gi.resume",),
) -> Run:
    """Resumes a run where it stopped; a finished one is left as it is. `gi evolve --resume` calls this.

    `generations`, `budget` and `time`, of the whole run, replace the stored ones; the rest is as for `evolve`. A model
    that needed `trust` needs it again, unless `run` is a `Run` with it: a run's file cannot grant it. If that file is
    damaged or missing, the run continues from the backup of its last generation, with a message to `tell`.

    Raises `SourceError` where the gate refuses what the run started from, `ArchiveError` where there is no run or
    another process has it, `ConfigError` for fewer generations than the run was given, `BudgetError` for a budget or a
    time that it has used up.
    """
    import gi.search.evolve
    from gi.archive import Archive, go_back
    from gi.data.dataset import run_dataset
    from gi.search.events import Doing
    from gi.search.parts import default_parts

    folder = run.path if isinstance(run, Run) else Path(run)
    trust = trust or (isinstance(run, Run) and run.trust)
    with isolated(isolation), machines(executor, address) as there:
        tell_missing_layers(tell)
        used = there.clock()
        if (back := go_back(folder)) is not None:
            tell(f"{WARNING}{back}")
        with Archive.open(folder) as archive:
            config, gate = archive.run().config, run_gate(archive, trust=trust)
            for seed in archive.seeds():  # the run and the file that it started from may be from a stranger
                gate.require(seed.text, config.entry, f"{folder}: {shown(seed.origin.path)}")
            (on_event or _ignore)(Doing(f"reading {config.dataset_name}"))
            tell_dataset(run_dataset(config), tell)
            num_workers = there.workers(workers, config.device)
            tell_lag(config, num_workers, tell)
        summary = gi.search.evolve.resume(
            folder, parts=partial(default_parts, gate=gate, executor=there.executor), generations=generations,
            budget_cpu_s=seconds(budget, "budget"), time_s=seconds(time, "time"), workers=num_workers,
            on_event=on_event, command=command, clock=used,
        )  # fmt: skip
    return ended(Run(folder, trust=trust), summary.state, gate, tell)


def _ignore(_: "RunEvent") -> None:
    """Discards an event: the default of `on_event`."""
