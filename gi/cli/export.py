"""`gi export`: an individual of a run as files, whole or less what it does not need."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gi.cli.limits import parse_limits, refuse_unused_limits, training_limits
from gi.cli.options import Form, answer_form, isolation, print_answer, run_folder, say, tell

if TYPE_CHECKING:
    from gi.archive import Archive
    from gi.explain import Explanation, Verdict
    from gi.export import Subject


@click.command()
@run_folder
@click.argument("id_", metavar="[ID]", required=False)
@click.option(
    "--best",
    type=click.Choice(["error", "params", "time", "knee"]),
    default="error",
    show_default=True,
    help="Which member of the front, where no ID is given.",
)
@click.option("-o", "--out", type=click.Path(path_type=Path), show_default="model.py", help="The file.")
@click.option("--weights", is_flag=True, help="Write the trained weights beside it, as a state dict (.pt).")
@click.option("--onnx", is_flag=True, help="Write the trained network beside it as ONNX (.onnx).")
@click.option(
    "--patch",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.patch",
    help="Write what changed in your own file, for `git apply`; model.py only where -o is given too.",
)
@click.option("--minimise", is_flag=True, help="Drop the changes that it does not need first; takes trainings.")
@click.option(
    "--tolerance",
    type=float,
    default=0.0,
    show_default=True,
    help="With --minimise: the share by which a figure may get worse beyond noise, such as 0.01.",
)
@training_limits
@click.option("--force", is_flag=True, help="Replace files that exist.")
@isolation
@answer_form
@click.pass_context
def export(
    ctx: click.Context,
    /,
    *,
    run: Path,
    id_: str | None,
    best: str,
    out: Path | None,
    patch: Path | None,
    minimise: bool,
    force: bool,
    form: Form,
    **given: Any,
) -> None:
    """Write an individual as one plain PyTorch file.

    The file builds, trains and scores the network without gi: python model.py --data DIR. Where licences of borrowed
    lines ask for it, a NOTICE is written beside it.
    """
    from gi.archive import Archive, front_members
    from gi.export import best_member, individual_subject, refuse_existing, refuse_others_beside

    # The rest of `given` are the limits of a minimisation.
    kinds = {"weights": given.pop("weights"), "onnx": given.pop("onnx")}
    # With --patch alone the user wants the patch, and no file that he did not ask for.
    model = out or (None if patch and not any(kinds.values()) else Path("model.py"))
    # Everything that can be refused is refused before trainings are paid for.
    refuse_existing(model, patch, **kinds, force=force)
    if not minimise:
        refuse_unused_limits(ctx, "--minimise")
    with Archive.open(run) as archive:
        chosen = id_ or best_member(front_members(archive), archive.run().objectives, best).id
        subject = individual_subject(archive, chosen)
        if model:  # before a minimisation, which takes trainings
            refuse_others_beside(archive, subject, model, force=force)
    explanation = _minimised(run, subject.id, given, quiet=form != "text") if minimise else None
    with Archive.open(run) as archive:
        files = _written(archive, subject, explanation, model, patch, {**kinds, "force": force})
    _tell(files, explanation, form)


def _minimised(run: Path, id_: str, given: dict[str, Any], *, quiet: bool) -> "Explanation":
    """Minimises an individual and tells of each verdict on stderr, and of the whole on stdout."""
    from gi.archive import Archive
    from gi.jobs.minimise import MinimisationTools, minimise
    from gi.report import print_explanation

    def on_verdict(verdict: "Verdict") -> None:
        change = " ".join((verdict.change.after or verdict.change.before).split())
        tell(f"{verdict.status}: {change[:60]} ({verdict.reason})")

    tell(f"dropping what {id_[:8]} does not need")
    explanation = minimise(
        run, id_, parse_limits(given), means=MinimisationTools(workers=given["workers"]), on_verdict=on_verdict
    )
    if not quiet:
        with Archive.open(run) as archive:
            print_explanation(explanation, archive.run().config)
        click.echo()
    return explanation


def _written(
    archive: "Archive",
    subject: "Subject",
    explanation: "Explanation | None",
    model: Path | None,
    patch: Path | None,
    options: dict[str, bool],
) -> dict[str, Any]:
    """Writes the files; their names by kind, and the id of the program in them."""
    from gi.export import export_subject, minimised_subject

    subject = minimised_subject(archive, explanation) if explanation else subject
    files: dict[str, Any] = {"id": subject.id}
    if patch:
        files |= _patch_written(archive, subject, patch, options["force"])
    if model:
        written = export_subject(archive, subject, model, **options)
        files |= {key: path and str(path) for key, path in dataclasses.asdict(written).items()}
    return files


def _patch_written(archive: "Archive", subject: "Subject", out: Path, force: bool) -> dict[str, Any]:
    """Writes the patch against the user's own file; says so where that is not what it was."""
    from gi.export.patch import write_patch

    patch = write_patch(archive, subject, out, force=force)
    if patch.note:
        tell(patch.note)
    return {"patch": str(out)}


def _tell(files: dict[str, Any], explanation: "Explanation | None", form: Form) -> None:
    from gi.report import explanation_json

    if form != "text":
        answer = files | ({"explanation": explanation_json(explanation)} if explanation else {})
        print_answer(form, answer, [files])
        return
    for path in (path for key, path in files.items() if path and key != "id"):
        say(path)
