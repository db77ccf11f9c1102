"""`gi export`: an individual of a run as files, whole or less what it does not need."""

import dataclasses
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from gi.cli.isolation import isolation_option
from gi.cli.limits import parse_limits, refuse_unused_limits, training_limits
from gi.cli.options import Form, answer_form, print_answer, run_folder, say, tell, trust_option
from gi.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection

    from gi.archive import Archive
    from gi.explain.records import Explanation, Verdict
    from gi.export import Subject
    from gi.export.formats import Format
    from gi.source.gate.passing import Gate


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
@click.option("--weights", is_flag=True, help="Write the trained weights beside it (.safetensors).")
@click.option("--onnx", is_flag=True, help="Write the trained network beside it as ONNX (.onnx).")
@click.option("--pt2", is_flag=True, help="Write the trained network beside it for torch.export.load (.pt2).")
@click.option(
    "--hub",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write model.py, model.safetensors, config.json and a README (a model card) to this folder instead.",
)
@click.option(
    "--all",
    "zoo",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write every member of the front like --hub, to a folder each, with a README that lists them.",
)
@click.option(
    "--patch",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.patch",
    help="Write what changed in your own file, for `git apply`; model.py only where -o is given too.",
)
@click.option(
    "--tidy/--no-tidy",
    default=None,
    help="Write the program in the usual form of hand-written code, if its outputs stay the same, or as it evolved."
    "  [default: tidy, but for a run that started from MODEL.py]",
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
@isolation_option
@trust_option
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
    hub: Path | None,
    zoo: Path | None,
    patch: Path | None,
    tidy: bool | None,
    minimise: bool,
    force: bool,
    trust: bool,
    form: Form,
    **given: Any,
) -> None:
    """Write an individual as one plain PyTorch file.

    The file builds, trains and scores the network without gi: python model.py --data DIR. Where licences of borrowed
    lines ask for it, a NOTICE is written beside it. Weights, ONNX and PT2 files are written once they were read back
    and gave the network's outputs.
    """
    from gi.api.trusting import run_gate
    from gi.archive import Archive, front_members
    from gi.export import (
        best_member,
        formats,
        individual_subject,
        refuse_existing,
        refuse_others_beside,
        refuse_replacing,
    )

    _refuse_together(ctx, "--hub", ("out", "patch"))
    _refuse_together(ctx, "--all", ("id_", "best", "out", "hub", "patch", "minimise"))
    # The rest of `given` are the limits of a minimisation.
    kinds = formats(**{kind: given.pop(kind) for kind in ("weights", "onnx", "pt2")})
    # With --patch alone the user wants the patch, and no file that he did not ask for.
    model = out or (None if hub or zoo or (patch and not kinds) else Path("model.py"))
    # Everything that can be refused is refused before trainings are paid for.
    refuse_existing(model, patch, kinds=kinds, force=force)
    if hub:
        refuse_replacing(hub, ("weights", *kinds), force=force)
    if not minimise:
        refuse_unused_limits(ctx, "--minimise")
    if zoo:
        ctx.exit(_zoo_written(run, zoo, kinds, tidy=tidy, force=force, trust=trust, form=form))
    with Archive.open(run) as archive:
        chosen = id_ or best_member(front_members(archive), archive.run().objectives, best).id
        subject = individual_subject(archive, chosen)
        gate = run_gate(archive, trust=trust)
        gate.require(subject.text, archive.run().config.entry, f"program {subject.id[:8]}")
        if model:  # before a minimisation, which takes trainings
            refuse_others_beside(archive, subject, model, force=force)
    explanation = _minimised(run, subject.id, given, gate, quiet=form != "text") if minimise else None
    # Opened anew: the first reader may hold an earlier format as a copy in memory, which lacks the minimisation.
    with Archive.open(run) as archive:
        if hub:
            files = _hub_written(archive, subject, explanation, hub, kinds, force, tidy, gate)
        else:
            files = _written(archive, subject, explanation, model, patch, kinds, force, tidy, gate)
    _tell(files, explanation, form)


def _refuse_together(ctx: click.Context, flag: str, others: tuple[str, ...]) -> None:
    """Raises `ConfigError` for a parameter beside `flag` that says something else about what to write where."""
    flags = {parameter.name: parameter.opts[0] for parameter in ctx.command.params}
    given = [name for name, opt in flags.items() if ctx.get_parameter_source(name or "") is ParameterSource.COMMANDLINE]
    beside = [flags[name].replace("id_", "ID") for name in given if name in others]
    if flag in {flags[name] for name in given} and beside:
        raise ConfigError(
            f"{flag} goes without {beside[0]}: it names what is written, and where. Leave one of them out."
        )


