"""One run of a torch network that shows its convolutions and which channels feed them."""

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

_FEW = 2  # samples are enough to see shapes and channels


def traced(model: nn.Module, images: Tensor) -> Target:
    """The convolutions of `model`, seen on the first two of `images` (n, c, h, w); the model stays as it was."""
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
    """While it lasts the model is in evaluation and needs no gradient; then every module is as before."""
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
        # `conv2d` is handed the weight and not its module: the tensor's identity tells whose it is.
        self.names = {id(m.weight): name for name, m in model.named_modules() if isinstance(m, nn.Conv2d)}
        self.norms = {id(m.weight): name for name, m in model.named_modules() if isinstance(m, nn.BatchNorm2d)}
        self.layers: list[TargetLayer] = []

    def convolve(self, arguments: dict[str, Any]) -> Tensor:
        output = torch.conv2d(**arguments)
        name = self.names.get(id(arguments["weight"]))
        # A module that runs twice has one weight to fill: its first run says what feeds it.
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
        # A normalisation of anything more, or in another order, is not that convolution's alone.
        if name and number and whole(x) == [number]:
            layer = self.layers[number - 1]
            fields = {f: getattr(layer, f) for f in TargetLayer.__dataclass_fields__}
            self.layers[number - 1] = TargetLayer(**{**fields, "norm": name})
        return output
