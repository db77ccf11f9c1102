"""The networks that the mapping is tested on: torchvision's architectures with random weights, and some of our own."""

import warnings

import torch
from torch import nn

TORCHVISION = {
    "resnet18": 64, "resnet50": 64, "resnext50_32x4d": 64, "wide_resnet50_2": 64, "densenet121": 64, "googlenet": 64,
    "inception_v3": 96, "mobilenet_v2": 64, "mobilenet_v3_small": 64, "mobilenet_v3_large": 64,
    "shufflenet_v2_x0_5": 64, "shufflenet_v2_x1_0": 64, "squeezenet1_1": 64, "efficientnet_b0": 64, "mnasnet0_5": 64,
    "regnet_y_400mf": 64, "vgg11_bn": 224,
}  # fmt: skip


class Shuffle(nn.Module):
    """The block of FastestDet's backbone: split into even and odd channels by a reshape, one half convolved, joined."""

    def __init__(self, channels):
        super().__init__()
        half = channels // 2
        self.branch = nn.Sequential(
            nn.Conv2d(half, half, 1), nn.BatchNorm2d(half), nn.ReLU(),
            nn.Conv2d(half, half, 3, padding=1, groups=half), nn.BatchNorm2d(half),
            nn.Conv2d(half, half, 1), nn.ReLU(),
        )  # fmt: skip

    def forward(self, x):
        n, c, h, w = x.shape
        x = x.reshape(n * c // 2, 2, h * w).permute(1, 0, 2).reshape(2, -1, c // 2, h, w)
        return torch.cat([x[0], self.branch(x[1])], 1)


class Gate(nn.Module):
    """A gate of one channel for all places, and one for each channel, on the same value."""

    def __init__(self, channels):
        super().__init__()
        self.place = nn.Conv2d(channels, 1, 3, padding=1)
        self.channel = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, channels, 1), nn.Hardsigmoid())

    def forward(self, x):
        return x * torch.sigmoid(self.place(x)) + x * self.channel(x)


class Mixture(nn.Module):
    """What real detectors do between convolutions: pads, slices, resizes, space to depth, tiles and transposes."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(12, 16, 3, padding=1)
        self.down = nn.Conv2d(16, 16, 3, stride=2, padding=1, groups=2)
        self.up = nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.last = nn.Conv2d(8 + 16 + 4 + 6, 8, 1)
        self.after = nn.Conv2d(2, 4, 3)
        self.end = nn.Conv2d(4, 4, 1)

    def forward(self, x):
        x = torch.cat([x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]], 1)
        x = torch.relu(self.stem(x))
        low = self.down(x)
        back = torch.flip(x[:, :6].permute(0, 2, 3, 1) * 2, [3]).permute(0, 3, 1, 2)
        first, _ = torch.split(x, [4, 12], 1)
        near = nn.functional.interpolate(low, scale_factor=2, mode="nearest")
        x = self.last(torch.cat([self.up(low), near, first, back], 1))
        x = self.after(nn.functional.pixel_shuffle(x, 2))
        return self.end(nn.functional.pad(x.repeat(1, 2, 1, 1)[:, 2:6], (1, 1, 1, 1)))


def own():
    """Networks written for this test, with their input shapes."""
    stem = nn.Conv2d(3, 24, 3, stride=2, padding=1)
    shuffles = nn.Sequential(stem, Shuffle(24), Shuffle(24), Shuffle(24), nn.Conv2d(24, 8, 1))
    gates = nn.Sequential(nn.Conv2d(3, 12, 3, padding=1), Gate(12), nn.Conv2d(12, 6, 1), Gate(6), nn.Conv2d(6, 4, 1))
    return {"fastestdet_shuffle": (shuffles, 32), "gates": (gates, 32), "mixture": (Mixture(), 32)}


def export(network, size, path, opset=17):
    """Writes a network as ONNX by the TorchScript exporter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network.eval(), (torch.zeros(1, 3, size, size),), path, dynamo=False, opset_version=opset)


def torchvision_network(name):
    """An architecture of torchvision with random weights."""
    from gi.core.compat import allow_torchvision

    allow_torchvision()
    import torchvision

    more = {"init_weights": False, "aux_logits": False} if name in ("googlenet", "inception_v3") else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torchvision.models.get_model(name, weights=None, **more)
