"""Inside the worker: grows a network out of an index, trains all of it, and its control from Kaiming beside it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from gi.core.errors import WeightsError
from gi.core.streams import stream_seed
from gi.data.dataset import Dataset, open_dataset
from gi.kernels.donors.donors import DonorNetwork
from gi.kernels.donors.pack import read_pack
from gi.kernels.index.reader import Index
from gi.kernels.mining.cache import mine
from gi.kernels.seed.grow import Grown, Probe, Suggestion, Tally, grown, pooled, readout, sharpened, whole
from gi.kernels.seed.seed import filled
from gi.sandbox.clock import cpu_s
from gi.trace.program.candidate import build, load
from gi.trace.program.recipe import Recipe, make_recipe
from gi.train.batches import Batches
from gi.train.loop import batch_order, fastest_layout, seed_everything, train
from gi.train.measure import num_params
from gi.train.scoring import error_rate

_SHARE_HELD = 3  # one probe image of so many scores the readout
_CHAINS = 6  # donors that are tried as wholes
_CHAIN_IMAGES = 32  # of the probe, to see scales on


@dataclass(frozen=True, slots=True)
class Order:
    """The order for a search, in JSON values. `text` is the program whose convolutions are to be filled."""

    text: str
    dataset: str
    index: str
    donors: str
    widths: list[int]
    seed: int
    candidates: int
    probe_images: int
    images: int
    batch_size: int
    k: int
    layered: bool
    weights: str


def search(order: dict[str, Any]) -> dict[str, Any]:
    """Runs the search; returns its result and what it tried, and writes the filled network to `order["weights"]`."""
    asked = Order(**order)
    batches = Batches(_opened(asked), "train", "cpu")
    start = cpu_s()
    network, tally = _searched(asked, batches)
    net = _filled(asked, network)
    search_cpu_s = cpu_s() - start
    _save(net, asked)
    return {
        "search_cpu_s": search_cpu_s,
        "readout_error": network.error,
        "layers": [[s.how, s.network, s.donor_layer, len(s.weight)] for s in network.layers],
        "tried": [list(row) for row in tally.rows],
        "num_params": num_params(net),
    }


def train_found(order: dict[str, Any]) -> dict[str, Any]:
    """Trains the network that a search wrote to `order["weights"]`, and writes it back there."""
    asked = Order(**order)
    dataset = _opened(asked)
    seed_everything(asked.seed, "weights")
    net = build(load(asked.text))
    net.load_state_dict(load_file(asked.weights))
    figures = _trained(asked, net, dataset, Batches(dataset, "train", "cpu"), asked.images)
    _save(net, asked)
    return figures


def control(order: dict[str, Any], budget_cpu_s: float, step_cpu_s: float) -> dict[str, Any]:
    """The same network as its program starts it, trained for as many steps as fit into the CPU seconds of the other."""
    asked = Order(**order)
    dataset = _opened(asked)
    seed_everything(asked.seed, "weights")
    net = build(load(asked.text))
    steps = max(1, round(budget_cpu_s / step_cpu_s))
    return _trained(asked, net, dataset, Batches(dataset, "train", "cpu"), steps * asked.batch_size)


def _opened(asked: Order) -> Dataset:
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    return open_dataset(Path(asked.dataset))


def _save(net: nn.Module, asked: Order) -> None:
    save_file({name: value.detach().contiguous() for name, value in net.state_dict().items()}, asked.weights)


def _searched(asked: Order, batches: Batches) -> tuple[Grown, Tally]:
    """The best of the donors that fit as a whole; layer by layer where none does, or where that is asked for.

    A part of one donor needs no readout: its features are scaled for a dense layer that knows nothing, and it trains
    better than what the readout prefers (experiments/14-grow).
    """
    rng = np.random.default_rng(stream_seed(asked.seed, "grow"))
    chosen = torch.from_numpy(rng.permutation(batches.num_samples)[: asked.probe_images])
    images, labels = batches.take(chosen)
    images = images.contiguous(memory_format=torch.channels_last)
    probe = Probe(images, labels, batches.task.num_classes, len(images) - len(images) // _SHARE_HELD)
    donors = read_pack(Path(asked.donors))
    with torch.no_grad():
        chains = [] if asked.layered else list(_chains(asked, donors, probe))
        if chains:
            tally = Tally([(len(asked.widths), "chain", chain.error) for chain in chains])
            return replace(min(chains, key=lambda chain: chain.error), readout=None), tally
        return _layer_by_layer(asked, donors, probe, rng)


def _layer_by_layer(
    asked: Order, donors: Sequence[DonorNetwork], probe: Probe, rng: np.random.Generator
) -> tuple[Grown, Tally]:
    mined = mine(Index.open(asked.index), (3, 3), k=asked.k, seed=0)
    network, tally = grown(probe, donors, mined, asked.widths, candidates=asked.candidates, rng=rng)
    weight, bias, error = readout(pooled(network.features), probe)
    return replace(network, error=error, readout=sharpened(weight, bias, pooled(network.features), probe)), tally


def _chains(asked: Order, donors: Sequence[DonorNetwork], probe: Probe) -> Iterator[Grown]:
    """The program's network as each of the donors that fit it best fills all of it."""
    seed_everything(asked.seed, "weights")
    for net, rows in filled(build(load(asked.text)), donors, probe.images[:_CHAIN_IMAGES], _CHAINS):
        modules = dict(net.named_modules())
        origin = {row.layer: row for row in rows}
        convolutions = [(origin[name], m) for name, m in modules.items() if isinstance(m, nn.Conv2d)]
        yield whole([Suggestion(m.weight, _bias(m), "chain", r.network, r.donor_layer) for r, m in convolutions], probe)


