"""Three convolutions with group normalisation and SiLU units, pooled to 3x3 before the classifier."""

import torch
from torch import nn
from torchvision.transforms import v2


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 32, kernel_size=4, stride=2, padding=1),
            nn.GroupNorm(4, 32),
            nn.SiLU(),
            nn.Conv2d(32, 64, kernel_size=3, stride=2, padding=1),
            nn.GroupNorm(8, 64),
            nn.SiLU(),
            nn.Conv2d(64, 96, kernel_size=3, stride=2, padding=1),
            nn.GroupNorm(8, 96),
            nn.SiLU(),
            nn.AdaptiveMaxPool2d(3),
            nn.Flatten(),
            nn.Linear(864, 96),
            nn.SiLU(),
            nn.Dropout(0.2),
            nn.Linear(96, 10),
        )

    def forward(self, x):
        return self.layers(x)


def recipe(net, steps):
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.004, weight_decay=0.02)
    warmup = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=steps // 10)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    scheduler = torch.optim.lr_scheduler.ChainedScheduler([warmup, decay])
    loss = nn.CrossEntropyLoss(label_smoothing=0.05)
    augmentation = v2.Compose([v2.RandomRotation(8), v2.RandomErasing(p=0.2, scale=(0.02, 0.1))])
    return optimizer, scheduler, loss, augmentation
