"""Grows a network from the bottom up out of an index, and trains its control beside it."""

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gi
from gi.core.errors import ConfigError, RunError
from gi.core.settings import cache_folder
from gi.core.types import Task
from gi.data.dataset import Dataset, load_dataset
from gi.export.data import companion_name, data_facts, write_splits
from gi.export.render import DataFacts, Figures, model_text
from gi.kernels.donors.from_index import donors
from gi.kernels.donors.pack import write_pack
from gi.kernels.index.reader import Index
from gi.sandbox.warm_worker import WarmWorker, WorkerDied, WorkerTimeout

BATCH_SIZE = 64
#: What a way of finding a layer's kernels is called in front of the network that they come from.
ORIGINS = {
    "childless set": "a first layer's filters, of",
    "connected": "the filters that read the layer before, of",
    "chain": "with the layers around it a connected part of",
    "drawn classes": "drawn from the kernel classes of",
}
_WALL_LIMIT_S = 24 * 3600.0
_MEMORY_MB = 8192
_LEAST_SIDE = 8  # a feature map smaller than this is not pooled any further


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What decides a growth. Raises `ConfigError` for a value out of range.

    `layered` grows layer by layer even where a network of the index fits as a whole.
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
    included. Raises `WeightsError` for an index that gives nothing, `RunError` where the worker ends.
    """
    dataset = load_dataset(settings.dataset, data_root=settings.data_root, cache=cache_folder())
    text = program(dataset.task, settings.widths)
    with tempfile.TemporaryDirectory(prefix="gi-grow-") as scratch:
        weights = Path(scratch, "model.pt")
        order = _order(settings, dataset, text, Path(scratch, "donors"), weights)
        with WarmWorker("gi.train.grow_worker:handle", wall_limit_s=_WALL_LIMIT_S, memory_mb=_MEMORY_MB) as worker:
            on_stage("growing")
            grown = _called(worker, "grow", order)
            spent = grown["search_cpu_s"] + grown["train_cpu_s"]
            answer = {"grown": grown, "cpu_s": spent}
            if control:
                on_stage("control")
                step_cpu_s = grown["train_cpu_s"] / grown["steps"]
                answer["control"] = _called(worker, "control", order, spent, step_cpu_s)
        _write(out, text, weights.read_bytes(), dataset, settings, answer)
    return answer


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


def _header(data: DataFacts, seed: int, answer: dict[str, Any], index: Index, weights: str) -> str:
    """What the file says of itself: errors beside the control's, and the origin of each layer's first kernels."""
    grown, control = answer["grown"], answer.get("control")
    beside = f"\nfrom Kaiming      {control['test']:.2%} in the same CPU seconds, search included" if control else ""
    comments = "\n".join(_layer_comments(grown["layers"], index))
    way = "a connected part of a trained one" if grown["layers"][0][0] == "chain" else "the bottom up"
    return f'''"""A network for the data set {data.name}, grown from {way} by gi {gi.__version__}.

test error        {grown["test"]:.2%} (1 training, seed {seed}){beside}
validation error  {grown["validation"]:.2%}
parameters        {grown["num_params"]:,}

python model.py               builds the network, prints its parameters and its output's shape
python model.py --data DIR    trains it from PyTorch's own start and prints its error on the test split;
                              DIR holds {data.hint}

As it was grown and trained: net.load_state_dict(torch.load("{weights}", weights_only=True)).
"""

# Where the kernels come from, before all layers were trained together:
{comments}

'''


def _layer_comments(layers: Sequence[Sequence[Any]], index: Index) -> list[str]:
    """For each grown layer how it was found and in which network, with licence and origin."""
    networks = {row["name"]: row for row in index.networks.to_pylist() if not row["reason"]}
    lines = []
    for number, (how, network, layer, channels) in enumerate(layers, start=1):
        row = networks.get(network)
        place = f"{network}, layer {layer}" if row else f"the index's {len(networks)} networks"
        lines.append(f"#   convolution {number}, {channels} channels: {ORIGINS[how]} {place}")
        lines += [f"#     {row['licence']}, {row['origin']}"] if row else []
    return lines


def _order(settings: Settings, dataset: Dataset, text: str, pack: Path, weights: Path) -> dict[str, Any]:
    index = Index.open(settings.index)
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
        found: dict[str, Any] = worker.call(*call)
    except (WorkerDied, WorkerTimeout) as error:
        raise RunError(f"the worker that grows the network ended ({error}): is there enough memory?") from error
    if "refused" in found:
        raise ConfigError(found["refused"])
    return found


def _write(out: Path, text: str, weights: bytes, dataset: Dataset, settings: Settings, answer: dict[str, Any]) -> None:
    """The model file, its weights, and the data that it needs beside it; each whole or not at all."""
    grown = answer["grown"]
    figures = Figures(
        num_params=int(grown["num_params"]),
        batch_size=min(BATCH_SIZE, dataset.num_train),
        steps=int(grown["steps"]),
        validation_errors=(grown["validation"],),
        test_errors=(grown["test"],),
    )
    data = data_facts(dataset, settings.dataset)
    header = _header(data, settings.seed, answer, Index.open(settings.index), out.with_suffix(".pt").name)
    whole = model_text(text, (), data, figures, header=header)
    out.parent.mkdir(parents=True, exist_ok=True)
    companion = companion_name(dataset, settings.dataset)
    if companion:
        write_splits(dataset, out.parent / "data" / companion)
    for path, content in ((out.with_suffix(".pt"), weights), (out, whole.encode())):
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.write_bytes(content)
        draft.replace(path)
