"""The last dense layer of a network fitted to the features below it, in closed form.

A network that starts from donors has features that separate the classes, under a last layer that was not fitted to
them, and spends its first steps on that layer alone. Ridge regression (Hoerl and Kennard 1970) on a few batches sets
it. The scale of what comes out is the one that predicts each sample best from the others, which the regression tells
without being fitted again (Allen 1974, "PRESS"). Runs in the worker.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax, one_hot

_SCALES = (0.5, 1.0, 1.5)  # times half the number of classes; louder outputs predict better and train worse

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class _DenseInput:
    """The last dense layer of a network in one run: its input (n, features), and what becomes of its output."""

    layer: nn.Linear
    features: Tensor
    after: Callable[[Tensor], Tensor]
    output: Tensor


def fit_readout(net: nn.Module, images: Tensor, labels: Tensor, loss: Loss) -> nn.Linear | None:
    """Sets the last dense layer by these samples; the layer, or None where that would not lower the loss on them.

    `images` (n, c, h, w) are normalised as in training, `labels` (n,). Nothing changes in a network whose output is not
    that of a dense layer with a bias, or its log-softmax.
    """
    seen = _last_dense(net, images)
    if seen is None:
        return None
    x = seen.features
    classes = seen.layer.out_features
    mean, y = x.mean(0), one_hot(labels, classes).double()
    left_out, dual = _regressed(x - mean, y)
    scales = (times * classes / 2 for times in _SCALES)
    losses = {scale: float(loss(seen.after((left_out * scale).float()), labels)) for scale in scales}
    scale = min(losses, key=losses.__getitem__)
    if not losses[scale] < float(loss(seen.output, labels)):
        return None
    weight = dual.float().T @ (x - mean) * scale
    seen.layer.weight.data.copy_(weight)
    seen.layer.bias.data.copy_(y.mean(0) * scale - weight @ mean)
    return seen.layer


def _regressed(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """What each sample is predicted from the others, and the weights on the samples (the dual form); `x` is centred.

    The ridge is the mean of the samples' squared lengths.
    """
    inner = (x @ x.T).double()
    ridge = inner.diagonal().mean()
    inverse = torch.linalg.inv(inner + ridge * torch.eye(len(x), dtype=inner.dtype))
    dual = inverse @ (y - y.mean(0))
    return y - ridge * dual / (ridge * inverse.diagonal() - 1 / len(x))[:, None], dual


def _last_dense(net: nn.Module, images: Tensor) -> _DenseInput | None:
    dense: list[tuple[nn.Linear, Tensor, Tensor]] = []

    def note(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        assert isinstance(layer, nn.Linear)
        dense.append((layer, inputs[0], output))

    hooks = [m.register_forward_hook(note) for m in net.modules() if type(m) is nn.Linear]
    try:
        with torch.no_grad():
            output = net(images)
    finally:
        for hook in hooks:
            hook.remove()
    if not dense or not isinstance(dense[-1][0].weight, nn.Parameter) or dense[-1][0].bias is None:
        return None
    layer, features, last = dense[-1]
    if features.dim() != 2 or last.shape != output.shape:
        return None
    ways: tuple[Callable[[Tensor], Tensor], ...] = (lambda out: out, lambda out: log_softmax(out, dim=1))
    after = next((way for way in ways if torch.allclose(way(last), output, atol=1e-5)), None)
    return _DenseInput(layer, features, after, output) if after is not None else None
