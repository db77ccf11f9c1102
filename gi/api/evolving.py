"""The main job: a run from its options to its end, and a run that goes on. `gi evolve` calls nothing else."""

import dataclasses
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from gi.api.arrays import ArraySet, keep_arrays
from gi.api.default_corpus import build_default_corpus
from gi.api.isolating import isolated, missing_layers_text
from gi.api.model_file import ModelFile, argument_texts, fitted_text, read_model, seed_program
from gi.api.runs import Run
from gi.api.telling import WARNING, OnProgress, Tell, log, no_progress, tell_dataset
from gi.api.trusting import model_gate, run_gate
from gi.core.errors import ConfigError, GiError
from gi.core.quoting import shown
from gi.core.settings import (
    WALL_FOR_CPU,
    RunConfig,
    cache_folder,
    default_workers,
    parse_count,
    parse_duration,
    parse_share,
)
from gi.sandbox.isolation import Isolation
from gi.sandbox.process_cpu import CpuClock
from gi.source.gate.passing import STRICT, Gate

if TYPE_CHECKING:
    from gi.archive import Archive
    from gi.search.events import RunEvent

BEST = "error"  # whose least value decides what a run exports
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
    epochs: float = 9.0,
    rungs: int = 4,
    images: int | None = None,
    survival: Literal["hypervolume", "nsga2"] = "hypervolume",
    adapt: bool = True,
    lag: int = 8,
    finals: int = 6,
    final_images: int | None = None,
    final_seeds: int = 3,
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
    tell: Tell = log,
    on_event: "Callable[[RunEvent], None] | None" = None,
    on_progress: OnProgress = no_progress,
    command: Sequence[str] = ("gi.evolve",),
) -> Run:
    """Evolves programs on a data set and returns the run, finished or, after Ctrl-C, interrupted.

    The options are those of `gi evolve`, which calls this function; `gi evolve --help` says what each does.

    Args:
        dataset: A data set's name, an image folder, an .npz file, `(images, labels)`, or arrays by the names that they
            have in an .npz file (`train_images`, `train_labels`, `test_images`, ...). Arrays are kept in the run's
            folder as data.npz. Images are (n, h, w), (n, h, w, c) or (n, c, h, w), uint8 or numbers from 0 to 1;
            labels (n,) are whole numbers or texts.
        model: A model of the user's own to start from, "FILE" or "FILE:NAME", in place of gi's seed programs.
        arguments: What `model` is built with, {"depth": 18} or ["depth=18"].
        image_size: Pixels a side, or (height, width), that all images are brought to.
        generations: How many to breed, 8 offspring each by default (`population`).
        budget: CPU time of the whole run, in seconds or as "20m"; `time` is the same for the wall clock.
        max_params: The most parameters, 10000 or "10k"; `max_error` is a share, 0.02 or "2%"; `max_time` a ratio.
        cpu_limit: CPU seconds that a training of 30,000 images may take; 8, for `model` twice what it takes itself.
        clock: "model" computes times from the program in place of measuring them: equal on every machine.
        corpus: The corpus file to borrow lines from; the default one is built first where it is missing.
        out: The run's folder, new or empty; runs/DATASET-N by default.
        trust: Run `model` though the gate refuses it. What its offspring borrow is read as ever.
        isolation: "auto", "strict" or "off"; None leaves it to $GI_ISOLATION.
        tell: Takes the lines on what was read, what is odd and what was written; Python's `logging` by default.
        on_event: Called with each record of `gi.search.events` as it happens.
        on_progress: Called with (stage, done, total) while the default corpus is built.
        command: What the run's record says was called.

    Raises:
        GiError: One line each. `ConfigError` for an option out of range, `DatasetError`, `SourceError` for a model that
            does not fit or that the gate refuses, `ArchiveError` for a folder that cannot take a run, `BudgetError` for
            a budget that is too short, `RunError` where no seed program can be evaluated or the disk is full.
    """
    if arguments and model is None:
        raise ConfigError(f"--arg {argument_texts(arguments)[0]}: it is for a model of your own; pass MODEL.py too.")
    if trust and model is None:
        raise ConfigError("--trust: it is for a model of your own; pass MODEL.py too, or --resume RUN.")
    own = None if model is None else read_model(str(model), argument_texts(arguments))
    gate = STRICT if own is None else model_gate(own, trust=trust)
    limit_s = _PLAIN.cpu_limit_s if cpu_limit is None and own is None else cpu_limit
    config = RunConfig(
        dataset=str(dataset) if isinstance(dataset, str | Path) else "arrays", generations=generations,
        population=population, seed=seed, budget_cpu_s=_seconds(budget, "budget"), time_s=_seconds(time, "time"),
        objectives=tuple(objectives), max_params=_count(max_params), max_time=max_time, max_error=_share(max_error),
        metric=metric, epochs=epochs, rungs=rungs, images=images, survival=survival, adapt=adapt, lag=lag,
        finals=finals, final_images=final_images, final_seeds=final_seeds, batch_size=batch_size, cpu_limit_s=limit_s,
        wall_limit_s=max(_PLAIN.wall_limit_s, WALL_FOR_CPU * (limit_s or 0)), device=device, clock=clock,
        data_root=_absolute(data_root), corpus=_absolute(corpus), index=_absolute(index),
        allow_licences=tuple(allow_licence), inherit=inherit, cache=cache, entry="Net" if own is None else own.entry,
        image_size=(image_size, image_size) if isinstance(image_size, int) else image_size,
    )  # fmt: skip
    num_workers = _workers(workers)
    folder = next_run_folder(config.dataset) if out is None else Path(out)
    arrays = None if isinstance(dataset, str | Path) else dataset
    import gi.search.evolve
    from gi.search.parts import default_parts

    notify = on_event or _nobody
    with isolated(isolation), ExitStack() as held:
        _tell_missing_layers(tell)
        used = CpuClock()
        config = _with_data(config, folder, arrays, own, gate, held, tell=tell, notify=notify)
        _tell_lag(config, num_workers, tell)
        # Once for all runs of this machine, and so no part of what this one costs.
        with used.paused():
            _prepare_corpus(config, tell, on_progress)
        seeds = None if own is None else (seed_program(own),)
        summary = gi.search.evolve.evolve(
            config, folder, seeds=seeds, parts=partial(default_parts, gate=gate), workers=num_workers,
            on_event=on_event, command=command, clock=used,
        )  # fmt: skip
    return _ended(Run(Path(summary.run), trust=trust), summary.state, gate, tell)


