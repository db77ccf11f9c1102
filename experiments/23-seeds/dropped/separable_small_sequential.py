"""Depthwise-separable convolutions of 5x5 behind a strided one, as in a MobileNet."""

import torch
from torch import nn
from torchvision.transforms import v2


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 12, 5, stride=2, padding=2, bias=False),
            nn.BatchNorm2d(12),
            nn.ReLU(),
            nn.Conv2d(12, 12, 5, padding=2, groups=12, bias=False),
            nn.Conv2d(12, 16, 1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 16, 5, padding=2, groups=16, bias=False),
            nn.Conv2d(16, 16, 1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(16, 10),
        )

    def forward(self, x):
        return self.layers(x)


def recipe(net, steps):
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.02, weight_decay=0.01)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.02, total_steps=steps, pct_start=0.2)
    loss = nn.CrossEntropyLoss()
    augmentation = v2.RandomAffine(degrees=0, translate=(0.08, 0.08))
    return optimizer, scheduler, loss, augmentation
