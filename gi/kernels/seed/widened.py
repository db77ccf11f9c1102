"""Runs a target with the donor's convolutions at full width in place of its own, for their outputs on the data."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from gi.kernels.donors.donors import IMAGE, DonorLayer, Floats
from gi.kernels.donors.matching import Match
from gi.kernels.donors.target import IMAGE_NUMBER, Target
from gi.kernels.seed.follow import (
    BASE,
    Follow,
    channel_labels,
    fresh_labels,
    labels_of,
    linear_in,
    set_labels,
    set_linear,
)
from gi.kernels.seed.trace import quiet

_LEAST_DEVIATION, _MOST_DEVIATION = 0.25, 4.0  # of a layer's outputs; beyond, donor and data have different scales


class _Done(Exception):  # noqa: N818 (the run cannot go further)
    pass


@dataclass(slots=True)
class Stand:
    """A stand-in at full width on the data: `weight`, `bias` as used, and its `output` (n, m, h, w).

    `scaled` is True if weight and bias were divided by the output's deviation (LSUV, arXiv 1511.06422), since donor and
    data have different scales. `activity` is the deviation of each channel after its normalisation and a ReLU.
    """

    weight: Tensor
    bias: Tensor
    output: Tensor
    scaled: bool
    activity: Tensor = field(default_factory=lambda: torch.zeros(0))


def widened(model: nn.Module, target: Target, match: Match, images: Tensor) -> dict[int, Stand]:
    """The stand-ins of a match, run on `images` (n, c, h, w), by the number of the target layer.

    Ends at an operation that fits the target's own width only; later layers are missing.
    """
    run = _Widened(model, target, match)
    x = images.clone()
    set_labels(x, fresh_labels(x, IMAGE_NUMBER))
    try:
        with quiet(model), run:
            model(x)
    except (_Done, RuntimeError, ValueError):  # a sum or a dense layer of the target's own width
        pass
    return run.stands


def activities(stands: dict[int, Stand]) -> dict[int, Floats]:
    """The deviation of each channel, by the number of the layer."""
    return {number: np.asarray(stand.activity.numpy()) for number, stand in stands.items()}


class _Widened(Follow):
    def __init__(self, model: nn.Module, target: Target, match: Match) -> None:
        super().__init__()
        numbers = {layer.name: layer.number for layer in target.layers}
        modules = dict(model.named_modules())
        # As in a trace: functions get weights, not modules.
        self.numbers = {id(modules[name].weight): number for name, number in numbers.items()}
        self.norm_numbers = {id(modules[x.norm].weight): x.number for x in target.layers if x.norm}
        self.target, self.match = target, match
        self.stands: dict[int, Stand] = {}

    def convolve(self, arguments: dict[str, Any]) -> Tensor:
        number = self.numbers.get(id(arguments["weight"]), 0)
        layer = self.match.layers.get(number)
        # Without a stand-in, later layers would not get the donor's data.
        if layer is None or number in self.stands:
            raise _Done
        weight, bias = _tensor(layer.weight), torch.zeros(layer.width)
        if layer.bias is not None:
            bias = _tensor(layer.bias)
        weight = self._embedded(weight, arguments["weight"].shape[2:])
        places = {name: arguments[name] for name in ("stride", "padding", "dilation") if name in arguments}
        x = self._arranged(layer, arguments["input"])
        if x.is_contiguous(memory_format=torch.channels_last):  # with the same layout of the weight twice as fast
            weight = weight.contiguous(memory_format=torch.channels_last)
        output = torch.conv2d(x, weight, bias, groups=layer.groups, **places)
        stand = self._stand(number, layer, weight, bias, output)
        self.stands[number] = stand
        set_labels(stand.output, fresh_labels(stand.output, number))
        set_linear(stand.output, number)
        return stand.output

    def _stand(self, number: int, layer: DonorLayer, weight: Tensor, bias: Tensor, output: Tensor) -> Stand:
        """The stand-in, with its normalisation folded in where the target has none, and its scale corrected."""
        has_norm = bool(self.target.layers[number - 1].norm)
        scaled = False
        if layer.norm is not None and not has_norm:
            mean, deviation = _statistics(output, layer.norm.epsilon)
            factor = _tensor(layer.norm.scale) / deviation
            weight, bias = weight * factor.view(-1, 1, 1, 1), (bias - mean) * factor + _tensor(layer.norm.shift)
            output = _affine(output, factor, _tensor(layer.norm.shift) - mean * factor)
        sample = _sample(output)
        deviation = sample.std()
        # A normalisation adapts to the data's scale; without one the scale is set here.
        if layer.norm is None and not _LEAST_DEVIATION < float(deviation) < _MOST_DEVIATION:
            factor = 1 / deviation.clamp_min(1e-6)
            weight, bias, output, scaled = weight * factor, bias * factor, output * factor, True
            sample = sample * factor
        shown = self._normalised(layer, sample) if has_norm and layer.norm is not None else sample
        return Stand(weight, bias, output, scaled, _deviations(shown.relu()))

    def normalise(self, arguments: dict[str, Any]) -> Tensor:
        x = arguments["input"]
        number = self.norm_numbers.get(id(arguments.get("weight")), 0)
        if not number or number not in self.stands or linear_in(x) != number:
            raise _Done
        layer = self.match.layers[number]
        output = x.clone() if layer.norm is None else self._normalised(layer, x)
        set_labels(output, labels_of(x))
        return output

    @staticmethod
    def _normalised(layer: DonorLayer, x: Tensor) -> Tensor:
        """The output of the donor's normalisation with this data's statistics, which fits any scale of the data."""
        assert layer.norm is not None
        scale, shift = _tensor(layer.norm.scale), _tensor(layer.norm.shift)
        return functional.batch_norm(x, None, None, scale, shift, training=True, eps=layer.norm.epsilon)

    @staticmethod
    def _embedded(weight: Tensor, size: tuple[int, ...]) -> Tensor:
        margins = [(large - small) // 2 for small, large in zip(weight.shape[2:], size, strict=True)]
        return functional.pad(weight, (margins[1], margins[1], margins[0], margins[0]))

    def _arranged(self, layer: DonorLayer, x: Tensor) -> Tensor:
        """The channels of `x` in the order of the stand-in's inputs; zeros for missing ones."""
        codes = channel_labels(x)
        place = torch.full((layer.num_inputs,), -1)
        for row in codes:
            for number in torch.unique(row // BASE).tolist():
                here = torch.nonzero(row // BASE == number).flatten()
                source = IMAGE if number == IMAGE_NUMBER else self.match.layers[number].id
                inputs = torch.from_numpy(layer.inputs_from(source, (row[here] % BASE).numpy()))
                is_read = inputs >= 0
                place[inputs[is_read]] = here[is_read]
        if torch.equal(place, torch.arange(x.shape[1])):
            return x
        arranged = x[:, place.clamp_min(0)]
        arranged[:, place < 0] = 0
        return arranged


def _statistics(output: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    return output.mean(dim=(0, 2, 3)), (output.var(dim=(0, 2, 3), unbiased=False) + epsilon).sqrt()


def _sample(output: Tensor) -> Tensor:
    """At most 15 x 15 positions of each channel, evenly spaced, which suffice for a deviation."""
    down, right = (max(1, size // 8) for size in output.shape[2:])
    return output[:, :, ::down, ::right]


def _deviations(x: Tensor) -> Tensor:
    """The deviation of each channel of (n, c, h, w), ten times as fast as `std` over three dimensions."""
    rows = x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])
    return (rows.square().mean(dim=0) - rows.mean(dim=0).square()).clamp_min(0.0).sqrt()


def _affine(x: Tensor, factor: Tensor, shift: Tensor) -> Tensor:
    return x * factor.view(1, -1, 1, 1) + shift.view(1, -1, 1, 1)


def _tensor(array: Floats) -> Tensor:
    return torch.from_numpy(np.array(array, dtype=np.float32))
