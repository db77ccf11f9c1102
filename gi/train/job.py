"""One job inside its worker process: builds, trains, scores and measures a candidate, and answers in JSON.

The candidate runs in this process, so whatever it says is untrusted: the driver checks each value.
"""

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from gi.core.decoding import decoded
from gi.core.diagnosis import Diagnosis
from gi.core.types import Seeding, Stage
from gi.data.dataset import Dataset, SplitName, open_dataset
from gi.sandbox.clock import cpu_s
from gi.sandbox.messages import receive, send
from gi.trace.program.candidate import CandidateError, blame, build, load
from gi.trace.program.recipe import Recipe, make_recipe
from gi.train.batches import Batches
from gi.train.cost_model import modelled
from gi.train.diagnosis import diagnosis
from gi.train.loop import batch_order, fastest_layout, pace_check, seed_everything, train
from gi.train.measure import buffer_values, macs_per_sample, num_params, relative_time
from gi.train.request import Request
from gi.train.scoring import METRICS, auc, error, outputs
from gi.train.start.donors import UNSEEDED, lacks_weights, raced
from gi.train.start.inherit import inherit
from gi.train.start.race import Entrant
from gi.train.start.wire import seeding_json


@dataclass(slots=True)
class Spent:
    """CPU seconds, filled in as the job goes on, so that a failure has its cost too; and what is told beside these."""

    train_cpu_s: float = 0.0
    measure_cpu_s: float = 0.0
    seeding: Seeding = UNSEEDED
    losses: Sequence[float] = ()
    diagnosis: Diagnosis | None = None


def run(connection: socket.socket) -> None:
    """Answers the one request on `connection`: a message at each new stage, then the values or the failure."""
    request = decoded(Request, receive(connection))
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # a dead layer's optimizer state decays into numbers that take 100 times as long
    spent = Spent()
    answer: dict[str, Any]
    try:
        values = _evaluate(request, spent, lambda stage: send(connection, {"stage": stage}))
        answer = {"values": dict(values)}
    except CandidateError as error:
        answer = {"failed": [error.stage, error.reason, error.told]}
    except Exception as error:  # the worker's edge: not the candidate's fault, so it must be seen
        answer = {"failed": ["worker", type(error).__name__, str(error)]}
    answer["cost"] = [spent.train_cpu_s, spent.measure_cpu_s]
    if spent.seeding is not UNSEEDED:
        answer["seeding"] = seeding_json(spent.seeding)
    if spent.diagnosis is not None:
        answer["diagnosis"] = asdict(spent.diagnosis)
    send(connection, answer)


def probe_device(connection: socket.socket) -> None:
    """Answers whether torch can use the device whose name it receives; "" where it can, else why not."""
    name = receive(connection)
    try:
        torch.zeros(1, device=name).add_(1).item()
    except (RuntimeError, AssertionError) as error:
        send(connection, str(error).splitlines()[0][:200])
    else:
        send(connection, "")


def _evaluate(request: Request, spent: Spent, enter: Callable[[Stage], None]) -> Mapping[str, float]:
    dataset = open_dataset(Path(request.settings.dataset_path))
    enter("build")
    seed_everything(request.job.seed, "weights")
    module = load(request.job.text)
    net = build(module, request.settings.entry).to(request.settings.device)
    enter("forward")
    macs = macs_per_sample(net, dataset.task, request.settings.device)
    model = modelled(num_params(net), macs, task=dataset.task, images=request.job.images)
    layout = fastest_layout(net, dataset.task, request.settings.device)
    batches = Batches(dataset, "train", request.settings.device)
    buffers = buffer_values(net)
    net = _train(request, module, net, batches, layout, spent=spent, enter=enter, model_train_s=model["train_time"])
    enter("measure")
    start = cpu_s()
    values = {"params": num_params(net, buffers), "macs": macs, "train_time": spent.train_cpu_s}
    values |= _scores(request, net, dataset, layout, spent)
    net.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]  # as who runs the program has it
    if request.settings.clock == "model":
        values |= model
    elif not request.job.timed:
        values["time"] = model["time"]
    else:
        images, _ = batches.take(slice(request.settings.batch_size))
        values["time"] = relative_time(net, images, dataset.task)
    spent.measure_cpu_s = cpu_s() - start
    if request.job.weights_path is not None:
        _save(net, Path(request.job.weights_path))
    return values


