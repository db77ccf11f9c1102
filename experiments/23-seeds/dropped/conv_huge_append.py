"""A VGG-like stack of 24 to 200 channels, the wide ones at an eighth of the size."""

import torch
from torch import nn
from torchvision.transforms import v2


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        layers = []
        layers.append(nn.Conv2d(1, 24, 5, stride=2, padding=2, bias=False))
        layers.append(nn.BatchNorm2d(24))
        layers.append(nn.ReLU())
        layers.append(nn.Conv2d(24, 32, 3, padding=1, bias=False))
        layers.append(nn.BatchNorm2d(32))
        layers.append(nn.ReLU())
        layers.append(nn.MaxPool2d(2))
        layers.append(nn.Conv2d(32, 64, 3, padding=1, bias=False))
        layers.append(nn.BatchNorm2d(64))
        layers.append(nn.ReLU())
        layers.append(nn.MaxPool2d(2))
        layers.append(nn.Conv2d(64, 160, 3, padding=1, bias=False))
        layers.append(nn.BatchNorm2d(160))
        layers.append(nn.ReLU())
        layers.append(nn.Conv2d(160, 200, 3, padding=1, bias=False))
        layers.append(nn.BatchNorm2d(200))
        layers.append(nn.ReLU())
        layers.append(nn.AdaptiveAvgPool2d(1))
        layers.append(nn.Flatten())
        layers.append(nn.Linear(200, 10))
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x)


def recipe(net, steps):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.0005)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=steps, pct_start=0.2)
    loss = nn.CrossEntropyLoss(label_smoothing=0.05)
    augmentation = v2.RandomAffine(
        degrees=10, translate=(0.08, 0.08), scale=(0.9, 1.1), interpolation=v2.InterpolationMode.BILINEAR
    )
    return optimizer, scheduler, loss, augmentation