def _hub_written(
    archive: "Archive",
    subject: "Subject",
    explanation: "Explanation | None",
    folder: Path,
    kinds: "Collection[Format]",
    force: bool,
    tidy: bool | None,
    gate: "Gate",
) -> dict[str, Any]:
    """Writes a network's folder; its files, and the id of the program in it."""
    from gi.export import export_hub, minimised_subject, tidied_for_run

    subject = minimised_subject(archive, explanation) if explanation else subject
    with tidied_for_run(archive, subject, tidy, gate=gate) as made:
        written = export_hub(archive, made.subject, folder, kinds, force=force, gate=gate)
    if made.note:
        tell(made.note)
    return {"id": written.id, "hub": str(folder), "files": [str(path) for path in written.files]}


def _zoo_written(
    run: Path, folder: Path, kinds: "Collection[Format]", *, tidy: bool | None, force: bool, trust: bool, form: Form
) -> int:
    """Writes the front's folder and says what is in it; the exit status, 1 where a format is missing."""
    from gi.api.trusting import run_gate
    from gi.archive import Archive
    from gi.export import export_zoo
    from gi.export.formats import TITLES

    with Archive.open(run) as archive:
        zoo = export_zoo(archive, folder, kinds, tidy=tidy, force=force, gate=run_gate(archive, trust=trust))
    for member in zoo.members:
        if member.note:
            tell(f"{member.id[:8]} {member.note}")
        # A format that one network has no form in costs that file, and not the others.
        for kind, reason in member.reasons.items():
            tell(f"{member.id[:8]} cannot be written as {TITLES[kind]}: {reason}")
    if zoo.untrained:
        tell(f"{len(zoo.untrained)} more of the front had no final training and have no weights: they are left out")
    files = [*zoo.files, *(path for member in zoo.members for path in member.files)]
    if form != "text":
        members = [
            {"id": m.id, "hub": str(m.folder), "files": [str(path) for path in m.files], "reasons": m.reasons}
            for m in zoo.members
        ]
        answer = {"zoo": str(folder), "members": members, "untrained": zoo.untrained, "files": list(map(str, files))}
        print_answer(form, answer, [{"id": m.id, "file": str(path)} for m in zoo.members for path in m.files])
    else:
        for path in files:
            say(path)
    return 1 if any(member.reasons for member in zoo.members) else 0


def _minimised(run: Path, id_: str, given: dict[str, Any], gate: "Gate", *, quiet: bool) -> "Explanation":
    """Minimises an individual and prints each verdict to stderr, and the whole to stdout."""
    from gi.archive import Archive
    from gi.jobs.minimise import MinimisationTools, default_tools, minimise
    from gi.report.printing import print_explanation

    def on_verdict(verdict: "Verdict") -> None:
        change = " ".join((verdict.change.after or verdict.change.before).split())
        tell(f"{verdict.status}: {change[:60]} ({verdict.reason})")

    tell(f"dropping what {id_[:8]} does not need")
    means = MinimisationTools(workers=given["workers"], tools=partial(default_tools, gate=gate))
    explanation = minimise(run, id_, parse_limits(given), means=means, on_verdict=on_verdict)
    # With --json and --csv stdout holds one document, which a table in front of it would break.
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
    kinds: "Collection[Format]",
    force: bool,
    tidy: bool | None,
    gate: "Gate",
) -> dict[str, Any]:
    """Writes the files; their names by kind, and the id of the program in them."""
    from gi.export import export_subject, minimised_subject, tidied_for_run

    subject = minimised_subject(archive, explanation) if explanation else subject
    files: dict[str, Any] = {"id": subject.id}
    if patch:
        files |= _patch_written(archive, subject, patch, force)
    if model:
        with tidied_for_run(archive, subject, tidy, gate=gate) as made:
            written = export_subject(archive, made.subject, model, kinds, force=force, gate=gate)
        if made.note:
            tell(made.note)
        files |= {key: path and str(path) for key, path in dataclasses.asdict(written).items()}
    return files | {"files": [path for key, path in files.items() if path and key != "id"]}


def _patch_written(archive: "Archive", subject: "Subject", out: Path, force: bool) -> dict[str, Any]:
    """Writes the patch against the user's own file; says so where that is not what it was."""
    from gi.export.patch import write_patch

    patch = write_patch(archive, subject, out, force=force)
    if patch.note:
        tell(patch.note)
    return {"patch": str(out)}


def _tell(files: dict[str, Any], explanation: "Explanation | None", form: Form) -> None:
    from gi.report.individual import explanation_json

    if form != "text":
        answer = files | ({"explanation": explanation_json(explanation)} if explanation else {})
        print_answer(form, answer, _csv_rows(files))
        return
    for path in files["files"]:
        say(path)


def _csv_rows(files: dict[str, Any]) -> list[dict[str, Any]]:
    """A row with the file of each kind; of a hub's folder a row for each file."""
    if "hub" in files:
        return [{"id": files["id"], "file": path} for path in files["files"]]
    return [{key: value for key, value in files.items() if key != "files"}]
