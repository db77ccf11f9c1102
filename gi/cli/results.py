"""What a run found: `gi front`, `gi show`, `gi export`, `gi failures`."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gi.cli.options import as_json, print_json, run_folder

if TYPE_CHECKING:
    from gi.archive import Archive


@click.command()
@run_folder
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.png", help="Draw it, too.")
@as_json
def front(*, run: Path, plot: Path | None, as_json: bool) -> None:
    """Print the Pareto front of a run."""
    from gi.archive import Archive
    from gi.report import front_json, front_plot, print_front

    with Archive.open(run) as archive:
        if plot is not None:
            front_plot(archive, plot)
        if as_json:
            print_json(front_json(archive))
        else:
            print_front(archive)


@click.command()
@run_folder
@click.argument("id_", metavar="ID")
@click.option("--diff", "view", flag_value="diff", help="What changed since its seed program.")
@click.option("--lineage", "view", flag_value="lineage", help="Its ancestors and the edits that made them.")
@click.option("--provenance", "view", flag_value="provenance", help="Where each of its lines comes from.")
@as_json
def show(*, run: Path, id_: str, view: str | None, as_json: bool) -> None:
    """Print an individual of a run: its source by default."""
    from gi.archive import Archive
    from gi.report import print_individual, show_json

    with Archive.open(run) as archive:
        if as_json:
            print_json(show_json(archive, id_))
        else:
            print_individual(archive, id_, view or "source")


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
@click.option("--force", is_flag=True, help="Replace files that exist.")
@as_json
def export(
    *,
    run: Path,
    id_: str | None,
    best: str,
    out: Path | None,
    weights: bool,
    onnx: bool,
    patch: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write an individual as one plain PyTorch file.

    The file builds, trains and scores the network without gi: python model.py --data DIR.
    """
    from gi.archive import Archive
    from gi.export import best_member, export_model

    with Archive.open(run) as archive:
        chosen = id_ or best_member(archive.front(), archive.run().objectives, best).id
        files = _patch_written(archive, chosen, patch, force) if patch else {}
        if out or weights or onnx or not patch:
            model = out or Path("model.py")
            written = export_model(archive, chosen, model, weights=weights, onnx=onnx, force=force)
            files |= {key: path and str(path) for key, path in dataclasses.asdict(written).items()}
    if as_json:
        print_json(files)
    else:
        for path in (path for key, path in files.items() if path and key != "id"):
            click.echo(path)


def _patch_written(archive: "Archive", id_: str, out: Path, force: bool) -> dict[str, Any]:
    """Writes the patch against the user's own file; says so where that is not what it was."""
    from gi.export.patch import write_patch

    patch = write_patch(archive, id_, out, force=force)
    if patch.note:
        click.echo(f"gi: {patch.note}", err=True)
    return {"id": patch.id, "patch": str(out)}


@click.command()
@run_folder
@click.option("--tries", is_flag=True, help="The refused tries of the variation, in place of failed evaluations.")
@as_json
def failures(*, run: Path, tries: bool, as_json: bool) -> None:
    """Print what failed in a run, by stage and reason."""
    from gi.archive import Archive
    from gi.report import failures_json, print_failures

    with Archive.open(run) as archive:
        groups = archive.refusals() if tries else archive.failures()
        if as_json:
            print_json(failures_json(groups))
        else:
            print_failures(groups)
