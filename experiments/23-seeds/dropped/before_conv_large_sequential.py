"""Three convolutions with group normalisation and SiLU units before a hidden layer of 96 units."""

import torch
from torch import nn
from torchvision.transforms import v2


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 24, kernel_size=4, stride=2, padding=1),
            nn.MaxPool2d(2),
            nn.GroupNorm(4, 24),
            nn.SiLU(),
            nn.Conv2d(24, 48, kernel_size=3, padding=1),
            nn.GroupNorm(6, 48),
            nn.SiLU(),
            nn.Conv2d(48, 80, kernel_size=3, stride=2, padding=1),
            nn.GroupNorm(8, 80),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(1280, 96),
            nn.SiLU(),
            nn.Dropout(0.2),
            nn.Linear(96, 10),
        )

    def forward(self, x):
        return self.layers(x)


def recipe(net, steps):
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.005, weight_decay=0.02)
    warmup = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=steps // 10)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    scheduler = torch.optim.lr_scheduler.ChainedScheduler([warmup, decay])
    loss = nn.CrossEntropyLoss(label_smoothing=0.1)
    augmentation = v2.RandomErasing(p=0.3, scale=(0.02, 0.1))
    return optimizer, scheduler, loss, augmentation
