"""Every member of a front, exported and tidied, in a process that can import torch and nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gi.archive import Archive, Generation
from gi.core.objectives import OBJECTIVES
from gi.core.settings import RunConfig
from gi.core.types import Individual, Origin, Try
from gi.data.dataset import run_dataset
from gi.export import export_zoo
from tests.small_run import retrain, scored, write_weights

LIST = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        layers = []
        layers.append(nn.Conv2d({channels}, 4, kernel_size=(3, 3), stride=1, padding=1))
        layers.append(nn.BatchNorm2d(4))
        layers.append(nn.ReLU(inplace=False))
        layers.append(nn.AdaptiveAvgPool2d(2))
        layers.append(nn.Flatten())
        layers.append(nn.Linear(16, 8))
        layers.append(nn.Linear(8, {classes}))
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x)


def recipe(net, steps):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, total_iters=steps)
    loss = nn.CrossEntropyLoss()
    augmentation = None
    return optimizer, scheduler, loss, augmentation
"""
ATTRIBUTES = """\
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.transforms import v2


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.output = nn.Linear(in_features=64, out_features={classes})
        self.conv2 = nn.Conv2d({channels}, 4, 3, 2, 1)
        self.norm1 = nn.BatchNorm2d(4)
        self.act = nn.ELU()

    def forward(self, x):
        x = F.relu(self.norm1(self.conv2(x)))
        x = self.act(F.adaptive_avg_pool2d(x, 4))
        return self.output(x.view(x.size(0), -1))


def recipe(net, steps):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
    scheduler = None
    return optimizer, scheduler, nn.CrossEntropyLoss(), v2.RandomRotation(5)
"""
IDS = ("a110000000000001", "b220000000000002")
ORIGIN = Origin("gi", "", "corpus/seeds/x.py", 1, "Apache-2.0")

#: Builds, trains, saves, scores and predicts without gi; torchvision and Pillow are there once they are needed.
ALONE = """
import importlib.abc, sys

class Refusing(importlib.abc.MetaPathFinder):
    refused = {"gi", "torchvision", "PIL"}
    def find_spec(self, name, *_):
        if name.partition(".")[0] in self.refused:
            raise ModuleNotFoundError(f"{name} is not to be had here", name=name)

sys.meta_path.insert(0, Refusing())
import torch
import model

images = torch.randint(0, 256, (80, *model.INPUT_SHAPE), dtype=torch.uint8)
labels = torch.arange(80) % len(model.CLASSES)
model.describe(model.Net().eval())
model.STEPS, model.BATCH_SIZE = 10, 8
if "torchvision" in open("model.py").read():
    Refusing.refused = {"gi"}
    model.mend_torchvision()
net = model.train(images, labels, 0)
torch.save(net.state_dict(), "trained.pt")
for path in ("trained.pt", "model.safetensors"):
    again = model.Net()
    model.load_weights(again, path)
    assert 0 <= model.error(again, images, labels) <= 1
Refusing.refused = {"gi", "torchvision"}
assert model.predicted_class(again, "picture.png") in model.CLASSES
"""


@pytest.fixture(params=["digits", "mnist", "folder"])
def dataset(request, tmp_path):
    if request.param == "mnist" and not Path(os.environ.get("GI_DATA", "/nowhere"), "MNIST/raw").is_dir():
        pytest.skip("needs MNIST below $GI_DATA")
    if request.param != "folder":
        return request.param
    rng = np.random.default_rng(0)
    for part, count in (("train", 40), ("test", 10)):
        for label, name in enumerate(("dark", "light")):
            (tmp_path / "set" / part / name).mkdir(parents=True)
            for n in range(count):
                pixels = rng.integers(90 * label, 160 + 90 * label, (12, 12, 3)).astype(np.uint8)
                Image.fromarray(pixels).save(tmp_path / "set" / part / name / f"{n}.png")
    return str(tmp_path / "set")


def write_front(folder, config, task):
    """A finished run whose front is the two programs, with weights as a training leaves them."""
    texts = [text.format(channels=task.input_shape[0], classes=task.num_classes) for text in (LIST, ATTRIBUTES)]
    objectives = [OBJECTIVES[key] for key in config.objectives]
    with Archive.create(folder, config, objectives=objectives, rungs=(1280,), seeds=[]) as archive:
        for slot, (id_, text) in enumerate(zip(IDS, texts, strict=True)):
            individual = Individual(id_, text, 0, tries=(Try("seed"),), origin=ORIGIN)
            archive.individuals.add_slot(0, slot, individual, individual.tries)
            archive.outcomes.add(id_, scored(0.1 + slot / 10, 600 - slot, 0.2), seed=1, images=1280)
            retrain(archive, id_, (0.1, 0.12))
            write_weights(folder / "weights" / f"{id_}.pt", text)
        archive.generations.close(Generation(0, IDS, IDS, 1.5, {}, 1.0, True, 1280), reference=(1.0, 3000, 3.0))
        archive.sessions.add_event("finished")


@pytest.mark.slow
def test_every_member_builds_trains_saves_and_predicts_with_torch_alone(
    dataset, tmp_path, tmp_path_factory, monkeypatch
):
    monkeypatch.setenv("GI_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    config = RunConfig(
        dataset=dataset, data_root=os.environ.get("GI_DATA"), images=1280, final_images=1280, final_seeds=2
    )
    write_front(tmp_path / "run", config, run_dataset(config).task)
    with Archive.open(tmp_path / "run") as archive:
        zoo = export_zoo(archive, tmp_path / "zoo", ["onnx", "pt2"])
    assert {member.id for member in zoo.members} == set(IDS)
    for member in zoo.members:
        assert (member.note, member.reasons) == ("", {}), "tidied, and in every format"
        (member.folder / "alone.py").write_text(ALONE)
        Image.new("RGB", (9, 7), "white").save(member.folder / "picture.png")
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, "alone.py"],
            cwd=member.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-800:]
