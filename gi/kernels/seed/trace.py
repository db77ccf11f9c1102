"""Records the convolutions of a torch network, and the channels that feed them, in one run."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from gi.kernels.donors.target import IMAGE_NUMBER, Target, TargetLayer, joined
from gi.kernels.seed.follow import (
    BASE,
    HIDDEN,
    Follow,
    channel_labels,
    fresh_labels,
    labels_of,
    linear_in,
    set_labels,
    set_linear,
    whole,
)

_FEW = 2  # samples are enough for shapes and channels


def traced(model: nn.Module, images: Tensor) -> Target:
    """The convolutions of `model`, recorded on the first two of `images` (n, c, h, w); the model does not change."""
    run = _Trace(model)
    sample = images[:_FEW].clone()
    set_labels(sample, fresh_labels(sample, IMAGE_NUMBER))
    with quiet(model), run:
        model(sample)
    layers = tuple(run.layers)
    through = [(layer.number, layer.sources[0]) for layer in layers if layer.depthwise and len(layer.sources) == 1]
    pairs = run.added + [(a, b) for a, b in through if b > 0]
    return Target(layers, joined(range(1, len(layers) + 1), pairs), images.shape[1])


@contextmanager
def quiet(model: nn.Module) -> Iterator[None]:
    """A context with the model in evaluation mode and without gradients; afterwards all modes are restored."""
    before = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in before.items():
            module.training = training


class _Trace(Follow):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        # `conv2d` gets the weight and not its module: the tensor's identity identifies the module.
        self.names = {id(m.weight): name for name, m in model.named_modules() if isinstance(m, nn.Conv2d)}
        self.norms = {id(m.weight): name for name, m in model.named_modules() if isinstance(m, nn.BatchNorm2d)}
        self.layers: list[TargetLayer] = []

    def convolve(self, arguments: dict[str, Any]) -> Tensor:
        output = torch.conv2d(**arguments)
        name = self.names.get(id(arguments["weight"]))
        # A module that runs twice has one weight to fill: its first run defines its sources.
        if name is not None and all(layer.name != name for layer in self.layers):
            self.layers.append(self._layer(name, arguments))
            set_labels(output, fresh_labels(output, len(self.layers)))
            set_linear(output, len(self.layers))
        return output

    def _layer(self, name: str, arguments: dict[str, Any]) -> TargetLayer:
        codes = channel_labels(arguments["input"])
        numbers = torch.where(codes == HIDDEN, HIDDEN, codes.div(BASE, rounding_mode="floor"))
        stride = arguments.get("stride", 1)
        return TargetLayer(
            number=len(self.layers) + 1,
            name=name,
            shape=tuple(arguments["weight"].shape),
            groups=arguments.get("groups", 1),
            stride=tuple(stride) if isinstance(stride, tuple | list) else (stride, stride),
            source_layers=numbers.numpy(),
            source_channels=(codes % BASE).numpy(),
            bias=arguments.get("bias") is not None,
        )

    def normalise(self, arguments: dict[str, Any]) -> Tensor:
        x = arguments["input"]
        output = nn.functional.batch_norm(**arguments)
        set_labels(output, labels_of(x))
        name = self.norms.get(id(arguments.get("weight")), "")
        number = linear_in(x)
        # Only a normalisation of exactly this convolution's channels, in order, belongs to it.
        if name and number and whole(x) == [number]:
            layer = self.layers[number - 1]
            fields = {f: getattr(layer, f) for f in TargetLayer.__dataclass_fields__}
            self.layers[number - 1] = TargetLayer(**{**fields, "norm": name})
        return output
