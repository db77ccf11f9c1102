"""A perceptron with a bottleneck of 16 units straight from the pixels."""

import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(784, 16)
        self.norm1 = nn.BatchNorm1d(16)
        self.fc2 = nn.Linear(16, 10)

    def forward(self, x):
        x = x.view(x.size(0), -1)
        x = F.elu(self.norm1(self.fc1(x)))
        return self.fc2(x)


def recipe(net, steps):
    optimizer = torch.optim.RMSprop(net.parameters(), lr=0.01)
    scheduler = torch.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=steps)
    loss = nn.CrossEntropyLoss()
    augmentation = None
    return optimizer, scheduler, loss, augmentation
