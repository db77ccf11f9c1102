"""What a run found: `gi front`, `gi show`, `gi failures`, and all of it as a page: `gi report`."""

from functools import partial
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from gi.cli.limits import parse_limits, refuse_unused_limits, training_limits
from gi.cli.options import Form, answer_form, print_answer, run_folder, say, tell, trust_option
from gi.core.errors import ConfigError


@click.command()
@run_folder
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.png|svg", help="Draw it, too.")
@click.option(
    "--top",
    type=click.IntRange(1),
    metavar="N",
    help="Only N members: the best by each objective, then those that differ most from the ones chosen.",
)
@answer_form
def front(*, run: Path, plot: Path | None, top: int | None, form: Form) -> None:
    """Print the Pareto front of a run: all that nothing dominates among what was evaluated."""
    from gi.archive import Archive
    from gi.report.answers import front_json
    from gi.report.constraints import nothing_feasible_text

    # rich and what explains programs are imported for a reader, not for JSON.
    with Archive.open(run) as archive:
        if plot is not None:  # first: what cannot be drawn is refused before an answer is printed
            from gi.report.printing import front_plot

            front_plot(archive, plot)
        if form == "text":
            from gi.report.printing import print_front

            print_front(archive, top)
        else:
            answer = front_json(archive, top)
            print_answer(form, answer, answer["front"])
        if nothing := nothing_feasible_text(archive):
            tell(nothing)


@click.command()
@run_folder
@click.argument("id_", metavar="ID")
@click.option("--diff", "view", flag_value="diff", help="What changed since its seed program.")
@click.option("--lineage", "view", flag_value="lineage", help="Its ancestors and the edits that made them.")
@click.option(
    "--provenance", "view", flag_value="provenance", help="Each change since its seed program: origin and effect."
)
@click.option("--measure", is_flag=True, help="With --provenance: train it without each change, for the effects.")
@training_limits
@trust_option
@answer_form
@click.pass_context
def show(
    ctx: click.Context,
    /,
    *,
    run: Path,
    id_: str,
    view: str | None,
    measure: bool,
    trust: bool,
    form: Form,
    **limits: Any,
) -> None:
    """Print an individual of a run: its source by default."""
    from gi.archive import Archive
    from gi.report.individual import show_json, show_rows
    from gi.report.printing import print_individual

    if measure:
        # Without the view nothing would show what the trainings were for.
        if view != "provenance":
            raise ConfigError("--measure goes with --provenance, whose effects it measures.")
        _measured(run, id_, limits, trust=trust)
    else:
        refuse_unused_limits(ctx, "--measure")
    with Archive.open(run) as archive:
        if form == "text":
            print_individual(archive, id_, view or "source")
        else:
            answer = show_json(archive, id_)
            print_answer(form, answer, show_rows(answer, view))


def _measured(run: Path, id_: str, limits: dict[str, Any], *, trust: bool) -> None:
    from gi.api.trusting import run_gate
    from gi.archive import Archive
    from gi.jobs.minimise import MinimisationTools, default_tools, measure

    with Archive.open(run) as archive:
        gate = run_gate(archive, trust=trust)
        individual = archive.individuals.by_prefix(id_)
        gate.require(individual.text, archive.run().config.entry, f"program {individual.id[:8]}")
    # After the reader has closed: `measure` folds the log into the file, which an open reader prevents.
    tell(f"training {id_[:8]} without each of its changes")
    means = MinimisationTools(workers=limits["workers"], tools=partial(default_tools, gate=gate))
    measure(run, id_, parse_limits(limits), means=means)


@click.command()
@run_folder
@click.option("--tries", is_flag=True, help="The refused tries of the variation, in place of failed evaluations.")
@answer_form
def failures(*, run: Path, tries: bool, form: Form) -> None:
    """Print what failed in a run, by stage and reason."""
    from gi.archive import Archive
    from gi.report.answers import failures_json
    from gi.report.printing import print_failures

    with Archive.open(run) as archive:
        groups = archive.outcomes.refusals() if tries else archive.outcomes.failures()
        if form == "text":
            print_failures(groups)
        else:
            print_answer(form, failures_json(groups), failures_json(groups))


@click.command()
@run_folder
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("report.html"),
    show_default=True,
    metavar="FILE.html",
    help="The page.",
)
@click.option("--force", is_flag=True, help="Replace a file that exists.")
@click.option(
    "--follow", is_flag=True, help="Serve it to this machine's browser, and keep it up to date, until Ctrl-C."
)
@click.option(
    "--port", type=click.IntRange(1, 65_535), metavar="N", help="With --follow: the port, else any that is free."
)
@answer_form
@click.pass_context
def report(
    ctx: click.Context, /, *, run: Path, out: Path, force: bool, follow: bool, port: int | None, form: Form
) -> None:
    """Write a run, finished or under way, as one page for a browser that needs no network.

    The front on axes to choose with everything evaluated behind it, progress, operators, failures, and of each program
    its source, its difference to any other, its family, the origin and licence of what it borrowed, how it learned and
    what it gets wrong.

    With --follow nothing is written: the page is served on 127.0.0.1 under an address with a secret in it.
    """
    from gi.archive import Archive
    from gi.report import page

    if follow:
        # By its source: `out` has a default, whose value does not show whether the user gave it.
        given = [name for name in ("out", "force") if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE]
        if given:
            raise ConfigError(f"--follow writes no file: leave --{given[0]} out.")
        page.follow(run, port or 0, lambda url: say(url) if form == "text" else print_answer(form, {"url": url}))
        return
    if port is not None:
        raise ConfigError(f"--port {port} is for --follow, which serves the page: pass it, too, or leave --port out.")
    with Archive.open(run) as archive:
        page.write_page(archive, out, force=force)
    if form == "text":
        say(out)
    else:
        print_answer(form, {"page": str(out), "bytes": out.stat().st_size})
