"""Grows the convolutions of a network from the bottom up: each layer is the best of dozens of suggestions.

A candidate is judged with all layers below it fixed, by a linear readout of its features, pooled to 4x4, which ridge
regression solves in closed form. Suggestions for the first layer are first layers of donors, for the others draws from
the classifier's probabilities, and where the layers below came from one donor, the filters that read them there. The
result has to beat the connected part of each donor that fits as a whole (`gi.kernels.seed.seed`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gi.kernels.donors.donors import IMAGE, DonorLayer, DonorNetwork, Floats
from gi.kernels.mining.cache import Mined
from gi.kernels.mining.classifier import sampled

POOLED = 4
_SHRINKAGE = 1e-2
_KERNEL = (3, 3)
_TEMPERATURES = (1.0, 2.0, 4.0, 8.0, 16.0)


@dataclass(frozen=True, eq=False)
class Suggestion:
    """One candidate for a layer: weight (out, in, 3, 3), bias (out,), and its origin.

    `how` is "childless set", "drawn classes", "connected" or, in a network that one donor fills, "chain"; `network` and
    `donor_layer` are names, "" for classes of the whole index. `donor`, `layer` and `channels` are the part of the
    donor that the next layer can continue.
    """

    weight: Tensor
    bias: Tensor
    how: str
    network: str = ""
    donor_layer: str = ""
    donor: DonorNetwork | None = None
    layer: DonorLayer | None = None
    channels: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Grown:
    """A network so far: its layers, the probe's features after them, pooled by two, and their readout's error."""

    layers: tuple[Suggestion, ...]
    features: Tensor
    error: float = 1.0
    readout: tuple[Tensor, Tensor] | None = None


@dataclass(slots=True)
class Tally:
    """The tried candidates: (layer, how, held-out error) of each."""

    rows: list[tuple[int, str, float]] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Probe:
    """The images for judging candidates: the first `num_train` fit the readout, the others score it."""

    images: Tensor
    labels: Tensor
    num_classes: int
    num_train: int


def grown(
    probe: Probe,
    donors: Sequence[DonorNetwork],
    mined: Mined,
    widths: Sequence[int],
    *,
    candidates: int,
    rng: np.random.Generator,
    beam: int = 2,
    suggest: Callable[[int], bool] = lambda _: True,
) -> tuple[Grown, Tally]:
    """The best network of `len(widths)` layers, each followed by a ReLU, and by pooling while the image is large.

    `beam` prefixes are kept after each layer, no two from one donor; `suggest` is called before each layer, and False
    ends the search.
    """
    tally = Tally()
    prefixes = [Grown((), probe.images)]
    for number, width in enumerate(widths, start=1):
        if not suggest(number):
            break
        share = max(2, candidates // len(prefixes))
        tried = []
        for prefix in prefixes:
            for suggestion in _suggestions(prefix, donors, mined, width, share, rng):
                tried.append(_judged(prefix, _fitted(suggestion, prefix.features), probe))
                tally.rows.append((number, suggestion.how, tried[-1].error))
        prefixes = _best(tried, beam)
    return prefixes[0], tally


def readout(features: Tensor, probe: Probe) -> tuple[Tensor, Tensor, float]:
    """Weight (classes, features), bias and held-out error of the readout, by ridge regression."""
    x, n = features, probe.num_train
    mean = x[:n].mean(dim=0)
    targets = functional.one_hot(probe.labels[:n], probe.num_classes).float()
    level = targets.mean(dim=0)
    centred = x[:n] - mean
    if n <= x.shape[1]:  # the dual system is smaller
        gram = centred @ centred.T
        gram.diagonal().add_(_SHRINKAGE * gram.diagonal().mean() * 10 + 1e-6)
        weight = (centred.T @ torch.linalg.solve(gram, targets - level)).T
    else:
        gram = centred.T @ centred
        gram.diagonal().add_(_SHRINKAGE * gram.diagonal().mean() * 10 + 1e-6)
        weight = torch.linalg.solve(gram, centred.T @ (targets - level)).T
    bias = level - weight @ mean
    guessed = (x[n:] @ weight.T + bias).argmax(dim=1)
    return weight, bias, float((guessed != probe.labels[n:]).float().mean())


def sharpened(weight: Tensor, bias: Tensor, features: Tensor, probe: Probe) -> tuple[Tensor, Tensor]:
    """The readout times the factor with the least held-out cross entropy: ridge regression does not give logits."""
    logits, labels = features[probe.num_train :] @ weight.T + bias, probe.labels[probe.num_train :]
    best = min(_TEMPERATURES, key=lambda t: float(functional.cross_entropy(logits * t, labels)))
    return weight * best, bias * best


def pooled(features: Tensor) -> Tensor:
    """(n, c * 16): the features pooled to 4x4 for the linear layer."""
    return functional.adaptive_avg_pool2d(features, POOLED).flatten(1)


def _best(tried: Sequence[Grown], beam: int) -> list[Grown]:
    """At most `beam` prefixes of least error, whose last layers are from different networks."""
    kept: dict[str, Grown] = {}
    for each in sorted(tried, key=lambda grown: grown.error):
        kept.setdefault(each.layers[-1].network, each)
    return list(kept.values())[:beam]


def whole(layers: Sequence[Suggestion], probe: Probe) -> Grown:
    """The network of these layers, judged without changes."""
    features = probe.images
    for layer in layers[:-1]:
        features = _smaller(_output(features, layer))
    return _judged(Grown(tuple(layers[:-1]), features), layers[-1], probe)


def _judged(prefix: Grown, suggestion: Suggestion, probe: Probe) -> Grown:
    features = _smaller(_output(prefix.features, suggestion))
    weight, bias, error = readout(pooled(features), probe)
    return Grown((*prefix.layers, suggestion), features, error, (weight, bias))


def _output(features: Tensor, layer: Suggestion) -> Tensor:
    """The layer's output after its ReLU, channels last: three times as fast, and its pooling ten times."""
    weight = layer.weight.contiguous(memory_format=torch.channels_last)
    output = functional.conv2d(features, weight, layer.bias, padding=1).relu_()
    return output.contiguous(memory_format=torch.channels_last)


