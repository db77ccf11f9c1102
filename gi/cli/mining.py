"""What an index teaches: `gi index predict`, `gi index gallery`."""

from pathlib import Path
from typing import Any

import click

from gi.cli.index import index_option
from gi.cli.options import Form, answer_form, print_answer, say
from gi.core.errors import ConfigError

_k_option = click.option("--k", type=click.IntRange(2, 1024), default=64, show_default=True, help="How many classes.")
_seed_option = click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of classes and samples."
)


@click.command()
@click.argument("kernel", type=int, required=False)
@index_option
@click.option("--children", metavar="FILE.npy", type=click.Path(path_type=Path), help="In place of KERNEL: (n, h, w).")
@click.option("--shape", default="3x3", show_default=True, help="Of the parents, where no KERNEL is given.")
@click.option("--depth", type=int, default=2, show_default=True, help="2: children; 3: their children too.")
@_k_option
@click.option("--count", type=click.IntRange(1), default=4, show_default=True, help="How many parents to answer.")
@click.option("--most-likely", is_flag=True, help="Answer the likeliest class each time, in place of drawing.")
@_seed_option
@click.option("--scores", is_flag=True, help="Say how good the classifier is on networks held out.")
@answer_form
def predict(
    *,
    kernel: int | None,
    folder: Path,
    children: Path | None,
    shape: str,
    depth: int,
    k: int,
    count: int,
    most_likely: bool,
    seed: int,
    scores: bool,
    form: Form,
) -> None:
    """Predict the class of a KERNEL from its children, as though it were not known: probabilities and centres.

    With --children for kernels of your own. Drawn answers differ from parent to parent; the likeliest class gives all
    parents the same kernel, which makes a layer of rank 1 that hardly trains.
    """
    if not scores and (kernel is None) == (children is None):
        raise ConfigError("pass either the number of a KERNEL or --children FILE.npy, or --scores.")
    from gi.kernels.index.reader import Index

    index = Index.open(folder)
    answer: dict[str, Any] = {"index": str(folder), "depth": depth, "k": k}
    if kernel is not None or children is not None:
        answer |= _predicted(index, kernel, children, shape, depth, k, count, most_likely, seed)
    if scores:
        # Of a KERNEL its own shape counts, whatever --shape says by default.
        of = _shape(shape) if kernel is None else index.layer(index.kinship.layer_of(kernel)).shape
        answer["scores"] = _scores(index, of, depth, k, seed)
    if form == "text":
        _print(answer)
    else:
        # CSV has one table: the classes, where there are both.
        print_answer(form, answer, answer.get("classes") or [answer["scores"]])


def _predicted(
    index: Any, kernel: int | None, children: Path | None, shape: str, depth: int, k: int, count: int,
    most_likely: bool, seed: int,
) -> dict[str, Any]:  # fmt: skip
    import numpy as np

    from gi.kernels.mining.cache import mine
    from gi.kernels.mining.classes import NO_CLASS
    from gi.kernels.mining.classifier import answer, sampled
    from gi.kernels.mining.classifier import most_likely as likeliest

    place: dict[str, Any] = {}
    if kernel is not None:
        layer, _, channel = index.kinship.channels(kernel)
        mined = mine(index, index.layer(layer).shape, depth=depth, k=k, seed=seed)
        probabilities = mined.probabilities(index, layer, channel)
        own = int(mined.classes.labels(index.kernel(kernel)[None])[0])  # beside the prediction, which does not use it
        place = {"kernel": kernel, "class": None if own == NO_CLASS else own}
    else:
        given = _kernels(children)
        mined = mine(index, _shape(shape), depth=depth, k=k, seed=seed)
        probabilities = mined.probabilities_of(given)
    rows = probabilities[None]
    if most_likely:
        kernels = likeliest(mined.classes, rows, count)[0]
    else:
        kernels = sampled(mined.classes, rows, count, np.random.default_rng(seed))[0]
    return {
        **place,
        "answered": "most likely" if most_likely else "sampled",
        "kernels": np.round(kernels.astype(np.float64), 5).tolist(),
        "classes": answer(mined.classes, probabilities, top=5),
        "probabilities": [round(float(each), 6) for each in probabilities],
    }


