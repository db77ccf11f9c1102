"""The weight-search index: `gi index build`, `info`, `query`, `export`."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gi.cli.lazy_group import LazyGroup
from gi.cli.options import Form, answer_form, print_answer, say, tell, trust_option
from gi.core.errors import ConfigError

if TYPE_CHECKING:
    from gi.api.model_file import ModelFile
    from gi.kernels.index.addition import IndexSource
    from gi.kernels.index.build import Built
    from gi.kernels.index.reader import Index
    from gi.source.gate.passing import Gate

index_option = click.option(
    "--index", "folder", type=click.Path(path_type=Path), required=True, metavar="DIR", help="The folder of the index."
)


@click.group(cls=LazyGroup, modules={"predict": "gi.cli.mining", "gallery": "gi.cli.mining"})
def index() -> None:
    """Build and ask the index of trained convolution kernels.

    Networks are taken apart to single kernels, with the kernels that feed each.
    """


@index.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="FILE|FOLDER|RUN...")
@index_option
@click.option("--model", metavar="FILE[:NAME]", help="The program of the PyTorch checkpoint FILE.")
@click.option("--input-shape", metavar="C,H,W", help="What the program of --model takes.")
@click.option(
    "--arg", "arguments", multiple=True, metavar="NAME=VALUE", help="An argument of --model's; may be repeated."
)
@click.option("--torchvision", "names", metavar="NAME,...", help="Pretrained networks, such as resnet18,vgg11.")
@click.option("--licence", default="", metavar="SPDX", help="The licence, where no file beside the model names it.")
@click.option("--origin", default="", metavar="URL", help="Where the files come from.")
@click.option("--keep-untrained", is_flag=True, help="Take layers too whose weights look freshly drawn.")
@trust_option
@answer_form
def build(
    *,
    files: tuple[Path, ...],
    folder: Path,
    model: str | None,
    input_shape: str | None,
    arguments: tuple[str, ...],
    names: str | None,
    licence: str,
    origin: str,
    keep_untrained: bool,
    trust: bool,
    form: Form,
) -> int:
    """Add networks to an index; what it has already is left as it is.

    A FILE is an ONNX model, or with --model a PyTorch checkpoint; a FOLDER is searched for models; a RUN is one of
    gi's own, with weights.
    """
    _refuse_unclear(files, model, input_shape, arguments, names)
    from gi.api.model_file import read_model
    from gi.api.trusting import model_gate
    from gi.kernels.index.build import build as add
    from gi.kernels.index.reader import Index
    from gi.sandbox.server import warm_server

    # Programs are traced in workers; the server of these starts with the first and stays until the last.
    with tempfile.TemporaryDirectory(prefix="gi-index-") as scratch, warm_server():
        if model is None:
            sources = _model_files(files, names, licence=licence, origin=origin, scratch=Path(scratch), trust=trust)
        else:
            read = read_model(model, arguments)
            gate = model_gate(read, trust=trust)
            checkpoint = _checkpoint(read, files[0], input_shape or "", Path(scratch), licence, origin, gate)
            sources = [checkpoint, *_model_files((), names, licence=licence, origin=origin, scratch=Path(scratch))]
        with _bar() as bar:
            built = add(_shown(sources, bar), folder, keep_untrained=keep_untrained)
    # Known ones are no refusals: a second build over the same folder succeeds.
    refused = [taken for taken in built.taken if taken.reason]
    answer = {**_built_json(built), "index": str(folder), "kernels": Index.open(folder).num_kernels}
    if form == "text":
        _print_built(answer)
    else:
        print_answer(form, answer, answer["files"])
    # Some of many files are refused in any folder; that all are is a mistake of the call.
    return 1 if refused and len(refused) == len(built.taken) else 0


@index.command()
@index_option
@answer_form
def info(*, folder: Path, form: Form) -> None:
    """Say what an index holds: networks, layers, kernels by shape, and why files were refused."""
    from gi.kernels.index.answers import info as held
    from gi.kernels.index.reader import Index

    content = held(Index.open(folder))
    if form != "text":
        print_answer(form, {"index": str(folder), **content}, content["files"])
        return
    from gi.report.table import show
    from gi.report.weights import info_tables

    for part in info_tables(content):
        show(part)


@index.command()
@click.argument("kernel", type=int, required=False)
@index_option
@click.option("--values", metavar="V,V,...", help="In place of KERNEL: the numbers of one, row by row.")
@click.option("--shape", metavar="3x3", help="The shape of --values, where it is not square.")
@click.option("--nearest", type=click.IntRange(0, 1000), default=5, show_default=True, help="How many nearest kernels.")
@click.option("--limit", type=click.IntRange(1), default=10, show_default=True, help="How many of each list to show.")
@click.option("--direct", is_flag=True, help="Do not look through depthwise convolutions.")
@answer_form
def query(
    *,
    kernel: int | None,
    folder: Path,
    values: str | None,
    shape: str | None,
    nearest: int,
    limit: int,
    direct: bool,
    form: Form,
) -> None:
    """Ask about one kernel: its children, parents and nearest others, and the next layer's filters with their maps."""
    # One of the two: a kernel's number has its values.
    if (kernel is None) == (values is None):
        raise ConfigError("pass either the number of a KERNEL or --values.")
    from gi.kernels.index.answers import kernel_answer, nearest_to, values_of
    from gi.kernels.index.reader import Index

    opened = Index.open(folder)
    answer: dict[str, Any]
    if values is not None:
        wanted = values_of(values, shape)
        _announce_lists(opened, wanted.shape, nearest)
        answer = {"values": wanted.tolist(), "nearest": nearest_to(opened, wanted, nearest)}
    else:
        _announce_lists(opened, opened.kernel(kernel or 0).shape, nearest)
        answer = kernel_answer(opened, kernel or 0, limit=limit, nearest=nearest, through=not direct)
    if form != "text":
        from gi.report.rows import kernel_rows

        print_answer(form, answer, kernel_rows(answer))
        return
    from gi.report.table import show
    from gi.report.weights import kernel_tables

    for part in kernel_tables(answer):
        show(part)


