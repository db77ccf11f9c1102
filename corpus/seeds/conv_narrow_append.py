"""Three narrow convolutions at two scales, averaged down to 2x2."""

import torch
from torch import nn
from torchvision.transforms import v2


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        layers = []
        layers.append(nn.Conv2d(1, 8, 5, stride=2, padding=2, bias=False))
        layers.append(nn.BatchNorm2d(8))
        layers.append(nn.ReLU())
        layers.append(nn.Conv2d(8, 10, 3, padding=1, bias=False))
        layers.append(nn.BatchNorm2d(10))
        layers.append(nn.ReLU())
        layers.append(nn.MaxPool2d(2))
        layers.append(nn.Conv2d(10, 16, 3, padding=1, bias=False))
        layers.append(nn.BatchNorm2d(16))
        layers.append(nn.ReLU())
        layers.append(nn.AdaptiveAvgPool2d(2))
        layers.append(nn.Flatten())
        layers.append(nn.Linear(64, 10))
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x)


def recipe(net, steps):
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.02, weight_decay=0.01, fused=True)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.02, total_steps=steps, pct_start=0.2)
    loss = nn.CrossEntropyLoss()
    augmentation = v2.RandomAffine(degrees=0, translate=(0.08, 0.08))
    return optimizer, scheduler, loss, augmentation
