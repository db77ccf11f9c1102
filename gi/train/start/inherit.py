"""A child's network starts with its parent's trained weights, in the layers that it kept.

Real et al. (2017), "Large-scale evolution of image classifiers", inherit weights where name and shape are the parent's.
Edits of source text also renumber layers (`features.3` becomes `features.4`), so here the layers are aligned in their
order. One that became wider or narrower keeps the part that both have. Net2Net (Chen et al. 2016) would fill the
rest so that the network computes what it did; here the rest is as the program draws it.
"""

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from gi.core.alignment import aligned_pairs
from gi.core.types import SeededLayer

_SAME_NAME = 0.25  # less than what a whole layer is worth: after an insertion equal numbers are another layer's
_STATISTICS = frozenset({"running_mean", "running_var", "num_batches_tracked"})
_BAD_FILE = (OSError, EOFError, RuntimeError, ValueError, KeyError, TypeError, AttributeError, pickle.UnpicklingError)


@dataclass(frozen=True, slots=True, eq=False)
class ModuleTensors:
    """The tensors that one module holds itself, by their names in it.

    `kind` is equal for layers that may pair; `size` counts the numbers in all tensors.
    """

    name: str
    tensors: Mapping[str, Tensor]
    kind: frozenset[tuple[str, int, tuple[int, ...]]]
    size: int


def inherit(net: nn.Module, file: Path) -> tuple[SeededLayer, ...]:
    """Copies what `net` has in common with the trained state dict in `file`, named ID.pt, and says what that is.

    A file that is not there or cannot be read, or a network with no such layers, leaves the network as it is.
    """
    try:
        parent = torch.load(file, weights_only=True, map_location="cpu", mmap=True)
        ours, learned = layers(net.state_dict()), _learned(net)
        pairs = aligned(ours, layers(parent))
        for layer, source in pairs:
            _copy(layer, source, learned)
    except _BAD_FILE:  # candidates wrote both: the file and the network
        return ()
    return tuple(_row(layer, source, file.stem) for layer, source in pairs)


def layers(state: Mapping[str, object]) -> list[ModuleTensors]:
    """The layers of a state dict, in its order; what is no weight (masks and indices of whole numbers) is left out."""
    by_module: dict[str, dict[str, Tensor]] = {}
    for key, value in state.items():
        module, _, name = key.rpartition(".")
        if isinstance(value, Tensor) and (value.is_floating_point() or name in _STATISTICS):
            by_module.setdefault(module, {})[name] = value
    return [ModuleTensors(name, t, _kind(t), sum(map(torch.numel, t.values()))) for name, t in by_module.items()]


def aligned(
    ours: Sequence[ModuleTensors], theirs: Sequence[ModuleTensors]
) -> list[tuple[ModuleTensors, ModuleTensors]]:
    """The layers of both that belong together, in the order of both: see `gi.core.alignment`."""
    return [(ours[i], theirs[j]) for i, j in aligned_pairs(ours, theirs, likeness)]


def likeness(layer: ModuleTensors, other: ModuleTensors) -> float:
    """The share of the larger layer's numbers that both have, more with an equal name; 0 where they cannot pair."""
    if layer.kind != other.kind:
        return 0.0
    common = sum(_overlap(layer.tensors[name], other.tensors[name]) for name in layer.tensors.keys() & other.tensors)
    return common / max(layer.size, other.size, 1) + (_SAME_NAME if layer.name == other.name else 0.0)


def _kind(tensors: Mapping[str, Tensor]) -> frozenset[tuple[str, int, tuple[int, ...]]]:
    """Names, ranks and kernel sizes; a convolution or a dense layer may gain or lose its bias."""
    has_matrix = any(tensor.dim() > 1 for tensor in tensors.values())
    kept = {name: tensor for name, tensor in tensors.items() if name != "bias" or not has_matrix}
    return frozenset((name, tensor.dim(), tuple(tensor.shape[2:])) for name, tensor in kept.items())


def _overlap(tensor: Tensor, other: Tensor) -> int:
    count = 1
    for size in map(min, tensor.shape, other.shape):
        count *= size
    return count


def _learned(net: nn.Module) -> frozenset[str]:
    """The full names of what training changes; other buffers are the program's constants, which an edit may change."""
    buffers = (name for name, _ in net.named_buffers(remove_duplicate=False))
    statistics = (name for name in buffers if name.rpartition(".")[2] in _STATISTICS)
    return frozenset((*(name for name, _ in net.named_parameters(remove_duplicate=False)), *statistics))


def _copy(layer: ModuleTensors, source: ModuleTensors, learned: frozenset[str]) -> None:
    """Writes the part that both layers have: along each dimension the first so many as the smaller one has."""
    for name in layer.tensors.keys() & source.tensors:
        if (f"{layer.name}.{name}" if layer.name else name) in learned:
            ours, theirs = layer.tensors[name], source.tensors[name]
            part = tuple(map(slice, map(min, ours.shape, theirs.shape)))
            ours[part].copy_(theirs[part])


def _row(layer: ModuleTensors, source: ModuleTensors, parent: str) -> SeededLayer:
    both = [(t, source.tensors[name]) for name, t in layer.tensors.items() if name in source.tensors and t.dim()]
    channels = max((min(len(ours), len(theirs)) for ours, theirs in both), default=1)
    return SeededLayer(layer.name or ".", parent, source.name or ".", channels, "inherited")
