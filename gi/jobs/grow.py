"""Grows a network from the bottom up out of an index, and trains its control beside it."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gi.core.errors import ConfigError, RunError
from gi.core.settings import cache_folder
from gi.core.types import Task
from gi.data.dataset import Dataset, load_dataset
from gi.export.grown import GrownModel, LayerOrigin, write_grown
from gi.kernels.donors.from_index import donors
from gi.kernels.donors.pack import write_pack
from gi.kernels.index.reader import Index
from gi.sandbox.isolation import Reach
from gi.sandbox.warm_worker import WarmWorker, WorkerDied, WorkerTimeout

BATCH_SIZE = 64
#: What a way of finding a layer's kernels is called in front of the network that they come from.
ORIGINS = {
    "childless set": "a first layer's filters, of",
    "connected": "the filters that read the layer before, of",
    "chain": "with the layers around it a connected part of",
    "drawn classes": "drawn from the kernel classes of",
}
_GROW = "gi.train.grow_worker:handle"
_WALL_LIMIT_S = 24 * 3600.0
_MEMORY_MB = 8192
# A map of 8 is halved once more, to the four a side that the last pool gives.
_LEAST_SIDE = 8  # a feature map smaller than this is not pooled any further


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What decides a growth. Raises `ConfigError` for a value out of range.

    `layered` grows layer by layer even where a network of the index fits as a whole. `image_size` (height, width) is
    what all images are brought to.
    """

    dataset: str
    index: Path
    widths: tuple[int, ...] = (32, 64, 96)
    candidates: int = 24
    probe_images: int = 1500
    images: int = 60_000
    k: int = 64
    layered: bool = False
    seed: int = 0
    data_root: str | None = None
    image_size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if not self.widths or min(self.widths) < 1:
            raise ConfigError(f"widths are {self.widths}: name at least one layer, each of at least one channel.")
        least = {"candidates": 2, "probe_images": 30, "images": 1, "k": 2}
        for name, bound in least.items():
            if getattr(self, name) < bound:
                raise ConfigError(f"{name.replace('_', ' ')} is {getattr(self, name)}: it must be at least {bound}.")


