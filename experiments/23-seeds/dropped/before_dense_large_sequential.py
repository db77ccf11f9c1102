"""LeNet-300-100, its first layer normalised, with leaky rectified units."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(784, 300),
            nn.BatchNorm1d(300),
            nn.LeakyReLU(0.05),
            nn.Linear(300, 100),
            nn.LeakyReLU(0.05),
            nn.Linear(100, 10),
        )

    def forward(self, x):
        return self.layers(x)


def recipe(net, steps):
    optimizer = torch.optim.Adamax(net.parameters(), lr=0.01)
    scheduler = torch.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=steps, power=1.5)
    loss = nn.CrossEntropyLoss(label_smoothing=0.05)
    augmentation = None
    return optimizer, scheduler, loss, augmentation
