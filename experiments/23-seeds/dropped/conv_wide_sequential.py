"""Convolutions of 24, 48 and 64 channels that start at a quarter of the size."""

import torch
from torch import nn
from torchvision.transforms import v2


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 24, 5, stride=2, padding=2, bias=False),
            nn.MaxPool2d(2),
            nn.BatchNorm2d(24),
            nn.ReLU(),
            nn.Conv2d(24, 48, 3, padding=1, bias=False),
            nn.BatchNorm2d(48),
            nn.ReLU(),
            nn.Conv2d(48, 64, 3, padding=1, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(256, 10),
        )

    def forward(self, x):
        return self.layers(x)


def recipe(net, steps):
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.01, weight_decay=0.02)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=steps, pct_start=0.2)
    loss = nn.CrossEntropyLoss(label_smoothing=0.05)
    augmentation = v2.RandomAffine(
        degrees=10, translate=(0.08, 0.08), scale=(0.9, 1.1), interpolation=v2.InterpolationMode.BILINEAR
    )
    return optimizer, scheduler, loss, augmentation
