"""A space of convolutional networks with their recipes, as wide as a careful user of Optuna would write it."""

import optuna

from gi.core.types import Task

TEXT = """import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        layers = []
        {layers}
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x)


def recipe(net, steps):
    optimizer = {optimizer}
    scheduler = {scheduler}
    loss = nn.CrossEntropyLoss(label_smoothing={smoothing})
    augmentation = None
    return optimizer, scheduler, loss, augmentation
"""


def sample(trial: optuna.Trial, task: Task) -> str:
    """The program of a trial for images of `task`."""
    layers = [f"layers.append({layer})" for layer in _layers(trial, task)]
    kind, rate = (
        trial.suggest_categorical("opt", ["Adam", "AdamW", "NAdam", "SGD"]),
        trial.suggest_float("lr", 1e-3, 1e-1, log=True),
    )
    if kind == "SGD":
        settings = f"lr={rate:.5f}, momentum=0.9, nesterov=True, weight_decay=5e-4"
    else:
        rate /= 3
        settings = f"lr={rate:.5f}"
    if trial.suggest_categorical("sched", ["onecycle", "cosine"]) == "onecycle":
        scheduler = f"torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr={rate:.5f}, total_steps=steps)"
    else:
        scheduler = "torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)"
    return TEXT.format(
        layers="\n        ".join(layers),
        optimizer=f"torch.optim.{kind}(net.parameters(), {settings})", scheduler=scheduler,
        smoothing=trial.suggest_categorical("smooth", [0.0, 0.05, 0.1]),
    )  # fmt: skip


def _layers(trial: optuna.Trial, task: Task) -> list[str]:
    channels, *size = task.input_shape
    norm = trial.suggest_categorical("norm", [True, False])
    activation = f"nn.{trial.suggest_categorical('act', ['ReLU', 'SiLU', 'GELU', 'LeakyReLU', 'ELU'])}()"
    layers: list[str] = []
    for n in range(trial.suggest_int("blocks", 1, 4)):
        width, kernel = trial.suggest_int(f"w{n}", 4, 64, log=True), trial.suggest_categorical(f"k{n}", [3, 5, 1])
        stride = trial.suggest_categorical(f"s{n}", [1, 2])
        form = f"{kernel}, stride={stride}, padding={kernel // 2}"
        size = [(side - 1) // stride + 1 for side in size]
        separable = trial.suggest_categorical(f"sep{n}", [False, True])
        pools = trial.suggest_categorical(f"pool{n}", ["none", "max"]) == "max"
        if separable and n:
            layers.append(f"nn.Conv2d({channels}, {channels}, {form}, groups={channels})")
            layers.append(f"nn.Conv2d({channels}, {width}, 1)")
        else:
            layers.append(f"nn.Conv2d({channels}, {width}, {form})")
        channels = width
        layers += [f"nn.BatchNorm2d({channels})"] * norm + [activation]
        if pools:
            layers.append("nn.MaxPool2d(2, ceil_mode=True)")
            size = [(side + 1) // 2 for side in size]
    head = {"gap": 1, "pool2": 2, "pool4": 4}.get(trial.suggest_categorical("head", ["gap", "pool2", "pool4", "flat"]))
    if head is not None:
        layers.append(f"nn.AdaptiveAvgPool2d({head})")
        size = [head, head]
    layers.append("nn.Flatten()")
    features, hidden = channels * size[0] * size[1], trial.suggest_categorical("hidden", [0, 32, 64, 128])
    if hidden:
        layers += [f"nn.Linear({features}, {hidden})", activation]
    if dropout := trial.suggest_categorical("drop", [0.0, 0.2]):
        layers.append(f"nn.Dropout({dropout})")
    return [*layers, f"nn.Linear({hidden or features}, {task.num_classes})"]
