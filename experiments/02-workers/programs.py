"""The programs that are timed: one dense, one strided and one pooled network, with the same recipe."""

HEAD = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential({})

    def forward(self, x):
        return self.layers(x)

def recipe(net, steps):
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.003)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=steps)
    return optimizer, scheduler, nn.CrossEntropyLoss(), None
"""
LAYERS = {
    "dense": "nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10)",
    "strided": "nn.Conv2d(1, 8, 3, 2), nn.ReLU(), nn.Conv2d(8, 16, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(576, 10)",
    "pooled": "nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2), "
    "nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), "
    "nn.Linear(1568, 10)",
}
PROGRAMS = {name: HEAD.format(layers) for name, layers in LAYERS.items()}
