"""The main job: `gi evolve`."""

import dataclasses
import itertools
import re
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from gi.cli.corpus_file import build_default_corpus, open_corpus
from gi.cli.data_set import announce, image_size_option, parse_image_size
from gi.cli.model_file import ModelFile, arguments_option, fitted_text, read_model, seed_program
from gi.cli.options import Form, answer_form, isolation, missing_layers_text, print_answer, tell
from gi.core.errors import ConfigError, GiError
from gi.core.figures import duration_text
from gi.core.objectives import METRICS, OBJECTIVES
from gi.core.settings import (
    OWN_MODEL_FACTOR,
    WALL_FOR_CPU,
    RunConfig,
    cache_folder,
    default_workers,
    parse_count,
    parse_duration,
    parse_share,
)

if TYPE_CHECKING:
    from gi.archive import Archive, RunSummary
    from gi.cli.progress import Progress
    from gi.sandbox.process_cpu import CpuClock

BEST = "error"  # whose least value decides what a run exports
_DEFAULT: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(RunConfig)}


@click.command()
@click.option("--dataset", default="digits", show_default=True, metavar="NAME|FOLDER", help="What to learn.")
@image_size_option
@click.option("--generations", type=int, default=_DEFAULT["generations"], show_default=True, help="How many to breed.")
@click.option(
    "--population", type=int, default=_DEFAULT["population"], show_default=True, help="Offspring of a generation."
)
@click.option("--seed", type=int, default=_DEFAULT["seed"], show_default=True, help="Of every random stream.")
@click.option("--workers", type=int, default=None, show_default="one for each core", help="Evaluations at once.")
@click.option("--budget", metavar="20m", help="CPU time of the whole run, final trainings included: 90s, 20m, 1h30m.")
@click.option("--time", metavar="15m", help="Wall-clock time of the whole run: 90s, 20m, 1h30m.")
@click.option(
    "--objectives",
    default=",".join(_DEFAULT["objectives"]),
    show_default=True,
    metavar="A,B,...",
    help=f"What to minimise, two or more of: {', '.join(OBJECTIVES)}.",
)
@click.option("--max-params", metavar="N|10k", help="Programs of more parameters are infeasible, and never trained.")
@click.option("--max-time", type=float, metavar="X", help="So are those that take longer, as a ratio to the reference.")
@click.option("--max-error", metavar="2%|0.02", help="So are those that are wrong more often.")
@click.option(
    "--metric",
    type=click.Choice(list(METRICS)),
    default=_DEFAULT["metric"],
    show_default=True,
    help="What the objective error measures: wrong answers, their mean over the classes, or 1 - AUC.",
)
@click.option(
    "--epochs", type=float, default=_DEFAULT["epochs"], show_default=True, help="Of a training on the top rung."
)
@click.option(
    "--rungs",
    type=int,
    default=_DEFAULT["rungs"],
    show_default=True,
    help="Of trainings, each four times as long as the one below; the best quarter goes up.",
)
@click.option("--images", type=int, help="One rung instead, of trainings on so many images.")
@click.option(
    "--survival",
    type=click.Choice(["hypervolume", "nsga2"]),
    default=_DEFAULT["survival"],
    show_default=True,
    help="What decides within a front.",
)
@click.option(
    "--adapt/--no-adapt",
    default=_DEFAULT["adapt"],
    show_default=True,
    help="Draw operators and donors by what their edits gave so far.",
)
@click.option(
    "--lag",
    type=int,
    default=_DEFAULT["lag"],
    show_default=True,
    help="Trainings under way whose outcomes a decision does not wait for; at least the number of workers.",
)
@click.option(
    "--finals", type=int, default=_DEFAULT["finals"], show_default=True, help="Front members with final trainings."
)
@click.option("--final-images", type=int, show_default="as on the top rung", help="Of one final training.")
@click.option("--final-seeds", type=int, default=_DEFAULT["final_seeds"], show_default=True, help="Trainings of each.")
@click.option("--batch-size", type=int, default=_DEFAULT["batch_size"], show_default=True, help="Images of one step.")
@click.option(
    "--cpu-limit",
    "cpu_limit_s",
    type=float,
    show_default=f"{_DEFAULT['cpu_limit_s']:g}; for MODEL.py {OWN_MODEL_FACTOR:g} times what it takes itself",
    help="CPU seconds that training on 30,000 images may take; slower programs are refused after a few steps.",
)
@click.option("--device", default=_DEFAULT["device"], show_default=True, help="Where networks train.")
@click.option(
    "--clock",
    type=click.Choice(["cpu", "model"]),
    default=_DEFAULT["clock"],
    show_default=True,
    help="Measure times, or compute them from the program: equal on every machine.",
)
@click.option("--data-root", metavar="DIR", show_default="$GI_DATA or the cache folder", help="Where data sets lie.")
@click.option("--corpus", metavar="FILE", show_default="the default, see `gi corpus`", help="What to borrow from.")
@click.option("--allow-licence", multiple=True, metavar="SPDX", help="Borrow from this licence too; may be repeated.")
@click.option(
    "--index",
    default="none",
    show_default=True,
    metavar="DIR|none",
    help="Start trainings from these networks' weights.",
)
@click.option(
    "--inherit/--no-inherit",
    default=_DEFAULT["inherit"],
    show_default=True,
    help="Start each child's training on the lowest rung from its parent's weights.",
)
@click.option(
    "--cache/--no-cache",
    default=_DEFAULT["cache"],
    show_default=True,
    help="Take trainings that an earlier run did from there; see `gi cache`.",
)
@click.option("--out", type=click.Path(path_type=Path), show_default="runs/DATASET-N", help="The run's folder; new.")
@click.option(
    "--resume",
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="Go on with a run; beside it: --generations, --budget, --time.",
)
@isolation
@answer_form
@arguments_option
@click.argument("model", required=False, metavar="[MODEL.py[:NAME]]")
@click.pass_context
def evolve(
    ctx: click.Context,
    /,
    *,
    model: str | None,
    arguments: tuple[str, ...],
    workers: int | None,
    out: Path | None,
    resume: Path | None,
    form: Form,
    **settings: Any,
) -> int:
    """Evolve programs on a data set: the main job.

    The search starts from gi's own seed programs, or from the model in MODEL.py. It ends with a Pareto front, printed
    with its test error, and with RUN/best/model.py, its most accurate program as plain PyTorch.
    """
    if workers is not None and workers < 1:
        raise ConfigError(f"workers is {workers}: it must be at least 1.")
    if arguments and model is None:
        raise ConfigError(f"--arg {arguments[0]}: it is for a model of your own; pass MODEL.py too.")

    from gi.cli.progress import Progress
    from gi.sandbox.process_cpu import CpuClock

    clock = CpuClock.of_process()
    missing = missing_layers_text()
    if missing:
        tell(f"warning: programs run with less isolation: {missing}; see `gi doctor`.")
    workers = workers or default_workers()
    with ExitStack() as held:
        progress = held.enter_context(Progress(sys.stderr))
        own = None if model is None or resume else read_model(model, arguments)
        if resume:
            job = _resumed(ctx, resume, settings, workers, progress)
        else:
            job = _new(own, out, settings, workers, held, clock, progress)
        summary = job(workers=workers, on_event=progress, command=tuple(sys.argv[1:]), clock=clock)
    return _finish(Path(summary.run), summary, form)