def _bias(module: nn.Conv2d) -> Tensor:
    assert module.bias is not None  # the program of a growth has one in each convolution
    return module.bias


def _filled(asked: Order, found: Grown) -> nn.Module:
    """The program's network with the grown layers in it, and the readout where there is one."""
    seed_everything(asked.seed, "weights")
    net = build(load(asked.text))
    convolutions = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
    dense = next(m for m in net.modules() if isinstance(m, nn.Linear))
    for module, suggestion in zip(convolutions, found.layers, strict=True):
        _set(module, suggestion.weight, suggestion.bias)
    if found.readout is not None:
        _set(dense, *found.readout)
    return net


def _set(module: nn.Conv2d | nn.Linear, weight: Tensor, bias: Tensor) -> None:
    module.weight.data.copy_(weight)
    assert module.bias is not None
    module.bias.data.copy_(bias)


def _trained(asked: Order, net: nn.Module, dataset: Dataset, batches: Batches, images: int) -> dict[str, Any]:
    """Trains all of the network; returns its validation and test errors and the cost."""
    steps = max(1, images // asked.batch_size)
    layout = fastest_layout(net, dataset.task, "cpu")
    seed_everything(asked.seed, "recipe")
    recipe: Recipe = make_recipe(load(asked.text), net, steps, dataset.task.input_shape)
    seed_everything(asked.seed, "training")
    order = batch_order(batches.num_samples, asked.batch_size, steps, asked.seed)
    before = error_rate(net, Batches(dataset, "validation", "cpu"), layout=layout)
    start = cpu_s()
    train(net, recipe, batches, order, layout=layout)
    train_cpu_s = cpu_s() - start
    errors = {split: error_rate(net, Batches(dataset, split, "cpu"), layout=layout) for split in ("validation", "test")}
    net.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    return {"steps": steps, "train_cpu_s": train_cpu_s, "start_error": before, **errors}


def handle(verb: str, *args: Any) -> dict[str, Any]:
    """Answers one call of the driver; what the index lacks comes back as {"refused": text}."""
    verbs: dict[str, Any] = {"search": search, "train": train_found, "control": control}
    try:
        figures: dict[str, Any] = verbs[verb](*args)
    except WeightsError as error:
        return {"refused": str(error)}
    return figures