def resume(
    run: str | Path | Run,
    *,
    generations: int | None = None,
    budget: str | float | None = None,
    time: str | float | None = None,
    workers: int | None = None,
    trust: bool = False,
    isolation: Isolation | None = None,
    tell: Tell = log,
    on_event: "Callable[[RunEvent], None] | None" = None,
    command: Sequence[str] = ("gi.resume",),
) -> Run:
    """Goes on with a run exactly where it stopped; a finished one is left as it is. `gi evolve --resume` calls this.

    `generations`, `budget` and `time`, of the whole run, replace the stored ones; the rest is as for `evolve`. A model
    that needed `trust` needs it again, unless `run` is a `Run` that has it: a run's file cannot claim it. Where the run
    file is damaged or gone, a run goes back to the copy that its last generation left, and `tell` says so.

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
    num_workers = _workers(workers)
    with isolated(isolation):
        _tell_missing_layers(tell)
        used = CpuClock()
        if (back := go_back(folder)) is not None:
            tell(f"{WARNING}{back}")
        with Archive.open(folder) as archive:
            config, gate = archive.run().config, run_gate(archive, trust=trust)
            for seed in archive.seeds():  # the run may be somebody else's, and so may the file that it started from
                gate.require(seed.text, config.entry, f"{folder}: {shown(seed.origin.path)}")
            (on_event or _nobody)(Doing(f"reading {config.dataset_name}"))
            tell_dataset(run_dataset(config), tell)
            _tell_lag(config, num_workers, tell)
        summary = gi.search.evolve.resume(
            folder, parts=partial(default_parts, gate=gate), generations=generations,
            budget_cpu_s=_seconds(budget, "budget"), time_s=_seconds(time, "time"), workers=num_workers,
            on_event=on_event, command=command, clock=used,
        )  # fmt: skip
    return _ended(Run(folder, trust=trust), summary.state, gate, tell)


def next_run_folder(dataset: str) -> Path:
    """The first of runs/DATASET-1, runs/DATASET-2, ... that does not exist."""
    name = re.sub(r"[^\w.-]+", "-", Path(dataset).name) or "run"
    return next(folder for n in itertools.count(1) if not (folder := Path("runs", f"{name}-{n}")).exists())


def exported_text(archive: "Archive", gate: Gate = STRICT) -> str:
    """Writes the best of the front to RUN/best/model.py; one line on that, or on why there is none.

    Hours of search stand behind the front: no fault of the export may cost it, not even one that is gi's own.
    """
    folder = archive.folder
    try:
        from gi.archive import front_members
        from gi.export import best_member, export_best

        chosen = best_member(front_members(archive), archive.run().objectives, BEST)
        without = export_best(archive, chosen.id, folder / "best" / "model.py", gate=gate)
        metric = archive.run().config.objective(BEST).title
    except Exception as error:
        told = str(error) if isinstance(error, GiError | OSError) else f"{type(error).__name__} {error}"
        return f"the best of the front is not exported: {' '.join(told.split())} Try `gi export {folder} ID`."
    by = "by its final trainings' mean on the validation split" if chosen.validation_errors else "in the search"
    return f"{folder}/best/model.py holds {chosen.id[:8]}, the front's best {metric} {by}" + (
        f"; without weights: {without}" if chosen.weights and without else ""
    )


def _with_data(
    config: RunConfig,
    folder: Path,
    arrays: ArraySet | None,
    own: ModelFile | None,
    gate: Gate,
    held: ExitStack,
    *,
    tell: Tell,
    notify: "Callable[[RunEvent], None]",
) -> RunConfig:
    """The settings with the place of the data. What is wrong with the call is told here, before a corpus is built.

    What the run keeps warm until it ends is put into `held`.
    """
    from gi.archive import refuse_unfit
    from gi.corpus import Corpus
    from gi.data.dataset import run_dataset
    from gi.search.events import Doing

    refuse_unfit(folder)
    notify(Doing(f"reading {config.dataset_name}"))
    if arrays is not None:
        config = dataclasses.replace(config, dataset=str(keep_arrays(arrays, folder, held)))
    dataset = run_dataset(config)
    if dataset.source_kind in ("folder", "npz"):
        config = dataclasses.replace(config, dataset=str(_absolute(config.dataset)))
    if own is not None:
        from gi.trace.client import CheckWorker

        notify(Doing(f"fitting {own.entry} to it"))
        fitted_text(own, dataset.task, held.enter_context(CheckWorker(entry=own.entry, gate=gate)), tell=tell)
    if config.index is not None:
        from gi.kernels.donors.from_index import index_pack
        from gi.kernels.index.reader import Index

        index_pack(Index.open(config.index), cache_folder() / "donors")
    if config.corpus is not None:
        with Corpus.open(Path(config.corpus)):
            pass  # one that is missing is told before the data set is
    tell_dataset(dataset, tell)
    return config


def _prepare_corpus(config: RunConfig, tell: Tell, on_progress: OnProgress) -> None:
    if config.corpus is None:
        build_default_corpus(tell=tell, on_progress=on_progress)


def _ended(run: Run, state: str, gate: Gate, tell: Tell) -> Run:
    """The run, with the best of its front exported where it came to its end."""
    from gi.archive import Archive

    if state == "interrupted":
        tell(f"interrupted; go on with: gi evolve --resume {run.path}" + (" --trust" if run.trust else ""))
    else:
        with Archive.open(run.path) as archive:
            tell(exported_text(archive, gate))
    return run


def _tell_missing_layers(tell: Tell) -> None:
    missing = missing_layers_text()
    if missing:
        tell(f"{WARNING}programs run with less isolation: {missing}; see `gi doctor`.")


def _tell_lag(config: RunConfig, workers: int, tell: Tell) -> None:
    """Warns of workers that will have nothing to do."""
    if config.lag < workers:
        tell(
            f"{WARNING}{config.lag} of {workers} workers will work: a decision waits for all trainings but the last "
            f"{config.lag}. A new run with --lag {workers} uses them all, and finds other programs."
        )


def _nobody(_: "RunEvent") -> None:
    """Takes an event that nobody asked for."""


def _workers(given: int | None) -> int:
    if given is not None and given < 1:
        raise ConfigError(f"workers is {given}: it must be at least 1.")
    return given or default_workers()


def _seconds(given: str | float | None, what: str) -> float | None:
    return parse_duration(given, what) if isinstance(given, str) else given


def _count(given: str | int | None) -> int | None:
    return parse_count(given) if isinstance(given, str) else given


def _share(given: str | float | None) -> float | None:
    return parse_share(given) if isinstance(given, str) else given


def _absolute(path: str | Path | None) -> str | None:
    return None if path is None else str(Path(path).expanduser().absolute())
