"""The main job: `gi evolve`."""

import dataclasses
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from gi.cli.corpus_file import DEFAULT_CORPUS
from gi.cli.data_set import image_size_option, parse_image_size
from gi.cli.executor import address_option, executor_option
from gi.cli.isolation import isolation_option
from gi.cli.options import Form, answer_form, arguments_option, print_answer, tell, trust_option
from gi.core.errors import ConfigError
from gi.core.figures import duration_text
from gi.core.objectives import METRICS, OBJECTIVES
from gi.core.settings import EPOCHS, OWN_MODEL_FACTOR, RunConfig

if TYPE_CHECKING:
    from gi.api.runs import Run
    from gi.archive import Archive
    from gi.cli.progress import Stages
    from gi.search.events import RunEvent

# Read from the settings, so that each default is defined once and `--help` cannot show another.
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
@executor_option
@address_option
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
    "--epochs",
    type=float,
    show_default=f"{EPOCHS:g}, fewer where budget or time is short",
    help="Of a training on the top rung.",
)
@click.option(
    "--rungs",
    type=int,
    default=_DEFAULT["rungs"],
    show_default=True,
    help="At most, each four times as long as the one below and none under 2,000 images; the best quarter goes up.",
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
    type=float,
    show_default=f"{OWN_MODEL_FACTOR:g} times what the slowest seed program takes, or MODEL.py itself",
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
@click.option(
    "--log-to",
    type=click.Choice(["mlflow", "tensorboard"]),
    multiple=True,
    help="Log each generation's figures there, too; may be repeated. Needs gi[log].",
)
@click.option("--out", type=click.Path(path_type=Path), show_default="runs/DATASET-N", help="The run's folder; new.")
@click.option(
    "--resume",
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="Go on with a run; beside it: --generations, --budget, --time, --executor.",
)
@isolation_option
@trust_option
@answer_form
@arguments_option
@click.argument("model", required=False, metavar="[MODEL.py[:NAME]]")
@click.pass_context
def evolve(
    ctx: click.Context,
    /,
    *,
    resume: Path | None,
    log_to: tuple[str, ...],
    form: Form,
    **options: Any,
) -> int:
    """Evolve programs on a data set: the main job.

    The search starts from gi's own seed programs, or from the model in MODEL.py. It ends with a Pareto front, printed
    with its test error, and with RUN/best/model.py, its most accurate program as plain PyTorch.
    """
    import gi.api.evolving

    with _Watching(log_to) as watching:
        reporting: dict[str, Any] = {"tell": tell, "on_event": watching.on_event, "command": ("gi", *sys.argv[1:])}
        if resume:
            run = gi.api.evolving.resume(resume, trust=options["trust"], **_given_beside_resume(ctx), **reporting)
        else:
            run = gi.api.evolving.evolve(**_parsed(**options), on_progress=watching.on_progress, **reporting)
    return _finish(run, form)


class _Watching:
    """Shows a run on stderr, with a bar while the default corpus is built, and gives its figures to trackers."""

    def __init__(self, log_to: Sequence[str]) -> None:
        from gi.cli.progress import Progress
        from gi.report.tracking import Tracked, client_tracker

        # Each once, however often it is named; a missing client is refused here, before anything is trained.
        self._tracked = [Tracked(name, client_tracker(name), tell) for name in dict.fromkeys(log_to)]
        self._progress = Progress(sys.stderr)
        self._bar = ExitStack()  # empty but while the corpus is built
        self._stages: Stages | None = None

    def on_progress(self, stage: str, done: int, total: int) -> None:
        """Shows how far the corpus is."""
        from gi.cli.progress import Stages

        if self._stages is None:
            self._bar.enter_context(self._progress.paused())
            self._stages = self._bar.enter_context(Stages(sys.stderr))
            self._stages.start(DEFAULT_CORPUS)
        self._stages(stage, done, total)

    def on_event(self, event: "RunEvent") -> None:
        """Shows what an event of the run changes."""
        # An event means that the corpus is built, whose bar would stand in the panel's place.
        self._bar.close()
        self._progress(event)
        for tracked in self._tracked:
            tracked(event)

    def __enter__(self) -> "_Watching":
        self._progress.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()
        self._progress.__exit__(kind, error, trace)
        for tracked in self._tracked:
            tracked.close()


def _given_beside_resume(ctx: click.Context) -> dict[str, Any]:
    """What replaces the stored settings of a run that goes on. Raises `ConfigError` for any other option."""
    given = {p.name or "": p.opts[0] for p in ctx.command.params if _was_given(ctx, p.name or "")}
    refused = [flag for name, flag in given.items() if name not in _WITH_RESUME]
    if refused:
        raise ConfigError(f"{refused[0]} beside --resume: a run goes on with its own settings. Leave it out.")
    return {name: ctx.params[name] for name in given if name in _REPLACED}


_REPLACED = ("workers", "executor", "address", "generations", "budget", "time")
# Beside them, options that change how a run is shown or confined, and none of its results.
_WITH_RESUME = ("resume", "isolation", "trust", "log_to", "as_json", "as_csv", *_REPLACED)


def _parsed(*, objectives: str, index: str, image_size: str | None, **same: Any) -> dict[str, Any]:
    """The options of a new run as the interface takes them."""
    return {
        "objectives": [key.strip() for key in objectives.split(",")],
        "index": None if index == "none" else index,
        "image_size": parse_image_size(image_size),
        **same,
    }


def _was_given(ctx: click.Context, name: str) -> bool:
    # click fills in defaults: the value alone does not show whether the user gave it.
    return ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE


def _finish(run: "Run", form: Form) -> int:
    """Prints what was found; the exit status."""
    from gi.archive import Archive, run_summary
    from gi.report.answers import summary_json
    from gi.report.constraints import nothing_feasible_text
    from gi.report.own_model import own_model_text
    from gi.report.printing import print_front

    with Archive.open(run.path) as archive:
        summary = run_summary(archive)
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
        return 130  # after the answer: what an interrupted run has counts
    # The search did what it could, but what it was asked for does not exist: a script must notice.
    return 1 if nothing else 0


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
    front = {member.id for member in front_members(archive)}
    # Of a run that went on, some that were trained to the end are on the front no more.
    trained = len(front & {retraining.individual for retraining in archive.outcomes.retrainings()})
    return (
        f"the budget of {duration_text(budget_s or 0)} paid for {done} of {done + finals['left_out']} final trainings "
        f"(programs of the front: {trained} of {len(front)}). "
        f"For more: gi evolve --resume {archive.folder} --budget LONGER"
    )
