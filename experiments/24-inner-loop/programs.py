"""The programs that are timed: small networks for MNIST in current practice, all with one recipe."""

_HEAD = """
import torch
from torch import nn


def block(i, o, k=3, s=1, g=1):
    return [nn.Conv2d(i, o, k, s, k // 2, groups=g, bias=False), nn.BatchNorm2d(o), nn.ReLU()]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential({})

    def forward(self, x):
        return self.layers(x)


def recipe(net, steps):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=5e-4)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.05, total_steps=steps)
    return optimizer, scheduler, nn.CrossEntropyLoss(), None
"""
_END = "nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear({}, 10)"
_LAYERS = {
    "strided, 694": f"*block(1, 4, s=2), *block(4, 8, s=2), *block(8, 4, s=2), {_END.format(4)}",
    "pooled, 2,426": "*block(1, 8), nn.MaxPool2d(2), *block(8, 12), nn.MaxPool2d(2), *block(12, 12), "
    + _END.format(12),
    "depthwise, 2,698": "*block(1, 16, s=2), *block(16, 16, g=16), *block(16, 32, 1), nn.MaxPool2d(2), "
    f"*block(32, 32, g=32), *block(32, 32, 1), {_END.format(32)}",
    "pooled, 19,258": "*block(1, 16), nn.MaxPool2d(2), *block(16, 32), nn.MaxPool2d(2), *block(32, 48), "
    + _END.format(48),
    "dense, 50,890": "nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10)",
}
PROGRAMS = {name: _HEAD.format(layers) for name, layers in _LAYERS.items()}
