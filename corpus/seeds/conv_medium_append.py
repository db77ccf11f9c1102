"""Two strided convolutions with batch normalisation and a linear layer over all their features."""

import torch
from torch import nn
from torchvision.transforms import v2


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        layers = []
        layers.append(nn.Conv2d(1, 16, 5, stride=2, padding=2))
        layers.append(nn.BatchNorm2d(16))
        layers.append(nn.ReLU())
        layers.append(nn.Conv2d(16, 32, 3, stride=2, padding=1))
        layers.append(nn.BatchNorm2d(32))
        layers.append(nn.ReLU())
        layers.append(nn.Flatten())
        layers.append(nn.Dropout(0.1))
        layers.append(nn.Linear(1568, 10))
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x)


def recipe(net, steps):
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.005, weight_decay=0.01)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=steps)
    loss = nn.CrossEntropyLoss(label_smoothing=0.05)
    augmentation = v2.RandomAffine(degrees=8, translate=(0.05, 0.05))
    return optimizer, scheduler, loss, augmentation
