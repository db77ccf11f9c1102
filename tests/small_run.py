"""A small finished run on digits, written straight into an archive: no training, no torch."""

import base64

from gi.archive import Archive, Generation
from gi.core.diagnosis import Diagnosis, Mistake
from gi.core.objectives import OBJECTIVES
from gi.core.settings import RunConfig
from gi.core.types import Cost, Edit, Failed, Individual, LineType, Origin, Program, Scored, Try

SEED_ORIGIN = Origin("gi", "", "corpus/seeds/small.py", 1, "Apache-2.0")
DONOR = Origin("torchvision==0.28.0", "", "torchvision/models/resnet.py", 177, "BSD-3-Clause")

SMALL = '''\
"""A tiny perceptron."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(64, 10),
        )

    def forward(self, x):
        return self.layers(x)


def recipe(net, steps):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    scheduler = None
    loss = nn.CrossEntropyLoss()
    augmentation = None
    return optimizer, scheduler, loss, augmentation
'''
DEEP = SMALL.replace(
    "            nn.Linear(64, 10),\n",
    "            nn.Linear(64, 32),\n            nn.Hardswish(),\n            nn.Linear(32, 10),\n",
)

SMALL_ID, DEEP_ID, BROKEN_ID = "5a11000000000001", "dee9000000000002", "b20ce00000000003"
CONFIG = RunConfig(dataset="digits", generations=1, population=2, images=640, final_images=1280, final_seeds=2)


FAILURE = Failed("train", "nan", "the loss is nan")


def write_run(folder, *, config=CONFIG, finished=True, home=SEED_ORIGIN, donor=DONOR, failure=FAILURE):
    """A run of two generations: a seed program, a child that borrowed a line, a child that failed."""
    objectives = [OBJECTIVES[key] for key in config.objectives]
    seed = Individual(SMALL_ID, SMALL, 0, tries=(Try("seed"),), origin=home)
    insertion = Edit("insertion", LineType.ACTIVATION, 12, "", "nn.Hardswish(inplace=True),", donor)
    deep = Individual(DEEP_ID, DEEP, 1, (SMALL_ID,), (insertion,), (Try("insertion"),))
    broken = Individual(BROKEN_ID, SMALL + "\n", 1, (SMALL_ID,), (), (Try("tweak"),))
    with Archive.create(
        folder, config, objectives=objectives, rungs=(30_000,), seeds=[Program(SMALL, home)]
    ) as archive:
        archive.individuals.add_slot(0, 0, seed, seed.tries)
        archive.outcomes.add(SMALL_ID, scored(0.08, 650, 0.2), seed=1, images=640)
        first = Generation(0, (SMALL_ID,), (SMALL_ID,), 1.5, {}, 1.0, images=640)
        archive.generations.close(first, reference=(1.0, 3000, 3.0))
        archive.individuals.add_slot(
            1, 0, deep, (Try("deletion", "forward", "wrong output shape", "line 3"), Try("insertion"))
        )
        archive.individuals.add_slot(1, 1, broken, broken.tries)
        archive.outcomes.add(DEEP_ID, scored(0.03, 2410, 0.5), seed=1, images=640)
        archive.outcomes.add(BROKEN_ID, failure, seed=1, images=640)
        front = (DEEP_ID, SMALL_ID)
        archive.generations.close(Generation(1, front, front, 2.25, {}, 2.0, images=640), reference=(1.0, 3000, 3.0))
        if finished:
            retrain(archive, DEEP_ID, (0.04, 0.05))
            retrain(archive, SMALL_ID, (0.09, 0.11))
            archive.sessions.add_event("finished")
    return folder


def write_weights(path, text):
    """Writes the state dict of a program as a training leaves it, and returns it."""
    import torch

    from gi.trace.program.candidate import build, load

    torch.manual_seed(0)
    state = build(load(text)).state_dict()
    path.parent.mkdir(exist_ok=True)
    torch.save(state, path)
    return state


def scored(error, params, time):
    figures = {"error": error, "params": params, "time": time, "macs": 1e4, "train_time": 1.0, "size": 500}
    return Scored(figures, Cost(1.0, 0.1, 1.2, 1.3))


#: 12 of 300 validation samples are wrong, sample 7 the worst; a loss of 2 comes down to 0.1.
DIAGNOSIS = Diagnosis(
    losses=tuple((64 * step, 2.0 / step) for step in range(1, 21)),
    confusion=(*((label, label, 29) for label in range(9)), (9, 9, 27), (4, 9, 7), (9, 4, 3), (3, 5, 2)),
    mistakes=(Mistake(7, 4, 9, 0.001), Mistake(31, 9, 4, 0.02), Mistake(299, 3, 5, 0.3)),
)
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAAAAADhZOFXAAAAG0lEQVR42mMQgQIGEZH/QABi/AcD/Ay4YigAANYEImFNNYyNAAAAAElFTkSuQmCC"
)


def retrain(archive, id_, errors, *, images=1280):
    archive.outcomes.add_pictures({7: PICTURE, 31: PICTURE})
    for seed, error in enumerate(errors):
        weights = f"weights/{id_}.pt" if not seed else None
        measured = {"error": error, "validation_error": error - 0.01}
        measured |= {"accuracy": 1 - error, "auc": 1 - error / 2}
        measured |= {"validation_accuracy": 1.01 - error, "validation_auc": 1 - error / 4}
        final = Scored(measured, diagnosis=DIAGNOSIS)
        archive.outcomes.add_retraining(id_, final, seed=seed, images=images, weights=weights)