def _new(
    model: ModelFile | None,
    out: Path | None,
    settings: dict[str, Any],
    workers: int,
    held: ExitStack,
    clock: "CpuClock",
    progress: "Progress",
) -> Callable[..., "RunSummary"]:
    """A new run, ready to start; what it keeps warm until it ends is put into `held`."""
    config = _config(model, **settings)
    folder = out or next_run_folder(config.dataset)
    progress.doing(f"reading {config.dataset_name}")

    import gi.search.evolve
    from gi.archive import refuse_unfit
    from gi.data.dataset import run_dataset

    refuse_unfit(folder)  # what is wrong with the call is told before the first run's corpus is built
    dataset = run_dataset(config)
    if dataset.source_kind in ("folder", "npz"):
        config = dataclasses.replace(config, dataset=_absolute(config.dataset))
    if model is not None:
        from gi.trace.client import CheckWorker

        progress.doing(f"fitting {model.entry} to it")
        fitted_text(model, dataset.task, held.enter_context(CheckWorker(entry=model.entry)))
    if config.index is not None:
        from gi.kernels.donors.from_index import index_pack
        from gi.kernels.index.reader import Index

        index_pack(Index.open(config.index), cache_folder() / "donors")
    if config.corpus is not None:
        with open_corpus(Path(config.corpus)):
            pass  # one that is missing is told before the data set is
    announce(dataset)
    _tell_lag(config, workers)
    if config.corpus is None:
        with clock.paused(), progress.paused():  # once for all runs of this machine
            build_default_corpus()
    return partial(gi.search.evolve.evolve, config, folder, seeds=None if model is None else (seed_program(model),))


def _tell_lag(config: RunConfig, workers: int) -> None:
    """Warns of workers that will have nothing to do."""
    if config.lag < workers:
        tell(
            f"warning: {config.lag} of {workers} workers will work: a decision waits for all trainings but the last "
            f"{config.lag}. A new run with --lag {workers} uses them all, and finds other programs."
        )


def _resumed(
    ctx: click.Context, folder: Path, settings: dict[str, Any], workers: int, progress: "Progress"
) -> Callable[..., "RunSummary"]:
    """A run that goes on, for more generations or with a larger budget where these are given."""
    given = {p.name: p.opts[0] for p in ctx.command.params if _was_given(ctx, p.name or "")}
    refused = [flag for name, flag in given.items() if name not in _WITH_RESUME]
    if refused:
        raise ConfigError(f"{refused[0]} beside --resume: a run goes on with its own settings. Leave it out.")

    import gi.search.evolve
    from gi.archive import Archive
    from gi.data.dataset import run_dataset

    with Archive.open(folder) as archive:
        progress.doing(f"reading {archive.run().config.dataset_name}")
        announce(run_dataset(archive.run().config))
        _tell_lag(archive.run().config, workers)
    return partial(
        gi.search.evolve.resume,
        folder,
        generations=settings["generations"] if "generations" in given else None,
        budget_cpu_s=parse_duration(settings["budget"]) if "budget" in given else None,
        time_s=parse_duration(settings["time"], "time") if "time" in given else None,
    )