def _smaller(output: Tensor) -> Tensor:
    return functional.max_pool2d(output, 2) if min(output.shape[2:]) >= 2 * POOLED else output


def _suggestions(
    prefix: Grown, donors: Sequence[DonorNetwork], mined: Mined, width: int, count: int, rng: np.random.Generator
) -> Iterator[Suggestion]:
    """At most `count` suggestions, up to a third of them connected in the last layer's donor."""
    if not prefix.layers:
        yield from _childless(donors, prefix.features.shape[1], width, count, rng)
        return
    connected = list(_connected(prefix.layers[-1], width, max(1, count // 3), rng))
    yield from connected
    for _ in range(count - len(connected)):
        yield _drawn(prefix.layers[-1], mined, width, rng)


def _childless(
    donors: Sequence[DonorNetwork], image_channels: int, width: int, count: int, rng: np.random.Generator
) -> Iterator[Suggestion]:
    """First layers of donors in turn, with other channels in each round."""
    stems = [(d, x) for d in donors for x in d.layers if x.sources == {IMAGE} and _fits(x)]
    for n in range(count if stems else 0):
        donor, layer = stems[n % len(stems)]
        yield _taken(donor, layer, layer.weight, width, rng, "childless set", image_channels=image_channels)


def _connected(last: Suggestion, width: int, count: int, rng: np.random.Generator) -> Iterator[Suggestion]:
    """The filters that read the last layer in its donor, restricted to its chosen channels."""
    if last.donor is None or last.layer is None or last.channels is None:
        return
    readers = [reader for reader in last.donor.consumers(last.layer.id) if _fits(reader)]
    for n in range(count if readers else 0):
        reader = readers[n % len(readers)]
        columns = reader.inputs_from(last.layer.id, last.channels.numpy())
        # Skipped if it does not read one of these channels.
        if (columns < 0).any():
            continue
        yield _taken(last.donor, reader, reader.weight[:, columns], width, rng, "connected")


def _fits(layer: DonorLayer) -> bool:
    return tuple(layer.weight.shape[2:]) == _KERNEL and layer.groups == 1 and layer.stride == (1, 1)


def _taken(
    donor: DonorNetwork,
    layer: DonorLayer,
    weight: Floats,
    width: int,
    rng: np.random.Generator,
    how: str,
    *,
    image_channels: int | None = None,
) -> Suggestion:
    """`width` channels of a layer, drawn with large norms preferred; repeated where the layer is narrower."""
    norms = np.linalg.norm(weight.reshape(len(weight), -1), axis=1) + 1e-9
    rounds = [rng.choice(len(weight), len(weight), replace=False, p=norms / norms.sum())]
    rounds += [rng.permutation(len(weight)) for _ in range(width // len(weight))]
    chosen = np.concatenate(rounds)[:width]
    picked = weight[chosen]
    if image_channels is not None and picked.shape[1] != image_channels:
        picked = np.repeat(picked.sum(axis=1, keepdims=True) / image_channels, image_channels, axis=1)
    _, bias = layer.folded()
    full = torch.from_numpy(np.array(picked, np.float32))
    if layer.norm is not None:
        factor = torch.from_numpy(layer.norm.factor[chosen].copy())
        full = full * factor.view(-1, 1, 1, 1)
    offsets = torch.from_numpy(np.array(bias[chosen], np.float32))
    return Suggestion(full, offsets, how, donor.name, layer.name, donor, layer, torch.from_numpy(chosen))


def _drawn(last: Suggestion, mined: Mined, width: int, rng: np.random.Generator) -> Suggestion:
    """Kernels drawn from the classifier's probabilities for the parents of each channel below."""
    rows = np.stack([mined.words.counts(kernels) for kernels in last.weight.numpy()])
    features = np.zeros((len(rows), (mined.depth - 1) * mined.words.size), np.float32)
    features[:, : mined.words.size] = rows
    kernels = sampled(mined.classes, mined.predictor.probabilities(features), width, rng)  # (in, out, 3, 3)
    weight = torch.from_numpy(np.ascontiguousarray(kernels.transpose(1, 0, 2, 3), np.float32))
    return Suggestion(weight, torch.zeros(width), "drawn classes")


def _fitted(suggestion: Suggestion, features: Tensor) -> Suggestion:
    """The suggestion scaled to outputs of deviation 1 on a few images, with its bias (LSUV)."""
    output = functional.conv2d(features[:32], suggestion.weight, suggestion.bias, padding=1)
    factor = 1 / float(output.std().clamp_min(1e-6))
    bias = suggestion.bias * factor
    if suggestion.how == "drawn classes":  # centred, since classes have no bias
        bias = -(output * factor).mean(dim=(0, 2, 3))
    return replace(suggestion, weight=suggestion.weight * factor, bias=bias)