def _scores(
    request: Request, net: nn.Module, dataset: Dataset, layout: torch.memory_format, spent: Spent
) -> dict[str, float]:
    """The run's metric on the job's split; for a final training on the validation split too, and first.

    The choice among final trainings reads `validation_error` alone, so that the test split has no part in it. They have
    the accuracy and the AUC beside it whatever the metric is: tables of others give these. They are diagnosed, too, by
    the validation split: whoever looks at single mistakes learns from them.
    """
    answers = _answers(request, net, dataset, "validation", layout)
    if request.job.split == "validation":
        return {"error": _figures(request, *answers)["error"]}
    size = min(request.settings.batch_size, dataset.num_train)
    spent.diagnosis = diagnosis(spent.losses, size, *(part.numpy() for part in answers))
    validation = {f"validation_{name}": value for name, value in _figures(request, *answers).items()}
    return validation | _figures(request, *_answers(request, net, dataset, "test", layout))


def _answers(
    request: Request, net: nn.Module, dataset: Dataset, split: SplitName, layout: torch.memory_format
) -> tuple[Tensor, Tensor]:
    """The network's outputs (n, classes) for the samples of a split that count, and their labels (n,)."""
    count = request.job.scored if split == "validation" else None
    batches = Batches(dataset, split, request.settings.device, count=count)
    return outputs(net, batches, layout=layout), batches.labels


def _figures(request: Request, logits: Tensor, labels: Tensor) -> dict[str, float]:
    """`error` by the run's metric, `accuracy` and `auc`."""
    metric = METRICS[request.settings.metric]
    return {"error": metric(logits, labels), "accuracy": 1.0 - error(logits, labels), "auc": auc(logits, labels)}


def _train(
    request: Request,
    module: ModuleType,
    net: nn.Module,
    batches: Batches,
    layout: torch.memory_format,
    *,
    spent: Spent,
    enter: Callable[[Stage], None],
    model_train_s: float,
) -> nn.Module:
    """The trained network: the given one, or its copy that started from donors and won its race.

    What the parent has comes first: donors fill only convolutions that inherited nothing.
    """
    size = min(request.settings.batch_size, batches.num_samples)
    steps = max(1, request.job.images // size)
    spent.seeding = inherited = _inherited(request, net)
    kept = frozenset(row.layer for row in inherited.layers)
    enter("recipe")
    recipe = _recipe(request, module, steps, batches.task.input_shape, net)
    enter("train")
    check_pace = _pace_check(request, model_train_s, steps)
    order = batch_order(batches.num_samples, size, steps, request.job.seed).to(request.settings.device)
    start = cpu_s()
    try:
        entrant = Entrant(net, recipe)
        if request.settings.donors is not None and lacks_weights(net, kept):
            make = partial(_recipe, request, module, steps, batches.task.input_shape)
            pack = Path(request.settings.donors)
            entrant, tried = raced(entrant, make, batches, order, pack, layout=layout, kept=kept)
            spent.seeding = Seeding((*inherited.layers, *tried.layers), tried.won, inherited.cpu_s + tried.cpu_s)
        left = order[len(entrant.losses) :]
        trained = train(entrant.net, entrant.recipe, batches, left, layout=layout, check_pace=check_pace)
        spent.losses = [*entrant.losses, *trained]
    finally:
        spent.train_cpu_s = cpu_s() - start + inherited.cpu_s
    return entrant.net


def _inherited(request: Request, net: nn.Module) -> Seeding:
    """What the network took over from its parent; `UNSEEDED` for nothing."""
    if request.job.inherit_from is None:
        return UNSEEDED
    start = cpu_s()
    layers = inherit(net, Path(request.job.inherit_from))
    return Seeding(layers, won=False, cpu_s=cpu_s() - start) if layers else UNSEEDED


def _recipe(request: Request, module: ModuleType, steps: int, image_shape: tuple[int, ...], net: nn.Module) -> Recipe:
    """The recipe of a network, with the same random numbers for each."""
    seed_everything(request.job.seed, "recipe")
    recipe = make_recipe(module, net, steps, image_shape)
    seed_everything(request.job.seed, "training")
    return recipe


def _pace_check(request: Request, model_train_s: float, steps: int) -> Callable[[int], None] | None:
    """The check of a candidate's pace while it trains; with a cost model the model alone decides, here and now."""
    if request.settings.clock != "model":
        return pace_check(request.train_limit_s, steps)
    if model_train_s > request.train_limit_s:
        detail = f"{model_train_s:.0f} CPU seconds by the cost model, {request.train_limit_s:.0f} allowed (--cpu-limit)"
        raise CandidateError("train", "too slow", detail)
    return None


def _save(net: nn.Module, path: Path) -> None:
    """Writes the state dict beside its place and renames it, so that what is there is always whole."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with blame("worker"):
        state = {name: value.detach().cpu() for name, value in net.state_dict().items()}
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(state, draft)
        draft.replace(path)
