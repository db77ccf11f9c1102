"""Four convolutions at two scales, the last one used twice: under ten thousand parameters."""

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.transforms import v2


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv0 = nn.Conv2d(1, 12, 5, stride=2, padding=2, bias=False)
        self.norm0 = nn.BatchNorm2d(12)
        self.conv1 = nn.Conv2d(12, 12, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(12)
        self.conv2 = nn.Conv2d(12, 22, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(22)
        self.conv3 = nn.Conv2d(22, 22, 3, padding=1, bias=False)
        self.norm3 = nn.BatchNorm2d(22)
        self.norm4 = nn.BatchNorm2d(22)
        self.fc = nn.Linear(88, 10)

    def forward(self, x):
        x = F.relu(self.norm0(self.conv0(x)))
        x = F.relu(self.norm1(self.conv1(x)))
        x = F.max_pool2d(x, 2)
        x = F.relu(self.norm2(self.conv2(x)))
        x = F.relu(self.norm3(self.conv3(x)))
        x = F.relu(self.norm4(self.conv3(x)))
        x = F.adaptive_avg_pool2d(x, 2)
        x = torch.flatten(x, 1)
        return self.fc(x)


def recipe(net, steps):
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.02, weight_decay=0.01, fused=True)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.02, total_steps=steps, pct_start=0.2)
    loss = nn.CrossEntropyLoss(label_smoothing=0.05)
    augmentation = v2.RandomAffine(degrees=0, translate=(0.08, 0.08))
    return optimizer, scheduler, loss, augmentation
