"""A GELU perceptron with layer normalisation on an image averaged down to half its size."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.AvgPool2d(2),
            nn.Flatten(),
            nn.Linear(196, 96),
            nn.LayerNorm(96),
            nn.GELU(),
            nn.Linear(96, 48),
            nn.GELU(),
            nn.Linear(48, 10),
        )

    def forward(self, x):
        return self.layers(x)


def recipe(net, steps):
    optimizer = torch.optim.NAdam(net.parameters(), lr=0.006)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=1.0, end_factor=0.02, total_iters=steps)
    loss = nn.CrossEntropyLoss(label_smoothing=0.05)
    augmentation = None
    return optimizer, scheduler, loss, augmentation
