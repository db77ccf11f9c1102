"""`gi grow`: a network from the bottom up."""

from pathlib import Path
from typing import Any

import click

from gi.cli.data_set import announce, image_size_option, parse_image_size
from gi.cli.index import index_option
from gi.cli.isolation import isolation_option
from gi.cli.options import Form, answer_form, print_answer, say, tell
from gi.core.errors import ConfigError


@click.command()
@click.option("--dataset", default="digits", show_default=True, metavar="NAME|FOLDER", help="What to learn.")
@image_size_option
@index_option
@click.option("--widths", default="32,64,96", show_default=True, help="Channels of each convolution, from the bottom.")
@click.option("--candidates", type=int, default=24, show_default=True, help="Kernel sets tried for each layer.")
@click.option("--probe-images", type=int, default=1500, show_default=True, help="Images that candidates are tried on.")
@click.option("--images", type=int, default=60_000, show_default=True, help="Images of the training of all layers.")
@click.option(
    "--k", type=click.IntRange(2, 1024), default=64, show_default=True, help="Classes of kernels to draw from."
)
@click.option("--layered", is_flag=True, help="Grow layer by layer even where a network of the index fits as a whole.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of every random stream.")
@click.option("--data-root", metavar="DIR", show_default="$GI_DATA or the cache folder", help="Where data sets lie.")
@click.option("--no-control", is_flag=True, help="Leave out the same network trained from Kaiming.")
@click.option("-o", "--out", type=click.Path(path_type=Path), default="model.py", show_default=True, help="Where to.")
@click.option("--force", is_flag=True, help="Replace files that exist.")
@isolation_option
@answer_form
def grow(
    *,
    dataset: str,
    image_size: str | None,
    folder: Path,
    widths: str,
    candidates: int,
    probe_images: int,
    images: int,
    k: int,
    layered: bool,
    seed: int,
    data_root: str | None,
    no_control: bool,
    out: Path,
    force: bool,
    form: Form,
) -> None:
    """Grow a network out of an index: plain PyTorch with weights, like any individual.

    Where networks of the index fit as a whole, it starts from the connected part of one that does best on a few images.
    Else, and with --layered, from the bottom up: one convolution, a thick pooling and a linear layer; of the kernel
    sets that the index suggests the best is kept, then a second layer on top of it, a third. Then all of it is
    trained. Beside it its control: the same network from Kaiming, trained for as many CPU seconds as all of that took.
    """
    from gi.export.write import formats, refuse_existing, refuse_other_data

    # The weights' file is named after it: a `-o model.pt` would be its own weights.
    if out.suffix != ".py":
        raise ConfigError(
            f"{out} is no .py file: name the model after one, its weights go into a .safetensors file beside it."
        )
    refuse_existing(out, kinds=formats(weights=True), force=force)
    import gi.jobs.grow

    settings = gi.jobs.grow.Settings(
        dataset=dataset, index=folder, widths=_widths(widths), candidates=candidates, probe_images=probe_images,
        images=images, k=k, layered=layered, seed=seed, data_root=data_root, image_size=parse_image_size(image_size),
    )  # fmt: skip
    announce(gi.jobs.grow.dataset_of(settings))
    if not force:
        # Both say what was read; a companion of other data beside the file would be read by its `--data`.
        refuse_other_data(gi.jobs.grow.dataset_of(settings), dataset, out)
    answer = gi.jobs.grow.grow(settings, out, control=not no_control, on_stage=_tell)
    if form == "text":
        _print(answer, out)
    else:
        print_answer(form, {"model": str(out), **answer})


def _tell(stage: str) -> None:
    tell(f"{stage} ...")


def _widths(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdigit() for part in parts):
        raise ConfigError(f"widths {text!r} are not numbers of channels: write them with commas, such as 32,64,96.")
    return tuple(map(int, parts))


def _print(answer: dict[str, Any], out: Path) -> None:
    from gi.jobs.grow import ORIGINS

    grown = answer["grown"]
    for number, (how, network, layer, channels) in enumerate(grown["layers"], start=1):
        source = f"{network}, layer {layer}" if network else "the whole index"
        say(f"layer {number}: {channels} channels, {ORIGINS[how]} {source}")
    # As training steps, too: CPU seconds of two machines cannot be compared.
    steps = grown["search_cpu_s"] / grown["train_cpu_s"] * grown["steps"]
    click.echo(
        f"search {grown['search_cpu_s']:.1f} CPU s, {len(grown['tried'])} kernel sets tried: "
        f"the time of {steps:.0f} training steps"
    )
    for name, figures in (("grown", grown), ("from Kaiming", answer.get("control"))):
        if figures:
            click.echo(
                f"{name:13} validation error {figures['validation']:.2%}, test error {figures['test']:.2%}, "
                f"{figures['steps']} steps, training {figures['train_cpu_s']:.1f} CPU s"
            )
    say(f"{out}: {grown['num_params']:,} parameters; weights in {out.with_suffix('.safetensors').name}")
