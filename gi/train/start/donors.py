"""A training that starts from donors: the network and its seeded copy race, and the winner goes on."""

import copy
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from gi.core.types import SeededLayer, Seeding
from gi.sandbox.clock import cpu_s
from gi.trace.program.candidate import CandidateError
from gi.trace.program.recipe import Recipe
from gi.train.batches import Batches
from gi.train.loop import fuse, train_step
from gi.train.start.race import Entrant, race
from gi.train.start.readout import fit_readout

PROBE_IMAGES = 16  # enough for the means and deviations of channels; more would cost whole steps of training
READOUT_IMAGES = 128  # of those that the race trained on


UNSEEDED = Seeding((), won=False, cpu_s=0.0)


def raced(
    plain: Entrant,
    recipe_of: Callable[[nn.Module], Recipe],
    batches: Batches,
    order: Tensor,
    donors: Path,
    *,
    layout: torch.memory_format,
    kept: Collection[str] = (),
) -> tuple[Entrant, Seeding]:
    """The winner of the race, trained for as many rows of `order` as it has losses, and the seeding that was tried.

    `donors` is a pack (`gi.kernels.donors.pack`); the layers `kept` have weights already, which stay. A network that
    cannot be copied or followed is left as it is.
    """
    start = cpu_s()
    with torch.random.fork_rng(devices=[]):
        seeded, layers = _seeded(plain.net, batches, order, donors, kept)
    if not layers:
        return plain, Seeding((), won=False, cpu_s=cpu_s() - start)
    try:
        rival = Entrant(seeded, recipe_of(seeded))
    except CandidateError:  # a recipe that knows its network by name, for one
        return plain, Seeding((), won=False, cpu_s=cpu_s() - start)
    for entrant in (plain, rival):
        fuse(entrant.recipe.optimizer)
    winner = race(
        rival,
        plain,
        order,
        lambda e, chosen: train_step(e.net, e.recipe, batches, chosen, layout=layout),
        share=filled_share(plain.net, layers),
    )
    raced_s = cpu_s() - start
    share = len(winner.losses) / max(1, len(plain.losses) + len(rival.losses))
    if winner is rival:
        read_out(winner, *batches.take(order[: len(winner.losses)].flatten()[:READOUT_IMAGES]), layout=layout)
    readout_s = cpu_s() - start - raced_s
    return winner, Seeding(layers, won=winner is rival, cpu_s=raced_s * (1 - share) + readout_s)


def read_out(entrant: Entrant, images: Tensor, labels: Tensor, *, layout: torch.memory_format) -> None:
    """Fits the last dense layer of a network whose donors won: its features are trained before that layer is."""
    try:
        with torch.random.fork_rng(devices=[]):
            fitted = fit_readout(entrant.net, images.contiguous(memory_format=layout), labels, entrant.recipe.loss)
    except (RuntimeError, ValueError, TypeError, AttributeError, IndexError, KeyError):  # the candidate's own doing
        return
    if fitted is not None:
        _forget(entrant.recipe.optimizer, fitted)


def _forget(optimizer: torch.optim.Optimizer, layer: nn.Module) -> None:
    """Clears an optimizer's moments of a layer: they are of the layer as it was."""
    for parameter in layer.parameters():
        buffer = optimizer.state.get(parameter, {}).get("momentum_buffer")
        if isinstance(optimizer, torch.optim.SGD) and buffer is not None:
            buffer.zero_()  # fused, it wants a buffer for all or for none
        else:
            optimizer.state.pop(parameter, None)


def lacks_weights(net: nn.Module, kept: Collection[str]) -> bool:
    """Whether a network has convolutions for donors to fill beside the layers `kept`, which have weights already."""
    return not kept or not _convolutions(net) <= set(kept)


def filled_share(net: nn.Module, layers: Sequence[SeededLayer]) -> float:
    """How much of the network's convolutions the donors filled, 0 to 1."""
    convolutions = _convolutions(net)
    return len(convolutions & {layer.layer for layer in layers}) / max(1, len(convolutions))


def _convolutions(net: nn.Module) -> set[str]:
    return {name for name, module in net.named_modules() if isinstance(module, nn.Conv2d)}


def _seeded(
    net: nn.Module, batches: Batches, order: Tensor, donors: Path, kept: Collection[str]
) -> tuple[nn.Module, tuple[SeededLayer, ...]]:
    """A copy of the network with its convolutions filled from the donors; no layers where none fits."""
    from gi.kernels.donors.pack import read_pack
    from gi.kernels.seed.seed import seed

    images, _ = batches.take(order.flatten()[:PROBE_IMAGES])
    try:
        rival = copy.deepcopy(net)
        return rival, seed(rival, read_pack(donors), images, kept=kept)
    except (RuntimeError, ValueError, TypeError, AttributeError, IndexError, KeyError):  # the candidate's own doing
        return net, ()