def _scores(index: Any, shape: tuple[int, ...], depth: int, k: int, seed: int) -> dict[str, Any]:
    import dataclasses

    from gi.kernels.mining.cache import held_out_scores
    from gi.kernels.records import shape_name

    accuracy = held_out_scores(index, shape, depth=depth, k=k, seed=seed)
    return {"shape": shape_name(shape), **dataclasses.asdict(accuracy)}


def _shape(text: str) -> tuple[int, ...]:
    parts = text.split("x")
    if len(parts) != 2 or not all(part.isdigit() and int(part) for part in parts):
        raise ConfigError(f"shape {text!r} is not of the form 3x3: write height x width.")
    return tuple(map(int, parts))


def _kernels(path: Path | None) -> Any:
    import numpy as np

    assert path is not None
    try:
        # Without pickles: the file may come from a stranger, and unpickling runs code.
        kernels = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} is no file of numpy's ({error}): write kernels with numpy.save.") from error
    if kernels.ndim != 3 or not len(kernels) or kernels.dtype.kind not in "fiu" or not np.isfinite(kernels).all():
        raise ConfigError(f"{path} holds {kernels.dtype} {kernels.shape}: expected finite kernels (n, height, width).")
    return kernels.astype(np.float32)


def _print(answer: dict[str, Any]) -> None:
    if "classes" in answer:
        click.echo("class  probability  frequency  centre")
        for row in answer["classes"]:
            mark = " <- its own" if row["class"] == answer.get("class") else ""
            centre = _rows(row["centre"], "+.2f")
            click.echo(f"{row['class']:5}  {row['probability']:11.1%}  {row['frequency']:9.1%}  {centre}{mark}")
        if "class" in answer:
            own = answer["class"]
            click.echo("the kernel is zero: of no class" if own is None else f"its own class is {own}")
        click.echo(f"answer, {answer['answered']}:")
        for kernel in answer["kernels"]:
            click.echo(f"  {_rows(kernel, '+.4g')}")
    if "scores" in answer:
        scores = answer["scores"]
        click.echo(
            f"{scores['parents']:,} parents of shape {scores['shape']} in {scores['networks']} groups of networks, "
            "each held out once:"
        )
        click.echo(
            f"classifier  top-1 {scores['top1']:.1%}  top-5 {scores['top5']:.1%}  log loss {scores['log_loss']:.3f}"
        )
        click.echo(
            f"majority    top-1 {scores['majority_top1']:.1%}  top-5 {scores['majority_top5']:.1%}  "
            f"log loss {scores['prior_log_loss']:.3f}"
        )


def _rows(kernel: Any, form: str) -> str:
    if isinstance(kernel[0], list):
        return " / ".join(_rows(row, form) for row in kernel)
    return " ".join(format(value, form) for value in kernel)


@click.command()
@index_option
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, metavar="FILE.png|html", help="Where to.")
@click.option(
    "--shape", "shapes", multiple=True, show_default="the most frequent", help="Such as 3x3; may be repeated."
)
@_k_option
@_seed_option
@answer_form
def gallery(*, folder: Path, out: Path, shapes: tuple[str, ...], k: int, seed: int, form: Form) -> None:
    """Show the standard kernels: classes with their frequency, the networks they come from and the nearest kernels."""
    from gi.kernels.index.reader import Index
    from gi.kernels.mining.exhibits import room_json
    from gi.kernels.mining.gallery import write_gallery

    rooms = write_gallery(Index.open(folder), out, shapes=[_shape(each) for each in shapes], k=k, seed=seed)
    if form != "text":
        shown_rooms = [room_json(room) for room in rooms]
        print_answer(form, {"gallery": str(out), "shapes": shown_rooms}, shown_rooms)
        return
    for room in rooms:
        say(f"{out}: {room.heading}")
