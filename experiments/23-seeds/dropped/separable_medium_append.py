"""A deeper MobileNet: three depthwise-separable convolutions, global average pooling."""

import torch
from torch import nn
from torchvision.transforms import v2


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        layers = []
        layers.append(nn.Conv2d(1, 16, 5, stride=2, padding=2, bias=False))
        layers.append(nn.BatchNorm2d(16))
        layers.append(nn.ReLU())
        layers.append(nn.Conv2d(16, 16, 5, padding=2, groups=16, bias=False))
        layers.append(nn.Conv2d(16, 24, 1, bias=False))
        layers.append(nn.BatchNorm2d(24))
        layers.append(nn.ReLU())
        layers.append(nn.MaxPool2d(2))
        layers.append(nn.Conv2d(24, 24, 5, padding=2, groups=24, bias=False))
        layers.append(nn.Conv2d(24, 32, 1, bias=False))
        layers.append(nn.BatchNorm2d(32))
        layers.append(nn.ReLU())
        layers.append(nn.Conv2d(32, 32, 3, padding=1, groups=32, bias=False))
        layers.append(nn.Conv2d(32, 48, 1, bias=False))
        layers.append(nn.BatchNorm2d(48))
        layers.append(nn.ReLU())
        layers.append(nn.AdaptiveAvgPool2d(1))
        layers.append(nn.Flatten())
        layers.append(nn.Linear(48, 10))
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x)


def recipe(net, steps):
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.02, weight_decay=0.01)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.02, total_steps=steps, pct_start=0.2)
    loss = nn.CrossEntropyLoss()
    augmentation = v2.RandomAffine(degrees=0, translate=(0.08, 0.08))
    return optimizer, scheduler, loss, augmentation
