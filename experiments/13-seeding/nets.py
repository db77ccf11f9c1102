"""The small networks of this experiment, their data in memory, and a training loop that counts steps."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from gi.core.settings import cache_folder
from gi.data.dataset import Dataset, load_dataset, open_split
from gi.sandbox.clock import cpu_s

BATCH = 64
SCORED = 1000  # validation images of one score
EVERY = 4  # steps between two scores, up to 60; twice that later


class Net(nn.Module):
    """Convolutions of 3x3 with ReLU and pooling, one linear layer."""

    def __init__(self, widths=(16, 32, 64), *, norm=False, classes=5, channels=3, kernel=3):
        super().__init__()
        layers = []
        for width in widths:
            layers.append(nn.Conv2d(channels, width, kernel, padding=kernel // 2, bias=not norm))
            layers += [nn.BatchNorm2d(width)] if norm else []
            layers += [nn.ReLU(), nn.MaxPool2d(2)]
            channels = width
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(channels * (16 if classes == 5 else 9), classes)

    def forward(self, x):
        return self.head(torch.flatten(self.features(x), 1))


def dataset(name: str) -> Dataset:
    return load_dataset(name, cache=cache_folder())


def samples(data: Dataset, split: str, classes: range, count: int | None = None, seed: int = 0):
    """Normalised images (n, c, h, w) in the layout that trains fastest, and labels from 0."""
    images, labels = open_split(Path(data.path), split)
    labels = np.asarray(labels)
    chosen = np.flatnonzero(np.isin(labels, classes))
    if count is not None:
        chosen = np.sort(np.random.default_rng(seed).permutation(chosen)[:count])
    x = torch.from_numpy(np.asarray(images[chosen]).astype(np.float32))
    mean, std = (torch.tensor(each).view(1, -1, 1, 1) for each in (data.mean, data.std))
    x = ((x - mean) / std).contiguous(memory_format=torch.channels_last)
    return x, torch.from_numpy(labels[chosen] - classes[0])


class Training:
    """Adam on batches whose order the seed decides. Stands in for a `Recipe` in a race."""

    loss = staticmethod(nn.functional.cross_entropy)

    def __init__(self, net, x, y, *, lr, seed, steps):
        self.net, self.x, self.y = net.to(memory_format=torch.channels_last), x, y
        self.optimizer = torch.optim.Adam(net.parameters(), lr=lr, fused=True)
        generator = torch.Generator().manual_seed(seed)
        rounds = steps * BATCH // len(x) + 1
        order = torch.cat([torch.randperm(len(x), generator=generator) for _ in range(rounds)])
        self.order = order[: steps * BATCH].view(steps, BATCH)

    def step(self, chosen) -> float:
        self.net.train()
        self.optimizer.zero_grad()
        loss = self.loss(self.net(self.x[chosen]), self.y[chosen])
        loss.backward()
        self.optimizer.step()
        return float(loss.detach())

    def curve(self, held, *, done=0) -> list[tuple[int, float]]:
        """(step, accuracy) from step `done` to the end."""
        points = [(done, accuracy(self.net, *held))]
        for number, chosen in enumerate(self.order[done:], start=done + 1):
            self.step(chosen)
            if number % (EVERY if number <= 60 else 2 * EVERY) == 0 or number == len(self.order):
                points.append((number, accuracy(self.net, *held)))
        return points


@torch.no_grad()
def accuracy(net, x, y) -> float:
    net.eval()
    return float(torch.cat([net(part) for part in x.split(250)]).argmax(1).eq(y).float().mean())


def step_cpu_s(training: Training) -> float:
    """CPU seconds of one step, the least of a few: what else runs here only adds."""
    times = []
    for chosen in training.order[:6]:
        start = cpu_s()
        training.step(chosen)
        times.append(cpu_s() - start)
    return min(times)


def steps_to(curve, level: float) -> float | None:
    """Where the curve, smoothed over three scores, first reaches a level; None where it never does."""
    values = [np.mean([a for _, a in curve[max(0, n - 1) : n + 2]]) for n in range(len(curve))]
    for n, value in enumerate(values):
        if value >= level:
            if not n:
                return float(max(1, curve[0][0]))
            (s0, _), (s1, _) = curve[n - 1], curve[n]
            return s0 + (s1 - s0) * (level - values[n - 1]) / (value - values[n - 1])
    return None


def final(curve) -> float:
    return float(np.mean([a for _, a in curve[-4:]]))
