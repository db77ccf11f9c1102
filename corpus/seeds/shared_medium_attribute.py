"""One convolution of 11 channels used at two scales: under two thousand parameters."""

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.transforms import v2


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 11, 5, stride=2, padding=2, bias=False)
        self.mix = nn.Conv2d(11, 11, 3, padding=1, bias=False)
        self.norm0 = nn.BatchNorm2d(11)
        self.norm1 = nn.BatchNorm2d(11)
        self.norm2 = nn.BatchNorm2d(11)
        self.norm3 = nn.BatchNorm2d(11)
        self.norm4 = nn.BatchNorm2d(11)
        self.fc = nn.Linear(44, 10)

    def forward(self, x):
        x = F.relu(self.norm0(self.stem(x)))
        x = F.relu(self.norm1(self.mix(x)))
        x = F.relu(self.norm2(self.mix(x)))
        x = F.max_pool2d(x, 2)
        x = F.relu(self.norm3(self.mix(x)))
        x = F.relu(self.norm4(self.mix(x)))
        x = F.adaptive_avg_pool2d(x, 2)
        x = torch.flatten(x, 1)
        return self.fc(x)


def recipe(net, steps):
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.02, weight_decay=0.01, fused=True)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.02, total_steps=steps, pct_start=0.2)
    loss = nn.CrossEntropyLoss()
    augmentation = v2.RandomAffine(degrees=0, translate=(0.08, 0.08))
    return optimizer, scheduler, loss, augmentation
