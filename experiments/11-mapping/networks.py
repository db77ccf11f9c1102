"""The networks that the mapping is tested on: torchvision's architectures with random weights, and some of our own."""

import contextlib
import sys
import warnings

import torch
from torch import nn

TORCHVISION = {
    "resnet18": 64, "resnet50": 64, "resnext50_32x4d": 64, "wide_resnet50_2": 64, "densenet121": 64, "googlenet": 64,
    "inception_v3": 96, "mobilenet_v2": 64, "mobilenet_v3_small": 64, "mobilenet_v3_large": 64,
    "shufflenet_v2_x0_5": 64, "shufflenet_v2_x1_0": 64, "squeezenet1_1": 64, "efficientnet_b0": 64, "mnasnet0_5": 64,
    "regnet_y_400mf": 64, "vgg11_bn": 224,
}  # fmt: skip


#: Architectures of timm with random weights, at image sizes that they take.
TIMM = {
    "skresnet18": 64, "resnest14d": 64, "res2net50_14w_8s": 64, "ghostnet_100": 64, "repvgg_a0": 64, "nf_resnet26": 64,
    "resnetv2_50": 64, "resnetv2_50d_gn": 64, "ese_vovnet19b_dw": 64, "gcresnext26ts": 64, "dla34": 64, "mixnet_s": 64,
    "hrnet_w18_small": 64, "cspresnet50": 64, "rexnet_100": 64, "tresnet_m": 64, "lcnet_050": 64, "mobileone_s0": 64,
    "dpn48b": 64, "selecsls42": 64, "cs3darknet_s": 64, "convnext_atto": 64, "poolformer_s12": 64,
    "tiny_vit_5m_224": 96,
}  # fmt: skip


#: Those that the exporter of torch.export writes too.
DYNAMO = (
    "resnet18", "shufflenet_v2_x0_5", "skresnet18", "ghostnet_100", "nf_resnet26", "mixnet_s", "lcnet_050",
    "convnext_atto", "poolformer_s12", "tiny_vit_5m_224", "candy", "reparametrised", "merging", "unet", "channels_last",
    "fastestdet_shuffle", "gates", "mixture",
)  # fmt: skip


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


