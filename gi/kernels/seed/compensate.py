"""Compensates for missing inputs of a part of a layer, by least squares against the whole layer's output."""

from math import ceil

import torch
from torch import Tensor, nn
from torch.nn import functional

_MOST_POSITIONS = 600  # twice as many choose no better weights and cost twice the time
_LEAST_IMAGES = 8
_MOST_UNKNOWNS = 1000  # beyond it the solution costs more than it gains: only the mean is compensated
_SHRINKAGE = 0.03  # of the change, relative to the inputs' mean square: the donor's own weights are a good guess


def compensated(
    weight: Tensor, bias: Tensor, inputs: Tensor, wanted: Tensor, module: nn.Conv2d
) -> tuple[Tensor, Tensor]:
    """Weight (r, c, kh, kw) and bias (r,) changed so that the part approximates the whole layer's output.

    `inputs` (n, c, h, w) are the kept channels, `wanted` (n, r, h', w') the outputs of the whole layer. The change is
    the solution of a ridge regression on positions of several images, as in ThiNet (arXiv 1707.06342).
    """
    unknowns = weight[0].numel()
    if unknowns > _MOST_UNKNOWNS or isinstance(module.padding, str) or module.dilation != (1, 1):
        given = functional.conv2d(inputs, weight, bias, module.stride, module.padding, module.dilation)
        return weight, bias + (wanted - given).mean(dim=(0, 2, 3))
    patches, targets = _positions(inputs, wanted, module)
    residual = targets - bias - patches @ weight.flatten(1).T
    mean, level = patches.mean(dim=0), residual.mean(dim=0)
    centred = patches - mean
    gram = centred.T @ centred
    gram.diagonal().add_(_SHRINKAGE * gram.diagonal().mean() + 1e-6)
    change = torch.cholesky_solve(centred.T @ (residual - level), torch.linalg.cholesky(gram))
    return weight + change.T.reshape(weight.shape), bias + level - mean @ change


def _positions(inputs: Tensor, wanted: Tensor, module: nn.Conv2d) -> tuple[Tensor, Tensor]:
    """(p, c * kh * kw) patches of the inputs and the (p, r) wanted outputs there.

    All positions of a few images, with about twice the number, then every n-th: positions of all images would cost
    several times as much.
    """
    places = wanted.shape[2] * wanted.shape[3]
    images = min(len(inputs), max(_LEAST_IMAGES, ceil(2 * _MOST_POSITIONS / places)))
    padding = (int(module.padding[0]), int(module.padding[1]))
    patches = functional.unfold(inputs[:images], module.kernel_size, padding=padding, stride=module.stride)
    step = max(1, images * places // _MOST_POSITIONS)
    rows = patches.transpose(1, 2).reshape(images * places, -1)[::step]
    return rows, wanted[:images].permute(0, 2, 3, 1).reshape(images * places, -1)[::step]
