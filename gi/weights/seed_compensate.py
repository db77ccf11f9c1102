"""Makes up for the inputs that a part of a layer has lost, by least squares against what the whole layer gives."""

import torch
from torch import Tensor, nn
from torch.nn import functional

_MOST_POSITIONS = 2000
_MOST_UNKNOWNS = 1000  # beyond it the solution costs more than it gains: then only the mean is made up for
_SHRINKAGE = 0.03  # of the change, relative to the inputs' mean square: the donor's own weights are a good guess


def compensated(
    weight: Tensor, bias: Tensor, inputs: Tensor, wanted: Tensor, module: nn.Conv2d
) -> tuple[Tensor, Tensor]:
    """Weight (r, c, kh, kw) and bias (r,) changed so that the part gives what the whole gave, as nearly as it can.

    `inputs` (n, c, h, w) are the channels that came along, `wanted` (n, r, h', w') the outputs of the whole layer. The
    change is the solution of a ridge regression on positions spread over the batch, as in ThiNet (arXiv 1707.06342).
    """
    given = functional.conv2d(inputs, weight, bias, module.stride, module.padding, module.dilation)
    missing = wanted - given
    unknowns = weight[0].numel()
    if unknowns > _MOST_UNKNOWNS or isinstance(module.padding, str) or module.dilation != (1, 1):
        return weight, bias + missing.mean(dim=(0, 2, 3))
    patches, residual = _positions(inputs, missing, module)
    mean, level = patches.mean(dim=0), residual.mean(dim=0)
    centred = patches - mean
    gram = centred.T @ centred
    gram.diagonal().add_(_SHRINKAGE * gram.diagonal().mean() + 1e-6)
    change = torch.linalg.solve(gram, centred.T @ (residual - level))
    return weight + change.T.reshape(weight.shape), bias + level - mean @ change


def _positions(inputs: Tensor, missing: Tensor, module: nn.Conv2d) -> tuple[Tensor, Tensor]:
    """(p, c * kh * kw) patches of the inputs and the (p, r) outputs that are missing there."""
    top, left = int(module.padding[0]), int(module.padding[1])
    padded = functional.pad(inputs, (left, left, top, top))
    (kh, kw), (sh, sw) = module.kernel_size, module.stride
    windows = padded.unfold(2, kh, sh).unfold(3, kw, sw)  # (n, c, h', w', kh, kw), a view
    n, _, height, width = missing.shape
    count = min(_MOST_POSITIONS, n * height * width)
    picked = torch.linspace(0, n * height * width - 1, count).long()
    sample, row, column = picked // (height * width), picked // width % height, picked % width
    patches = windows[sample, :, row, column].reshape(count, -1)
    return patches, missing[sample, :, row, column]
