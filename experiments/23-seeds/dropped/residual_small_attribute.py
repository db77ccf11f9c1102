"""A residual network of 8 to 16 channels."""

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.transforms import v2


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 5, stride=2, padding=2, bias=False)
        self.conv1 = nn.Conv2d(8, 12, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(12, 12, 3, padding=1, bias=False)
        self.conv3 = nn.Conv2d(12, 16, 3, padding=1, bias=False)
        self.conv4 = nn.Conv2d(16, 16, 3, padding=1, bias=False)
        self.norm0 = nn.BatchNorm2d(8)
        self.norm1 = nn.BatchNorm2d(12)
        self.norm2 = nn.BatchNorm2d(12)
        self.norm3 = nn.BatchNorm2d(16)
        self.norm4 = nn.BatchNorm2d(16)
        self.fc = nn.Linear(16, 10)

    def forward(self, x):
        x = F.relu(self.norm0(self.stem(x)))
        x = F.relu(self.norm1(self.conv1(x)))
        x = F.max_pool2d(x, 2)
        x = x + F.relu(self.norm2(self.conv2(x)))
        x = F.relu(self.norm3(self.conv3(x)))
        x = x + F.relu(self.norm4(self.conv4(x)))
        x = F.adaptive_avg_pool2d(x, 1)
        x = torch.flatten(x, 1)
        return self.fc(x)


def recipe(net, steps):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.0005)
    warmup = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=max(1, steps // 10))
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    scheduler = torch.optim.lr_scheduler.ChainedScheduler([warmup, decay])
    loss = nn.CrossEntropyLoss()
    augmentation = v2.RandomAffine(degrees=0, translate=(0.08, 0.08))
    return optimizer, scheduler, loss, augmentation