_WITH_RESUME = ("resume", "isolation", "workers", "as_json", "as_csv", "generations", "budget", "time")


def _was_given(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE


def _finish(folder: Path, summary: "RunSummary", form: Form) -> int:
    """Exports the best of the front, prints what was found; the exit status."""
    from gi.archive import Archive
    from gi.report import nothing_feasible_text, own_model_text, print_front, summary_json

    if summary.state == "interrupted":
        tell(f"interrupted; go on with: gi evolve --resume {folder}")
    with Archive.open(folder) as archive:
        if summary.state == "finished":
            tell(_exported(archive, folder))
        if own := own_model_text(archive):
            tell(own)
        finals = _finals(archive)
        if finals["left_out"]:
            tell(_left_out_text(archive, finals))
        if form == "text":
            print_front(archive)
        else:
            answer = summary_json(summary) | {"final_trainings": finals}
            print_answer(form, answer, answer["front"])
        nothing = nothing_feasible_text(archive)
        if nothing:
            tell(nothing)
    if summary.state == "interrupted":
        return 130
    return 1 if nothing else 0


def _exported(archive: "Archive", folder: Path) -> str:
    """Writes the best of the front beside the run; one line on that, or on why there is none.

    Hours of search stand behind the front, which is printed after this: no fault of the export may cost it, not even
    one that is gi's own.
    """
    try:
        from gi.archive import front_members
        from gi.export import best_member, export_best

        chosen = best_member(front_members(archive), archive.run().objectives, BEST)
        without = export_best(archive, chosen.id, folder / "best" / "model.py")
        metric = archive.run().config.objective(BEST).title
    except Exception as error:
        told = str(error) if isinstance(error, GiError | OSError) else f"{type(error).__name__} {error}"
        return f"the best of the front is not exported: {' '.join(told.split())} Try `gi export {folder} ID`."
    by = "by its final trainings' mean on the validation split" if chosen.validation_errors else "in the search"
    return f"{folder}/best/model.py holds {chosen.id[:8]}, the front's best {metric} {by}" + (
        f"; without weights: {without}" if chosen.weights and without else ""
    )


def _finals(archive: "Archive") -> dict[str, int]:
    """How many final trainings a run has, and how many the budget did not pay for."""
    left_out = next(
        (e.detail.get("left_out", 0) for e in reversed(archive.sessions.events()) if e.kind == "finished"), 0
    )
    return {"done": len(archive.outcomes.retrainings()), "left_out": left_out}


def _left_out_text(archive: "Archive", finals: dict[str, int]) -> str:
    """What the budget did not pay for, and how to have it."""
    from gi.archive import front_members

    budget_s, done = archive.run().config.budget_cpu_s, finals["done"]
    trained = len({retraining.individual for retraining in archive.outcomes.retrainings()})
    return (
        f"the budget of {duration_text(budget_s or 0)} paid for {done} of {done + finals['left_out']} final trainings "
        f"(programs: {trained} of {len(front_members(archive))}). "
        f"For more: gi evolve --resume {archive.folder} --budget LONGER"
    )


def _config(
    model: ModelFile | None,
    *,
    budget: str | None,
    time: str | None,
    objectives: str,
    allow_licence: tuple[str, ...],
    max_params: str | None,
    max_error: str | None,
    cpu_limit_s: float | None,
    data_root: str | None,
    corpus: str | None,
    index: str,
    image_size: str | None,
    **same: Any,
) -> RunConfig:
    """The settings of a new run. Its paths are absolute: it may be resumed from another folder."""
    limit_s = _DEFAULT["cpu_limit_s"] if cpu_limit_s is None and model is None else cpu_limit_s
    return RunConfig(
        data_root=data_root and _absolute(data_root),
        corpus=corpus and _absolute(corpus),
        index=None if index == "none" else _absolute(index),
        entry="Net" if model is None else model.entry,
        image_size=parse_image_size(image_size),
        cpu_limit_s=limit_s,
        max_params=None if max_params is None else parse_count(max_params),
        max_error=None if max_error is None else parse_share(max_error),
        budget_cpu_s=None if budget is None else parse_duration(budget),
        time_s=None if time is None else parse_duration(time, "time"),
        objectives=tuple(key.strip() for key in objectives.split(",")),
        allow_licences=allow_licence,
        wall_limit_s=max(_DEFAULT["wall_limit_s"], WALL_FOR_CPU * (limit_s or 0)),
        **same,
    )


def _absolute(path: str) -> str:
    return str(Path(path).expanduser().absolute())


def next_run_folder(dataset: str) -> Path:
    """The first of runs/DATASET-1, runs/DATASET-2, ... that does not exist."""
    name = re.sub(r"[^\w.-]+", "-", Path(dataset).name) or "run"
    return next(folder for n in itertools.count(1) if not (folder := Path("runs", f"{name}-{n}")).exists())
