"""Initialises a torch network from donors: connected parts with their scales and biases, compensated for lost inputs.

The connections of kernels transfer, not single kernels: so whole chains of layers come from one donor. Runs in the
worker, on the network to be trained.
"""

import copy
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from gi.core.types import SeededLayer
from gi.kernels.donors.donors import DonorNetwork
from gi.kernels.donors.matching import Match, matches
from gi.kernels.donors.target import Target, TargetLayer
from gi.kernels.donors.transplant import LayerPiece, adapted, blocks, num_parts, shares
from gi.kernels.seed.compensate import compensated
from gi.kernels.seed.trace import quiet, traced
from gi.kernels.seed.widened import Stand, activities, widened

_MOST_DONORS = 4
_LARGEST_DEVIATION = 0.3  # of the outputs of a network whose last layer is untrained
ConvolutionHook = Callable[[nn.Conv2d, tuple[Tensor, ...]], None]
Rows = tuple[SeededLayer, ...]
NormHook = Callable[[nn.BatchNorm2d, tuple[Tensor, ...]], None]


@dataclass(slots=True)
class _Filling:
    """The pieces to write into one layer, each with the donor's run at full width."""

    layer: TargetLayer
    pieces: list[tuple[LayerPiece, Stand | None]]


def seed(
    model: nn.Module, donors: Sequence[DonorNetwork], probe: Tensor, *, kept: Collection[str] = ()
) -> tuple[SeededLayer, ...]:
    """Fills the convolutions of `model` from the donors that match best, and returns the filled layers.

    `probe` is a batch of the data, (n, c, h, w), normalised as in training. Layers without a match keep their values,
    as do the modules named in `kept`; () where nothing is filled.
    """
    target = traced(model, probe)
    best = [adapted(match, target.image_channels) for match in matches(target, donors)[:_MOST_DONORS]]
    return transplanted(model, target, best, probe, kept=kept) if best else ()


def filled(
    model: nn.Module, donors: Sequence[DonorNetwork], probe: Tensor, most: int
) -> Iterator[tuple[nn.Module, Rows]]:
    """Copies of `model` with every convolution filled, one for each of the `most` donors that match best.

    Skips donors without a stand-in for some convolution. `probe` as for `seed`.
    """
    target = traced(model, probe)
    for match in matches(target, donors)[:most]:
        if len(match.layers) == len(target.layers):
            copied = copy.deepcopy(model)
            yield copied, transplanted(copied, target, [adapted(match, target.image_channels)], probe)


def transplanted(
    model: nn.Module,
    target: Target,
    chosen: Sequence[Match],
    probe: Tensor,
    *,
    compensate: bool = True,
    kept: Collection[str] = (),
) -> tuple[SeededLayer, ...]:
    """Fills the convolutions of `model` from these matches, the best first; modules in `kept` do not change."""
    layers = chosen[0].layers.keys()
    alike = [match for match in chosen if match.layers.keys() == layers][: num_parts(target, chosen[0])]
    stands = [widened(model, target, match, probe) for match in alike]
    parts = shares(target, alike, [activities(each) for each in stands])
    fillings = {layer.number: _filling(layer, kept) for layer in target.layers if layer.name not in kept}
    for n, part in enumerate(parts):
        seen = stands[n % len(stands)]
        for block in blocks(target, part):
            if block.number in fillings and len(block.rows) and (len(block.columns) or block.layer.depthwise):
                fillings[block.number].pieces.append((block, seen.get(block.number)))
    filled = [filling for filling in fillings.values() if filling.pieces]
    output = _write(model, filled, probe, compensate=compensate)
    if not kept:  # layers that were trained already are not rescaled
        _calm(model, target, filled, output)
    return tuple(row for filling in filled for row in _rows(filling, alone=len(filled) == 1 and not kept))


def _filling(layer: TargetLayer, kept: Collection[str]) -> _Filling:
    """An empty filling; without a normalisation that is kept."""
    return _Filling(replace(layer, norm="") if layer.norm in kept else layer, [])


def _rows(filling: _Filling, *, alone: bool) -> list[SeededLayer]:
    return [
        SeededLayer(
            filling.layer.name,
            block.donor,
            block.layer.name,
            len(block.rows),
            "first layer" if alone else "rescaled" if stand is not None and stand.scaled else "connected",
        )
        for block, stand in filling.pieces
    ]


