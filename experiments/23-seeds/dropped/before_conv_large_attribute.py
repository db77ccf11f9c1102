"""The network of many tutorials, two convolutions and two linear layers, with a strided start."""

import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 20, 5, stride=2, padding=2)
        self.conv2 = nn.Conv2d(20, 40, 3, padding=1)
        self.dropout1 = nn.Dropout2d(0.1)
        self.dropout2 = nn.Dropout(0.2)
        self.fc1 = nn.Linear(1960, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        x = F.relu(F.max_pool2d(self.conv1(x), 2))
        x = F.relu(self.conv2(x))
        x = self.dropout1(x)
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = self.dropout2(x)
        return F.log_softmax(self.fc2(x), dim=1)


def recipe(net, steps):
    optimizer = torch.optim.Adam(net.parameters(), lr=0.004)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=max(1, steps // 8), gamma=0.6)
    loss = nn.NLLLoss()
    augmentation = None
    return optimizer, scheduler, loss, augmentation
