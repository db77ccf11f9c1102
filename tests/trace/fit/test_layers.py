"""What a layer needs its input to be: one table of layers, inputs and misfits, and that applying them makes it fit."""

import pytest
import torch
from torch import nn

from gi.trace.fit.layers import applied, misfits

IMAGE, WIDE, FLAT, ODD = (3, 8, 14, 14), (3, 64, 14, 14), (3, 64), (3, 6, 5, 5)
MISFITS = [
    (lambda: nn.Conv2d(8, 4, 3), IMAGE, []),
    (lambda: nn.Conv2d(3, 4, 3), IMAGE, [("argument", "in_channels", 8)]),
    (lambda: nn.Conv2d(3, 4, 3), FLAT, []),
    (lambda: nn.Conv2d(4, 4, 3, groups=4), IMAGE, [("in_channels", 8), ("groups", 8), ("out_channels", 8)]),
    (lambda: nn.Conv2d(8, 8, 3, groups=8), ODD, [("in_channels", 6), ("groups", 6), ("out_channels", 6)]),
    (lambda: nn.Conv2d(8, 12, 3, groups=4), ODD, [("in_channels", 6), ("groups", 2)]),
    (lambda: nn.Conv2d(6, 4, 7), ODD, [("padding", 3)]),
    (lambda: nn.Conv2d(6, 4, (3, 7)), ODD, [("padding", (1, 3))]),
    (lambda: nn.Conv2d(6, 4, 3, dilation=3), ODD, [("padding", 3)]),
    (lambda: nn.Conv2d(6, 4, 7, padding="same"), ODD, []),
    (lambda: nn.ConvTranspose2d(3, 4, 2, stride=2), IMAGE, [("in_channels", 8)]),
    (lambda: nn.Linear(64, 10), FLAT, []),
    (lambda: nn.Linear(7, 10), FLAT, [("in_features", 64)]),
    (lambda: nn.Linear(7, 10), IMAGE, [("flatten", None), ("in_features", 1568)]),
    (lambda: nn.Linear(7, 10), WIDE, [("pool", 4), ("in_features", 1024)]),
    (lambda: nn.Linear(7, 10), (3, 5, 7), []),
    (lambda: nn.BatchNorm2d(8), IMAGE, []),
    (lambda: nn.BatchNorm2d(7), IMAGE, [("num_features", 8)]),
    (lambda: nn.BatchNorm2d(7), FLAT, [("symbol", "torch.nn.BatchNorm1d"), ("num_features", 64)]),
    (lambda: nn.BatchNorm1d(8), IMAGE, [("symbol", "torch.nn.BatchNorm2d")]),
    (lambda: nn.InstanceNorm2d(7), IMAGE, [("num_features", 8)]),
    (lambda: nn.InstanceNorm2d(8), FLAT, [("remove", None)]),
    (lambda: nn.GroupNorm(4, 16), ODD, [("num_channels", 6), ("num_groups", 2)]),
    (lambda: nn.GroupNorm(3, 16 * 3), ODD, [("num_channels", 6)]),
    (lambda: nn.LayerNorm(64), FLAT, []),
    (lambda: nn.LayerNorm(7), FLAT, [("normalized_shape", 64)]),
    (lambda: nn.LayerNorm(7), ODD, [("normalized_shape", (6, 5, 5))]),
    (lambda: nn.LayerNorm(5), ODD, []),
    (lambda: nn.PReLU(), IMAGE, []),
    (lambda: nn.PReLU(4), IMAGE, [("num_parameters", 8)]),
    (lambda: nn.Dropout2d(0.1), IMAGE, []),
    (lambda: nn.Dropout1d(0.1), IMAGE, [("symbol", "torch.nn.Dropout")]),
    (lambda: nn.Dropout(0.1), FLAT, []),
    (lambda: nn.MaxPool2d(2), IMAGE, []),
    (lambda: nn.MaxPool2d(2), FLAT, [("remove", None)]),
    (lambda: nn.MaxPool2d(6), ODD, [("ceil_mode", True)]),
    (lambda: nn.MaxPool2d(2), (3, 6, 1, 1), [("ceil_mode", None)]),
    (lambda: nn.MaxPool2d(9, stride=2), ODD, [("remove", None)]),
    (lambda: nn.MaxPool2d(6, padding=1), ODD, []),
    (lambda: nn.AdaptiveAvgPool2d(1), FLAT, [("remove", None)]),
    (lambda: nn.PixelShuffle(2), ODD, [("remove", None)]),
    (lambda: nn.PixelShuffle(2), IMAGE, []),
    (lambda: nn.PixelUnshuffle(2), ODD, [("remove", None)]),
    (lambda: nn.ChannelShuffle(4), ODD, [("remove", None)]),
    (lambda: nn.ReflectionPad2d(6), ODD, [("remove", None)]),
    (lambda: nn.Upsample(scale_factor=2), FLAT, [("remove", None)]),
    (lambda: nn.Unflatten(1, (8, 8)), FLAT, []),
    (lambda: nn.ReLU(), FLAT, []),
    (lambda: nn.Flatten(), IMAGE, []),
]


@pytest.mark.parametrize(("make", "shape", "expected"), MISFITS)
def test_a_layer_is_told_what_it_needs_and_then_fits(make, shape, expected):
    with torch.device("meta"):
        layer, x = make(), torch.empty(*shape)
        found = []
        for misfit in misfits(layer, x):
            found.append(misfit)
            x = applied(misfit, layer, x)
        assert [(m.name or m.kind, m.value) for m in found] == [tuple(e[-2:]) for e in expected]
        if not isinstance(layer, nn.modules.conv._ConvNd) or x.dim() == 4:
            assert not list(misfits(layer, x)) or found[-1].kind == "remove"
            _runs(layer, x, found)


def _runs(layer, x, found):
    if (found and found[-1].kind == "remove") or (isinstance(layer, nn.Linear) and x.dim() == 3):
        return
    assert isinstance(layer(x), torch.Tensor)
