"""Small torch networks as donors, without an index: what the reader would give for their exported files."""

import numpy as np
from torch import nn

from gi.kernels.donors.donors import DonorBatchNorm, DonorLayer, chain


def stack(*widths, image=3, norm=False, bias=True, pool=True, kernel=3):
    """Convolution, perhaps normalisation, ReLU, perhaps pooling, for each width."""
    layers, channels = [], image
    for width in widths:
        layers.append(nn.Conv2d(channels, width, kernel, padding=kernel // 2, bias=bias))
        layers += [nn.BatchNorm2d(width)] if norm else []
        layers += [nn.ReLU(), nn.MaxPool2d(2)] if pool else [nn.ReLU()]
        channels = width
    return nn.Sequential(*layers)


def donor(name, net, *, first_id=0):
    """A chain of the convolutions of a stack."""
    modules = list(net)
    layers = []
    for n, module in enumerate(modules):
        if isinstance(module, nn.Conv2d):
            bias = None if module.bias is None else array(module.bias)
            layers.append(
                DonorLayer(first_id + n, str(n), array(module.weight), (), bias, _norm(*modules[n + 1 : n + 2]))
            )
    return chain(name, layers)


def _norm(module=None):
    if not isinstance(module, nn.BatchNorm2d):
        return None
    return DonorBatchNorm(
        *map(array, (module.weight, module.bias, module.running_mean, module.running_var)), module.eps
    )


def array(tensor):
    return np.array(tensor.detach().numpy(), np.float32)
