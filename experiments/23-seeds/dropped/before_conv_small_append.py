"""Two small strided convolutions, averaged down to 2x2: under a thousand parameters."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        layers = []
        layers.append(nn.Conv2d(1, 4, 5, stride=2, padding=2))
        layers.append(nn.BatchNorm2d(4))
        layers.append(nn.ReLU())
        layers.append(nn.Conv2d(4, 8, 3, stride=2, padding=1))
        layers.append(nn.BatchNorm2d(8))
        layers.append(nn.ReLU())
        layers.append(nn.AdaptiveAvgPool2d(2))
        layers.append(nn.Flatten())
        layers.append(nn.Linear(32, 10))
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x)


def recipe(net, steps):
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.05, total_steps=steps)
    loss = nn.CrossEntropyLoss()
    augmentation = None
    return optimizer, scheduler, loss, augmentation
