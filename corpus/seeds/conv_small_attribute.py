"""Two small convolutions, each followed by max pooling, and one linear layer."""

import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 5, stride=2, padding=2)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.fc = nn.Linear(144, 10)

    def forward(self, x):
        x = F.relu(F.max_pool2d(self.conv1(x), 2))
        x = F.relu(F.max_pool2d(self.conv2(x), 2))
        x = torch.flatten(x, 1)
        return self.fc(x)


def recipe(net, steps):
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01, fused=True)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=1.0, end_factor=0.02, total_iters=steps)
    loss = nn.CrossEntropyLoss(label_smoothing=0.02)
    augmentation = None
    return optimizer, scheduler, loss, augmentation