def grow(
    settings: Settings, out: Path, *, control: bool = True, on_stage: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Grows a network, writes it to `out` with its weights beside it, and returns its figures and its control's.

    The control is the same program trained from its own start for as many CPU seconds as the growth took, search
    included. `on_stage` is called with each of the five or six steps as it begins. Raises `WeightsError` for an index
    without usable kernels, `RunError` where the worker ends.
    """
    dataset = dataset_of(settings)
    index = Index.open(settings.index)
    text = program(dataset.task, settings.widths)
    with tempfile.TemporaryDirectory(prefix="gi-grow-") as scratch:
        weights = Path(scratch, "model.safetensors")
        order = _order(settings, dataset, index, text, Path(scratch, "donors"), weights)
        answer = _grown(order, control=control, on_stage=on_stage)
        on_stage(f"writing {out}")
        write_grown(out, _model(settings, dataset, index, text, weights.read_bytes(), answer))
    return answer


def _grown(order: dict[str, Any], *, control: bool, on_stage: Callable[[str], None]) -> dict[str, Any]:
    """The worker's figures: of the search and the training after it, and of the control where one is asked for."""
    # Mining keeps what it found beside the index.
    reach = Reach(
        readable=(order["dataset"], order["donors"]), writable=(order["index"], str(Path(order["weights"]).parent))
    )
    with WarmWorker(_GROW, wall_limit_s=_WALL_LIMIT_S, memory_mb=_MEMORY_MB, reach=reach) as worker:
        on_stage(f"searching the index for {len(order['widths'])} layers")
        searched = _called(worker, "search", order)
        steps = max(1, order["images"] // order["batch_size"])
        # What the search found is trained on for the same number of steps, whatever the search took.
        on_stage(f"training for {steps:,} steps what {searched['search_cpu_s']:.1f} CPU s of search found")
        grown = {**searched, **_called(worker, "train", order)}
        spent = grown["search_cpu_s"] + grown["train_cpu_s"]
        answer = {"grown": grown, "cpu_s": spent}
        if control:
            on_stage(f"training the control from Kaiming for {spent:.1f} CPU s")
            answer["control"] = _called(worker, "control", order, spent, grown["train_cpu_s"] / grown["steps"])
    return answer


def dataset_of(settings: Settings) -> Dataset:
    """The data set that a network is grown for. Raises `DatasetError`."""
    return load_dataset(
        settings.dataset, data_root=settings.data_root, image_size=settings.image_size, cache=cache_folder()
    )


def program(task: Task, widths: Sequence[int]) -> str:
    """The text of the network: convolutions of 3x3, each with a ReLU, pooling, and one linear layer at the end."""
    channels, side = task.input_shape[0], min(task.input_shape[1:])
    lines = []
    for width in widths:
        lines += [f"nn.Conv2d({channels}, {width}, 3, padding=1),", "nn.ReLU(),"]
        if side >= _LEAST_SIDE:
            lines.append("nn.MaxPool2d(2),")
            side //= 2
        channels = width
    # To 4 x 4 whatever the images' size, so that the dense layer is as large for all data sets.
    lines += ["nn.AdaptiveAvgPool2d(4),", "nn.Flatten(),", f"nn.Linear({channels * 16}, {task.num_classes}),"]
    return _PROGRAM.replace("LAYERS", "\n            ".join(lines))


_PROGRAM = '''"""A network grown from the bottom up."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            LAYERS
        )

    def forward(self, x):
        return self.layers(x)


def recipe(net, steps):
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.001, weight_decay=0.01)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.004, total_steps=steps)
    loss = nn.CrossEntropyLoss()
    augmentation = None
    return optimizer, scheduler, loss, augmentation
'''


def _model(
    settings: Settings, dataset: Dataset, index: Index, text: str, weights: bytes, answer: dict[str, Any]
) -> GrownModel:
    grown, control = answer["grown"], answer.get("control")
    return GrownModel(
        text=text, weights=weights, dataset=dataset, given=settings.dataset, seed=settings.seed,
        way="a connected part of a trained one" if grown["layers"][0][0] == "chain" else "the bottom up",
        layers=_layer_origins(grown["layers"], index), batch_size=min(BATCH_SIZE, dataset.num_train),
        num_params=int(grown["num_params"]), steps=int(grown["steps"]), validation=grown["validation"],
        test=grown["test"], control_test=control["test"] if control else None,
    )  # fmt: skip


def _layer_origins(layers: Sequence[Sequence[Any]], index: Index) -> list[LayerOrigin]:
    """For each grown layer how it was found and in which network, with licence and origin."""
    networks = {row["name"]: row for row in index.networks.to_pylist() if not row["reason"]}
    origins = []
    for how, network, layer, channels in layers:
        row = networks.get(network, {})
        source = f"{network}, layer {layer}" if row else f"the index's {len(networks)} networks"
        origins.append(LayerOrigin(channels, ORIGINS[how], source, row.get("licence", ""), row.get("origin", "")))
    return origins


def _order(settings: Settings, dataset: Dataset, index: Index, text: str, pack: Path, weights: Path) -> dict[str, Any]:
    write_pack(list(donors(index)), pack)
    return {
        "text": text,
        "dataset": str(dataset.path.absolute()),
        "index": str(settings.index.absolute()),
        "donors": str(pack),
        "widths": list(settings.widths),
        "seed": settings.seed,
        "candidates": settings.candidates,
        "probe_images": min(settings.probe_images, dataset.num_train),
        "images": settings.images,
        "batch_size": min(BATCH_SIZE, dataset.num_train),
        "k": settings.k,
        "layered": settings.layered,
        "weights": str(weights),
    }


def _called(worker: WarmWorker, *call: Any) -> dict[str, Any]:
    try:
        figures: dict[str, Any] = worker.call(*call)
    except (WorkerDied, WorkerTimeout) as error:
        raise RunError(f"the worker that grows the network ended ({error}): is there enough memory?") from error
    if "refused" in figures:
        raise ConfigError(figures["refused"])
    return figures
