"""A VGG-like stack that widens at a quarter of the size, with a hidden layer of 64 units."""

import torch
from torch import nn
from torchvision.transforms import v2


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        layers = []
        layers.append(nn.Conv2d(1, 24, 5, stride=2, padding=2))
        layers.append(nn.MaxPool2d(2))
        layers.append(nn.BatchNorm2d(24))
        layers.append(nn.ReLU())
        layers.append(nn.Conv2d(24, 48, 3, padding=1))
        layers.append(nn.BatchNorm2d(48))
        layers.append(nn.ReLU())
        layers.append(nn.Conv2d(48, 64, 3, padding=1))
        layers.append(nn.BatchNorm2d(64))
        layers.append(nn.ReLU())
        layers.append(nn.Flatten())
        layers.append(nn.Linear(3136, 64))
        layers.append(nn.ReLU())
        layers.append(nn.Dropout(0.2))
        layers.append(nn.Linear(64, 10))
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x)


def recipe(net, steps):
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.003, weight_decay=0.02)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.008, total_steps=steps)
    loss = nn.CrossEntropyLoss(label_smoothing=0.1)
    augmentation = v2.RandomAffine(degrees=5, translate=(0.03, 0.03))
    return optimizer, scheduler, loss, augmentation