def _announce_lists(index: "Index", shape: tuple[int, ...], nearest: int) -> None:
    from gi.kernels.index.nearest import num_unlisted

    # Lists are made once for each kernel shape, which takes longer than the answer.
    if nearest and (count := num_unlisted(index, shape)):
        tell(f"making the search lists of {count:,} kernels, once ...")


@index.command()
@index_option
@click.option("--to", type=click.Choice(["cypher-csv"]), required=True, help="The form to write.")
@click.option("-o", "out", type=click.Path(path_type=Path), required=True, metavar="FOLDER", help="Where to write it.")
@click.option("--networks", metavar="TEXT,...", help="Only networks whose name has one of these in it.")
@click.option("--layers", type=click.IntRange(1), help="Only the first so many layers of each network.")
@click.option("--kernels", type=click.IntRange(1), help="Only so many kernels of each layer, evenly spaced.")
@answer_form
def export(
    *,
    folder: Path,
    to: str,  # noqa: ARG001 (one format so far)
    out: Path,
    networks: str | None,
    layers: int | None,
    kernels: int | None,
    form: Form,
) -> None:
    """Write a part of an index for a graph database: CSV files for the bulk import of Neo4j and Ladybug."""
    from gi.kernels.index.graph_csv import export_csv
    from gi.kernels.index.reader import Index

    wanted = tuple(filter(None, (networks or "").split(",")))
    counts = export_csv(Index.open(folder), out, networks=wanted, layers=layers, kernels=kernels)
    answer = {name: getattr(counts, name) for name in ("networks", "layers", "kernels", "edges")}
    if form == "text":
        say(f"{out}: " + ", ".join(f"{count} {name}" for name, count in answer.items()))
    else:
        print_answer(form, {"folder": str(out), **answer})


def _refuse_unclear(
    files: tuple[Path, ...], model: str | None, input_shape: str | None, arguments: tuple[str, ...], names: str | None
) -> None:
    if arguments and model is None:
        raise ConfigError("--arg is of the program that --model names: pass both, or neither.")
    if not files and not (names or "").strip(","):
        raise ConfigError("nothing to add: name ONNX files, folders or runs, or pass --torchvision.")
    if (model is None) != (input_shape is None) or (model is not None and len(files) != 1):
        raise ConfigError("--model and --input-shape go together, with exactly one FILE: its checkpoint.")


def _model_files(
    files: tuple[Path, ...], names: str | None, *, licence: str, origin: str, scratch: Path, trust: bool = False
) -> "list[IndexSource]":
    from gi.jobs.index import programs
    from gi.jobs.index.sources import file_sources

    # Runs come apart from files: their networks are traced first.
    sources: list[IndexSource] = []
    for path in files:
        if programs.is_run(path):
            sources += programs.run_sources(path, scratch, licence=licence, trust=trust)
        else:
            sources += file_sources([path], origin=origin, licence=licence)
    return sources + list(programs.torchvision_sources(tuple(filter(None, (names or "").split(","))), scratch))


def _checkpoint(
    read: "ModelFile", weights: Path, input_shape: str, scratch: Path, licence: str, origin: str, gate: "Gate"
) -> "IndexSource":
    from gi.cli.options import parse_task
    from gi.jobs.index.programs import checkpoint_source
    from gi.jobs.index.sources import licence_beside

    # Two classes stand in for the number that a checkpoint's program fixes itself.
    if not weights.is_file():
        raise ConfigError(f"{weights} is no file: pass the checkpoint of {read.path}.")
    return checkpoint_source(
        read.text, weights, parse_task(input_shape, 2).input_shape, read.entry, scratch,
        name=weights.name, origin=origin or str(weights), licence=licence or licence_beside(weights.absolute().parent),
        format="checkpoint", gate=gate,
    )  # fmt: skip


def _bar() -> Any:
    from gi.cli.progress import Stages

    return Stages(sys.stderr)


def _shown(sources: "list[IndexSource]", bar: Any) -> "Iterator[IndexSource]":
    bar.start("index")
    for number, source in enumerate(sources):  # a source is prepared when its turn comes, under its name in the bar
        bar(source.name, number, len(sources))
        yield source


def _built_json(built: "Built") -> dict[str, Any]:
    files = [
        {
            "name": taken.source.name,
            "known": taken.known,
            "layers": taken.network.layers if taken.network else 0,
            "kernels": taken.network.kernels if taken.network else 0,
            "refused_layers": taken.network.refused if taken.network else 0,
            "reason": taken.reason,
        }
        for taken in built.taken
    ]
    added = sum(1 for file in files if file["layers"])
    known = sum(1 for file in files if file["known"])
    return {"added": added, "known": known, "refused": sum(1 for file in files if file["reason"]), "files": files}


def _print_built(answer: dict[str, Any]) -> None:
    from gi.report.table import show
    from gi.report.weights import built_table

    show(built_table(answer["files"]))
    say(
        f"{answer['index']}: {answer['added']} networks added, {answer['known']} known already, "
        f"{answer['refused']} refused; {answer['kernels']:,} kernels"
    )
