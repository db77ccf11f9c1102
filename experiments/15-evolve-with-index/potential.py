"""What could a start from the index's networks change? Trainings of a run's programs with it and without, no race.

    python experiments/15-evolve-with-index/potential.py --cifar FOLDER

Takes the runs and the index that run.py made. Every `--programs`-th of the first run's programs that has a convolution
is trained twice on each seed, from its own start and from the donors, as long as in the run. Prints the geometric mean
of error with / error without over all, and what a race would leave of it that lets the donors win below a ratio of the
losses after three steps.
"""

import argparse
import math
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch
from halves import half

from gi.archive import Archive
from gi.core.compat import allow_torchvision
from gi.core.settings import cache_folder
from gi.data.dataset import load_dataset
from gi.kernels.donors.from_index import index_pack
from gi.kernels.index.reader import Index

allow_torchvision()

from gi.trace.program.candidate import CandidateError, build, load  # noqa: E402 (torchvision first)
from gi.trace.program.recipe import make_recipe  # noqa: E402 (torchvision first)
from gi.train.loop import (  # noqa: E402 (likewise)
    Batches,
    batch_order,
    error_rate,
    fastest_layout,
    fuse,
    seed_everything,
    train_step,
)
from gi.train.start.donors import READOUT_IMAGES, _seeded, read_out  # noqa: E402 (likewise)
from gi.train.start.race import Entrant  # noqa: E402 (likewise)

BATCH = 64
RACED = 3  # steps, after which the last layer of the seeded network is fitted, as that of a winner is
RATIOS = (0.93, 1.0, 1.02, 1.05, math.inf)


def trained(text: str, data: tuple[Batches, Batches], steps: int, seed: int, pack: Path | None) -> tuple | None:
    """Validation error and losses of one training; None where no donor fits."""
    train, held = data
    seed_everything(seed, "weights")
    module = load(text)
    net = build(module, "Net")
    layout = fastest_layout(net, train.task, "cpu")
    order = batch_order(train.num_samples, BATCH, steps, seed)
    if pack is not None:
        with torch.random.fork_rng(devices=[]):
            net, layers = _seeded(net, train, order, pack, ())
        if not layers:
            return None
    seed_everything(seed, "recipe")
    recipe = make_recipe(module, net, steps, train.task.input_shape)
    seed_everything(seed, "training")
    fuse(recipe.optimizer)
    net.train()
    losses = []
    for number, chosen in enumerate(order, start=1):
        losses.append(train_step(net, recipe, train, chosen, layout=layout))
        if pack is not None and number == RACED:
            seen = train.take(order[:RACED].flatten()[:READOUT_IMAGES])
            read_out(Entrant(net, recipe), *seen, layout=layout)
    return error_rate(net, held, layout=layout), losses


def pairs(texts: list[str], data: tuple[Batches, Batches], options: argparse.Namespace, pack: Path) -> Iterator[tuple]:
    """For each training that donors fit: the ratio of the losses after three steps, and of the errors at the end."""
    steps = options.images // BATCH
    for text in texts:
        for seed in range(options.seeds):
            try:
                plain, seeded = (trained(text, data, steps, seed, chosen) for chosen in (None, pack))
            except CandidateError:
                continue
            if plain and seeded and plain[0]:
                yield sum(seeded[1][1:3]) / sum(plain[1][1:3]), seeded[0] / plain[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cifar", default="cifar10", help="CIFAR-10, by name or as an image folder")
    parser.add_argument("--images", type=int, default=6000, help="images of one training")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--programs", type=int, default=3, help="every so many-th program")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    warnings.simplefilter("ignore")
    folder = cache_folder() / "experiments" / f"15-evolve-150-{options.images}"
    dataset = load_dataset(str(half(options.cifar, range(5, 10), folder)), cache=cache_folder())
    data = Batches(dataset, "train", "cpu"), Batches(dataset, "validation", "cpu")
    with Archive.open(folder / "none-0") as archive:
        texts = [archive.text(id_) for id_ in archive.individuals.ids()]
    texts = [text for text in texts if "Conv2d(" in text][:: options.programs]
    found = list(pairs(texts, data, options, index_pack(Index.open(folder / "index"), folder)))
    print(f"{len(texts)} programs, {len(found)} trainings that donors fit; better at the end in", end=" ")
    print(sum(error < 1 for _, error in found))
    print("\n| donors go on below a ratio of | in | error with / without |\n| --- | --- | --- |")
    for ratio in RATIOS:
        logs = [math.log(error) if losses < ratio else 0.0 for losses, error in found]
        count = sum(losses < ratio for losses, _ in found)
        print(f"| {ratio} | {count} | {math.exp(sum(logs) / max(1, len(logs))):.3f} |")


if __name__ == "__main__":
    main()
