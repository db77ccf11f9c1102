"""A strided convolution and one residual step at a quarter of the resolution."""

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.transforms import v2


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 24, 5, stride=2, padding=2)
        self.conv2 = nn.Conv2d(24, 24, 3, padding=1)
        self.conv3 = nn.Conv2d(24, 24, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(24)
        self.norm2 = nn.BatchNorm2d(24)
        self.fc = nn.Linear(216, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.norm1(self.conv1(x))), 2)
        x = x + F.relu(self.norm2(self.conv2(x)))
        x = F.max_pool2d(F.relu(self.conv3(x)), 2)
        x = x.view(x.size(0), -1)
        return self.fc(x)


def recipe(net, steps):
    optimizer = torch.optim.NAdam(net.parameters(), lr=0.006)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    loss = nn.CrossEntropyLoss(label_smoothing=0.02)
    augmentation = v2.RandomAffine(degrees=10, translate=(0.05, 0.05), scale=(0.9, 1.1))
    return optimizer, scheduler, loss, augmentation