def _calm(model: nn.Module, target: Target, fillings: list[_Filling], output: Tensor) -> None:
    """Scales the last filled layers down where the deviation of the model's output is too large.

    A trained network's last features are large: an untrained dense layer on them starts with a large loss, and needs a
    hundred steps to recover.
    """
    deviation = float(output.std()) if isinstance(output, Tensor) else 0.0
    if not deviation > _LARGEST_DEVIATION:
        return
    filled = {filling.layer.number for filling in fillings}
    for filling in fillings:
        if not any(reader.number in filled for reader in target.consumers(filling.layer.number)):
            module = model.get_submodule(filling.layer.norm or filling.layer.name)
            for parameter in module.parameters():
                parameter.data *= _LARGEST_DEVIATION / deviation


def _write(model: nn.Module, fillings: list[_Filling], probe: Tensor, *, compensate: bool) -> Tensor:
    """Writes all layers in one run of the model, so that each is written with the inputs of the filled layers before.

    Returns the model's output for the probe.
    """
    modules = dict(model.named_modules())
    hooks = []
    for filling in fillings:
        module = modules[filling.layer.name]
        hooks.append(module.register_forward_pre_hook(_convolution_hook(filling, compensate)))
        if filling.layer.norm:
            hooks.append(modules[filling.layer.norm].register_forward_pre_hook(_norm_hook(filling)))
    try:
        with quiet(model):
            output: Tensor = model(probe)
    finally:
        for hook in hooks:
            hook.remove()
    return output


def _convolution_hook(filling: _Filling, compensate: bool) -> ConvolutionHook:
    def write(module: nn.Conv2d, inputs: tuple[Tensor, ...]) -> None:
        size = (module.kernel_size[0], module.kernel_size[1])
        for block, stand in filling.pieces:
            rows, columns = torch.from_numpy(block.rows), torch.from_numpy(block.columns)
            weight, bias = _piece(block, stand, size)
            if compensate and stand is not None and block.dropped:
                wanted = stand.output[:, torch.from_numpy(block.donor_rows)]
                weight, bias = compensated(weight, bias, inputs[0][:, columns], wanted, module)
            # The weights of inputs without a donor channel are 0.
            module.weight.data[rows] = 0.0
            if block.layer.depthwise:
                module.weight.data[rows] = weight
            else:
                module.weight.data[rows[:, None], columns[None, :]] = weight
            if module.bias is not None:
                module.bias.data[rows] = bias

    return write


def _piece(block: LayerPiece, stand: Stand | None, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Weight and bias of a block, with the changes of the run at full width."""
    donor_rows = torch.from_numpy(block.donor_rows)
    if stand is None:
        bias = torch.zeros(len(block.rows))
        if block.layer.bias is not None:
            bias = torch.from_numpy(block.layer.bias[block.donor_rows].copy())
        return torch.from_numpy(block.weight(size)), bias
    weight = stand.weight[donor_rows]
    if not block.layer.depthwise:
        weight = weight[:, torch.from_numpy(block.donor_columns)]
    return weight, stand.bias[donor_rows]


def _norm_hook(filling: _Filling) -> NormHook:
    """Sets a normalisation to the donor's; without one in the donor, to the identity on the probe."""

    def write(module: nn.BatchNorm2d, inputs: tuple[Tensor, ...]) -> None:
        x = inputs[0]
        mean, variance = x.mean(dim=(0, 2, 3)), x.var(dim=(0, 2, 3), unbiased=False)
        if module.running_mean is not None and module.running_var is not None:
            module.running_mean.copy_(mean)
            module.running_var.copy_(variance)
        for block, _ in filling.pieces:
            rows, norm = torch.from_numpy(block.rows), block.layer.norm
            if norm is not None:
                module.weight.data[rows] = torch.from_numpy(norm.scale[block.donor_rows].copy())
                module.bias.data[rows] = torch.from_numpy(norm.shift[block.donor_rows].copy())
            else:
                # Scale and shift are the probe's own statistics, so that the normalisation is the identity
                # there.
                module.weight.data[rows] = (variance[rows] + module.eps).sqrt()
                module.bias.data[rows] = mean[rows]

    return write
