"""Inside the worker: grows a network out of an index, trains all of it, and its control from Kaiming beside it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gi.errors import WeightsError
from gi.evaluate.candidate import Recipe, build, load, make_recipe
from gi.evaluate.clock import cpu_s
from gi.evaluate.datasets import Dataset, open_dataset
from gi.evaluate.measure import num_params
from gi.evaluate.training import Batches, batch_order, error_rate, fastest_layout, seed_everything, train
from gi.seeding import stream_seed
from gi.weights.donor_pack import read_pack
from gi.weights.index import Index
from gi.weights.mined import mine
from gi.weights.seed_grow import Grown, Probe, Tally, grown, pooled, readout, sharpened

_SHARE_HELD = 3  # one probe image of so many scores the readout


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for; the fields are JSON values. `text` is the program whose convolutions are to be filled."""

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
    weights: str


def grow(order: dict[str, Any]) -> dict[str, Any]:
    """The figures of one grown network; its trained weights are written to `order["weights"]`."""
    asked = Order(**order)
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    dataset = open_dataset(Path(asked.dataset))
    batches = Batches(dataset, "train", "cpu")
    start = cpu_s()
    found, tally = _searched(asked, batches)
    net = _filled(asked, found)
    search_cpu_s = cpu_s() - start
    trained = _trained(asked, net, dataset, batches, asked.images)
    torch.save({name: value.detach().contiguous() for name, value in net.state_dict().items()}, asked.weights)
    layers = [[s.how, s.network, s.donor_layer, len(s.weight)] for s in found.layers]
    return {
        "search_cpu_s": search_cpu_s,
        "readout_error": found.error,
        "layers": layers,
        "tried": [list(row) for row in tally.rows],
        "num_params": num_params(net),
        **trained,
    }


def control(order: dict[str, Any], budget_cpu_s: float, step_cpu_s: float) -> dict[str, Any]:
    """The same network as its program starts it, trained for as many steps as fit into the CPU seconds of the other."""
    asked = Order(**order)
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    dataset = open_dataset(Path(asked.dataset))
    seed_everything(asked.seed, "weights")
    net = build(load(asked.text))
    steps = max(1, round(budget_cpu_s / step_cpu_s))
    return _trained(asked, net, dataset, Batches(dataset, "train", "cpu"), steps * asked.batch_size)


def _searched(asked: Order, batches: Batches) -> tuple[Grown, Tally]:
    index = Index.open(asked.index)
    rng = np.random.default_rng(stream_seed(asked.seed, "grow"))
    chosen = torch.from_numpy(rng.permutation(batches.num_samples)[: asked.probe_images])
    images, labels = batches.take(chosen)
    held = len(images) // _SHARE_HELD
    probe = Probe(images, labels, batches.task.num_classes, len(images) - held)
    mined = mine(index, (3, 3), k=asked.k, seed=0)
    with torch.no_grad():
        found, tally = grown(
            probe, read_pack(Path(asked.donors)), mined, asked.widths, candidates=asked.candidates, rng=rng
        )
        weight, bias, error = readout(pooled(found.features), probe)
        weight, bias = sharpened(weight, bias, pooled(found.features), probe)
    return Grown(found.layers, found.features, error, (weight, bias)), tally


def _filled(asked: Order, found: Grown) -> nn.Module:
    """The program's network with the grown layers and the readout in it."""
    seed_everything(asked.seed, "weights")
    net = build(load(asked.text))
    convolutions = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
    dense = next(m for m in net.modules() if isinstance(m, nn.Linear))
    for module, suggestion in zip(convolutions, found.layers, strict=True):
        _set(module, suggestion.weight, suggestion.bias)
    assert found.readout is not None
    _set(dense, *found.readout)
    return net


def _set(module: nn.Conv2d | nn.Linear, weight: Tensor, bias: Tensor) -> None:
    module.weight.data.copy_(weight)
    assert module.bias is not None
    module.bias.data.copy_(bias)


def _trained(asked: Order, net: nn.Module, dataset: Dataset, batches: Batches, images: int) -> dict[str, Any]:
    """Trains all of the network; its validation and test errors, and what it cost."""
    steps = max(1, images // asked.batch_size)
    layout = fastest_layout(net, dataset.task, "cpu")
    seed_everything(asked.seed, "recipe")
    recipe: Recipe = make_recipe(load(asked.text), net, steps)
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
    verbs: dict[str, Any] = {"grow": grow, "control": control}
    try:
        found: dict[str, Any] = verbs[verb](*args)
    except WeightsError as error:
        return {"refused": str(error)}
    return found
