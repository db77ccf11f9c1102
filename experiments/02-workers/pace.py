"""Runs inside a worker: CPU milliseconds of a training step, by our loop and by the bare minimum, in turn.

Bare is forward, backward and the optimizer's step on one batch that lies ready, in torch's usual layout.
"""

import socket
import statistics
from pathlib import Path

import torch
from torch import nn

from gi.data.dataset import open_dataset
from gi.sandbox.clock import cpu_s
from gi.sandbox.messages import receive, send
from gi.trace.program.candidate import build, load
from gi.trace.program.recipe import make_recipe
from gi.train.batches import Batches
from gi.train.loop import batch_order, fastest_layout, train

STEPS, ROUNDS = 40, 12


def bare(net, recipe, images, labels):
    loss = recipe.loss(net(images), labels)
    recipe.optimizer.zero_grad()
    loss.backward()
    recipe.optimizer.step()


def bare_rounds(net: nn.Module, recipe, images, labels) -> None:
    for _ in range(STEPS):
        bare(net, recipe, images, labels)


def compare(connection: socket.socket) -> None:
    text, path = receive(connection)
    torch.set_num_threads(1)
    dataset = open_dataset(Path(path))
    batches = Batches(dataset, "train", "cpu")
    order = batch_order(batches.num_samples, 64, STEPS, 0)
    module = load(text)
    runs = {}
    for kind in ("bare", "bare, channels last", "ours"):
        net = build(module)
        layout = torch.contiguous_format if kind == "bare" else fastest_layout(net, dataset.task, "cpu")
        recipe = make_recipe(module, net.train(), 100 * STEPS, dataset.task.input_shape)
        images, labels = batches.take(order[0])
        images = images.contiguous(memory_format=layout)
        if kind == "ours":
            runs[kind] = lambda n=net, r=recipe, m=layout: train(n, r, batches, order, layout=m)
        else:
            runs[kind] = lambda n=net, r=recipe, x=images, y=labels: bare_rounds(n, r, x, y)
    times: dict[str, list[float]] = {kind: [] for kind in runs}
    for _ in range(ROUNDS):
        for kind, run in runs.items():
            start = cpu_s()
            run()
            times[kind].append((cpu_s() - start) / STEPS * 1e3)
    send(connection, {kind: statistics.median(values[1:]) for kind, values in times.items()})
