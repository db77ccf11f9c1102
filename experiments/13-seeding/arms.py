"""The ways to start a network that are compared."""
# ruff: noqa: ARG001 (every arm takes the same four)

import copy

import numpy as np
import torch
from nets import Net, Training, step_cpu_s
from torch import nn

from gi.kernels.donors.from_index import donors
from gi.kernels.mining.cache import mine
from gi.kernels.mining.classifier import most_likely, sampled
from gi.kernels.seed.seed import seed as seed_from
from gi.sandbox.clock import cpu_s
from gi.train.start.donors import PROBE_IMAGES, READOUT_IMAGES, filled_share, read_out
from gi.train.start.race import Entrant, race

SHAPE = (3, 3)
K = 64


def convolutions(net):
    return [m for m in net.modules() if isinstance(m, nn.Conv2d)]


def put(module, kernels):
    """Kernels (out, in, 3, 3) at the scale that Kaiming gives this layer: only their patterns are compared."""
    weight = torch.from_numpy(np.array(kernels, np.float32))
    module.weight.data.copy_(weight * (module.weight.std() / weight.std().clamp_min(1e-9)))


def kaiming(net, index, x, rng):
    return None


def kmeans_centres(net, index, x, rng):
    classes = mine(index, SHAPE, k=K).classes
    for module in convolutions(net):
        out, inside = module.weight.shape[:2]
        drawn = rng.choice(classes.k, (out, inside), p=classes.counts / classes.counts.sum())
        put(module, classes.centres[drawn] * classes.scales[drawn][..., None, None])


def random_real(net, index, x, rng):
    kernels = index.kernels(SHAPE)
    for module in convolutions(net):
        put(module, kernels[rng.integers(len(kernels), size=module.weight.shape[:2])])


def report_most_likely(net, index, x, rng):
    _report(net, index, rng, most_likely)


def report_sampled(net, index, x, rng):
    _report(net, index, rng, lambda classes, rows, count: sampled(classes, rows, count, rng))


def _report(net, index, rng, answer):
    """The first layer from childless kernel sets; each further one from the classifier, given the kernels below."""
    mined = mine(index, SHAPE, k=K)
    first, *others = convolutions(net)
    put(first, _first_filters(index, first, rng))
    below = first
    for module in others:
        rows = np.stack([mined.probabilities_of(kernels) for kernels in below.weight.detach().numpy()])
        put(module, answer(mined.classes, rows, len(module.weight)).transpose(1, 0, 2, 3))
        below = module


def _first_filters(index, module, rng):
    donor = next(iter(donors(index)))
    weight = donor.layers[0].weight
    chosen = np.concatenate([rng.permutation(len(weight)) for _ in range(-(-len(module.weight) // len(weight)))])
    picked = weight[chosen[: len(module.weight)]]
    if picked.shape[1] != module.in_channels:
        total = picked.sum(axis=1, keepdims=True) / module.in_channels
        picked = np.repeat(total, module.in_channels, axis=1)
    return picked


def lsuv(net, index, x, rng):
    """Kaiming, each layer's outputs brought to deviation 1 on a batch (arXiv 1511.06422)."""
    hooks = []
    for module in convolutions(net):

        def rescale(m, inputs):
            m.weight.data /= m._conv_forward(inputs[0], m.weight, m.bias).std()

        hooks.append(module.register_forward_pre_hook(rescale))
    with torch.no_grad():
        net(x[:PROBE_IMAGES])
    for hook in hooks:
        hook.remove()


def first_layer(net, index, x, rng):
    """The first layer as the connected part has it; the others as they were."""
    before = copy.deepcopy(net)
    seed_from(net, list(donors(index)), x[:PROBE_IMAGES])
    for module, old in zip(convolutions(net)[1:], convolutions(before)[1:], strict=True):
        module.load_state_dict(old.state_dict())


def connected(net, index, x, rng):
    return seed_from(net, list(donors(index)), x[:PROBE_IMAGES])


ARMS = {
    "Kaiming": kaiming,
    "K-Means centres by frequency": kmeans_centres,
    "random real kernels": random_real,
    "report's way, most likely class": report_most_likely,
    "report's way, class drawn": report_sampled,
    "LSUV": lsuv,
    "first layer only": first_layer,
    "connected sub-network": connected,
}
RACED = "connected sub-network, raced"


def started(arm: str, net: Net, index, data, *, lr, seed, steps):
    """(training, steps done, steps charged before them, what came from where) for one arm on (x, y)."""
    if arm != RACED:
        rows = ARMS[arm](net, index, data[0], np.random.default_rng(seed))
        return Training(net, *data, lr=lr, seed=seed, steps=steps), 0, 0.0, rows
    chosen = list(donors(index))  # a run reads its donors once
    rival = copy.deepcopy(net)
    begin = cpu_s()
    rows = seed_from(rival, chosen, data[0][:PROBE_IMAGES])
    seeding_cpu_s = cpu_s() - begin
    pace = step_cpu_s(Training(copy.deepcopy(net), *data, lr=lr, seed=seed, steps=steps))
    trainings = [Training(each, *data, lr=lr, seed=seed, steps=steps) for each in (net, rival)]
    plain, seeded = (Entrant(t.net, t) for t in trainings)  # the recipe of an entrant is its training here
    winner = plain
    if rows:
        share = filled_share(net, rows)
        winner = race(seeded, plain, trainings[0].order, lambda e, chosen: e.recipe.step(chosen), share=share)
    begin = cpu_s()
    if winner is seeded:
        seen = trainings[0].order[: len(winner.losses)].flatten()[:READOUT_IMAGES]
        read_out(winner, data[0][seen], data[1][seen], layout=torch.channels_last)
    readout_cpu_s = cpu_s() - begin
    loser = seeded if winner is plain else plain
    charged = len(loser.losses) + (seeding_cpu_s + readout_cpu_s) / pace
    note = {"won": winner is seeded, "race_steps": len(loser.losses)}
    note |= {"seeding_steps": seeding_cpu_s / pace, "readout_steps": readout_cpu_s / pace}
    return winner.recipe, len(winner.losses), charged, [note, *rows[:3]]
