"""A perceptron whose middle layer adds to what it receives."""

import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(784, 64)
        self.fc2 = nn.Linear(64, 64)
        self.fc3 = nn.Linear(64, 10)
        self.norm = nn.BatchNorm1d(64)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x):
        x = torch.flatten(x, 1)
        x = F.silu(self.norm(self.fc1(x)))
        x = x + F.silu(self.fc2(x))
        x = self.dropout(x)
        return self.fc3(x)


def recipe(net, steps):
    optimizer = torch.optim.RAdam(net.parameters(), lr=0.02)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps, eta_min=0.0001)
    loss = nn.CrossEntropyLoss(label_smoothing=0.05)
    augmentation = None
    return optimizer, scheduler, loss, augmentation