class Candy(nn.Module):
    """The transformer of pytorch's fast neural style: mirrored pads, instance norms, residuals, nearest upsampling."""

    def __init__(self, width=8):
        super().__init__()
        self.down = nn.Sequential(*self.layer(3, width, 9), *self.layer(width, 2 * width, 3, 2))
        self.blocks = nn.ModuleList(
            nn.Sequential(*self.layer(2 * width, 2 * width, 3), *self.layer(2 * width, 2 * width, 3)[:-1])
            for _ in range(3)
        )
        self.up = nn.Sequential(*self.layer(2 * width, width, 3))
        self.end = nn.Sequential(nn.ReflectionPad2d(4), nn.Conv2d(width, 3, 9))

    @staticmethod
    def layer(into, out, size, stride=1):
        pad = nn.ReflectionPad2d(size // 2)
        return [pad, nn.Conv2d(into, out, size, stride), nn.InstanceNorm2d(out, affine=True), nn.ReLU()]

    def forward(self, x):
        x = self.down(x)
        for block in self.blocks:
            x = x + block(x)
        return self.end(self.up(nn.functional.interpolate(x, scale_factor=2, mode="nearest")))


class Reparametrised(nn.Module):
    """Weights behind others: spectral norm, weight norm, standardisation, low rank, a gate, pruning."""

    def __init__(self):
        super().__init__()
        self.spectral = nn.utils.spectral_norm(nn.Conv2d(3, 8, 3, padding=1))
        self.normed = nn.utils.parametrizations.weight_norm(nn.Conv2d(8, 8, 3, padding=1))
        self.standard, self.low, self.gated = (nn.Conv2d(8, 8, 3, padding=1) for _ in range(3))
        self.a, self.b = nn.Parameter(torch.randn(8, 2)), nn.Parameter(torch.randn(2, 72))
        self.gate, self.mask = nn.Parameter(torch.randn(8, 1, 1, 1)), nn.Parameter(torch.randn(4, 8, 3, 3))

    def forward(self, x):
        x = torch.relu(self.normed(torch.relu(self.spectral(x))))
        w = self.standard.weight
        w = (w - w.mean((1, 2, 3), keepdim=True)) / (w.std((1, 2, 3), keepdim=True) + 1e-5)
        x = nn.functional.conv2d(x, w, self.standard.bias, padding=1)
        x = nn.functional.conv2d(x, self.low.weight + (self.a @ self.b).view(8, 8, 3, 3), padding=1)
        x = nn.functional.conv2d(x, self.gated.weight * torch.sigmoid(self.gate), padding=1)
        return nn.functional.conv2d(x, self.mask.repeat(2, 1, 1, 1).flip(0), padding=1)


class Merging(nn.Module):
    """Stacks summed along each axis, maxout, unbound and stacked channels, mirrored and shortened shortcuts."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(3, 8, 3, padding=1)
        self.c, self.d, self.e, self.f = (nn.Conv2d(n, 8, 3, padding=1) for n in (8, 8, 4, 8))
        self.g = nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.h, self.i = nn.Conv2d(16, 8, 1), nn.Conv2d(12, 4, 1)

    def forward(self, x):
        a, b = self.a(x), self.b(x)
        x = self.c(torch.stack([a, b]).sum(0)) + self.d(torch.stack([a, b], -1).mean(-1))
        x = self.e(x.view(x.shape[0], 2, 4, *x.shape[2:]).amax(1))
        x = self.f(torch.stack(torch.unbind(x, 1)[::-1], 1))
        y = self.g(x) + nn.functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 4, 4), value=0.5)
        y = self.h(torch.roll(y, 3, 1))
        y = torch.cat([y[:, ::2], y[:, [7, 0, 3, 3]], torch.chunk(y, 2, 1)[1]], 1)
        return self.i(y)


class UNet(nn.Module):
    """Down by pooling, up by transposed convolutions, skips cut to size, attention over channels and over places."""

    def __init__(self, width=8):
        super().__init__()
        self.one, self.two = nn.Conv2d(3, width, 3), nn.Conv2d(width, 2 * width, 3)
        self.up = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.place, self.channel = nn.Conv2d(2, 1, 7, padding=3), nn.Conv2d(2 * width, 2 * width, 1)
        self.end = nn.Conv2d(2 * width, 4, 3)

    def forward(self, x):
        one = torch.relu(self.one(x))
        low = torch.relu(self.two(nn.functional.max_pool2d(one, 2)))
        up = self.up(low)
        x = torch.cat([one[:, :, 2 : 2 + up.shape[2], 2 : 2 + up.shape[3]], up], 1)
        x = x * torch.sigmoid(self.channel(x.mean((2, 3), keepdim=True)))
        x = x * torch.sigmoid(self.place(torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)))
        return self.end(x)


class ChannelsLast(nn.Module):
    """What networks of channels-last blocks do: permutes, layer norms, gates of halves, unshuffled pixels."""

    def __init__(self):
        super().__init__()
        self.stem, self.deep = nn.Conv2d(12, 16, 3, padding=1), nn.Conv2d(16, 16, 7, padding=3, groups=16)
        self.norm, self.gamma = nn.LayerNorm(16), nn.Parameter(torch.randn(16))
        self.mix, self.out, self.group = nn.Conv2d(16, 32, 1), nn.Conv2d(16, 16, 1), nn.GroupNorm(4, 16)
        self.end = nn.Conv2d(4, 4, 1)

    def forward(self, x):
        x = self.stem(nn.functional.pixel_unshuffle(x, 2))
        y = self.norm(self.deep(x).permute(0, 2, 3, 1)) * self.gamma
        first, second = self.mix(y.permute(0, 3, 1, 2)).chunk(2, 1)
        x = x + self.group(self.out(first * torch.sigmoid(second)))
        return self.end(nn.functional.pixel_shuffle(x, 2))


MORE = {
    "candy": Candy,
    "reparametrised": Reparametrised,
    "merging": Merging,
    "unet": UNet,
    "channels_last": ChannelsLast,
}


def shuffles():
    """Three blocks of FastestDet's backbone."""
    stem = nn.Conv2d(3, 24, 3, stride=2, padding=1)
    return nn.Sequential(stem, Shuffle(24), Shuffle(24), Shuffle(24), nn.Conv2d(24, 8, 1))


def gates():
    """Two blocks of gates."""
    return nn.Sequential(nn.Conv2d(3, 12, 3, padding=1), Gate(12), nn.Conv2d(12, 6, 1), Gate(6), nn.Conv2d(6, 4, 1))


OWN = {"fastestdet_shuffle": shuffles, "gates": gates, "mixture": Mixture}


def export(network, size, path, opset=17):
    """Writes a network as ONNX by the TorchScript exporter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network.eval(), (torch.zeros(1, 3, size, size),), path, dynamo=False, opset_version=opset)


def export_dynamo(network, size, path):
    """Writes a network as ONNX by the exporter of torch.export, as it is by default."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(sys.stderr):
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network.eval(), (torch.zeros(1, 3, size, size),), path, dynamo=True, external_data=False, verbose=False
        )


def timm_network(name):
    """An architecture of timm with random weights."""
    from gi.core.compat import allow_torchvision

    allow_torchvision()
    import timm

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = timm.create_model(name, pretrained=False, exportable=True)
    for module in network.modules():  # twelve scales of 0.1 in a row hide any change
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
    return network


def torchvision_network(name):
    """An architecture of torchvision with random weights."""
    from gi.core.compat import allow_torchvision

    allow_torchvision()
    import torchvision

    more = {"init_weights": False, "aux_logits": False} if name in ("googlenet", "inception_v3") else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torchvision.models.get_model(name, weights=None, **more)
