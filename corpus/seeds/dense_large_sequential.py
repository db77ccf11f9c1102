"""LeNet-300-100 with ELU units, trained on slightly shifted images."""

import torch
from torch import nn
from torchvision.transforms import v2


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(784, 300),
            nn.BatchNorm1d(300),
            nn.ELU(),
            nn.Linear(300, 100),
            nn.ELU(),
            nn.Linear(100, 10),
        )

    def forward(self, x):
        return self.layers(x)


def recipe(net, steps):
    optimizer = torch.optim.Adamax(net.parameters(), lr=0.006)
    scheduler = torch.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=steps, power=1.5)
    loss = nn.CrossEntropyLoss(label_smoothing=0.05)
    augmentation = v2.RandomAffine(degrees=3, translate=(0.02, 0.02))
    return optimizer, scheduler, loss, augmentation
