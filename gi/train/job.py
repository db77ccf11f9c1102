"""One job's training in its worker process, which has training samples and no others; it sends back what it learned.

The candidate runs in this process, so whatever it says is untrusted. Its weights are scored by what they do in another
process (`gi.train.scorer`), and what it says of its size is held against them (`gi.train.state`).
"""

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from gi.core.decoding import decoded
from gi.core.types import Seeding
from gi.data.dataset import open_dataset
from gi.sandbox.clock import cpu_s
from gi.sandbox.messages import receive, send, send_bytes
from gi.trace.program.candidate import CandidateError, blame, build, load
from gi.trace.program.recipe import Recipe, make_recipe
from gi.train.batches import Batches
from gi.train.cost_model import modelled
from gi.train.loop import batch_order, fastest_layout, pace_check, seed_everything, train
from gi.train.measure import buffer_values, changed_buffers, macs_per_sample, num_params
from gi.train.request import Request
from gi.train.start.donors import UNSEEDED, lacks_weights, raced
from gi.train.start.inherit import inherit
from gi.train.start.race import Entrant
from gi.train.start.wire import seeding_json


@dataclass(slots=True)
class _Facts:
    """The facts that are sent to the driver with the weights, filled in during the job."""

    built_params: int = 0
    macs: float = 0.0
    inherit_cpu_s: float = 0.0
    seeding: Seeding = UNSEEDED
    losses: Sequence[float] = ()


def run(connection: socket.socket) -> None:
    """Answers the one request on `connection`: a message at each new stage, then the weights or the failure."""
    request = decoded(Request, receive(connection))
    set_up_torch()
    facts = _Facts()
    answer: dict[str, Any]
    contents: list[bytes] = []
    try:
        net, buffers = _trained_network(request, facts, connection)
        with blame("measure"):
            learned, constants = _parted(net, buffers)
            contents = [_packed(learned), *([_packed(constants)] if request.keep_constants else ())]
            answer = {
                "params": num_params(net, buffers),
                "built_params": facts.built_params,
                "macs": facts.macs,
                "inherit_cpu_s": facts.inherit_cpu_s,
                "losses": list(facts.losses) if request.job.split == "test" else [],
            }
    except CandidateError as error:
        answer = {"failed": [error.stage, error.reason, error.description]}
    except Exception as error:  # the worker's edge: not the candidate's fault, so it must be seen
        answer = {"failed": ["worker", type(error).__name__, str(error)]}
    if facts.seeding is not UNSEEDED:
        answer["seeding"] = seeding_json(facts.seeding)
    send(connection, answer)
    for content in contents:
        send_bytes(connection, content)


def set_up_torch() -> None:
    """One thread, and no denormal numbers: a dead layer's optimizer state decays into them, which cost 100 times."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)


def probe_device(connection: socket.socket) -> None:
    """Answers whether torch can use the device whose name it receives; "" where it can, else why not."""
    name = receive(connection)
    try:
        torch.zeros(1, device=name).add_(1).item()
    except (RuntimeError, AssertionError) as error:  # the latter from a torch that was built without CUDA
        send(connection, str(error).splitlines()[0][:200])
    else:
        send(connection, "")


def _trained_network(request: Request, facts: _Facts, connection: socket.socket) -> tuple[nn.Module, dict[str, Tensor]]:
    """The trained network, and its buffers as they were before."""
    device = request.settings.device
    send(connection, {"stage": "build"})
    seed_everything(request.job.seed, "weights")
    module = load(request.job.text)
    net = build(module, request.settings.entry).to(device)
    send(connection, {"stage": "forward"})
    facts.macs = macs_per_sample(net, request.task, device)
    facts.built_params = num_params(net)
    layout = fastest_layout(net, request.task, device)
    buffers = buffer_values(net)
    return _train(request, module, net, layout, facts=facts, connection=connection), buffers


def _parted(net: nn.Module, buffers: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """A trained network's state in two parts: what it learned, and the buffers that did not change.

    Raises `CandidateError` for a state that holds anything but tensors.
    """
    state = net.state_dict(keep_vars=True)  # without it each value is a new tensor, which no buffer is
    for name, value in state.items():
        if not isinstance(value, Tensor):
            raise CandidateError("measure", "state is no tensor", f"{name!r} is a {type(value).__name__}")
    changed = {name for name, _ in changed_buffers(net, buffers)}
    constant = {id(buffer) for name, buffer in net.named_buffers() if name in buffers and name not in changed}
    learned = {name: value for name, value in state.items() if id(value) not in constant}
    return learned, {name: value for name, value in state.items() if id(value) in constant}


def _packed(state: dict[str, Tensor]) -> bytes:
    """Tensors as safetensors, each with memory of its own: layers may share theirs."""
    own = {n: v.detach().to("cpu", copy=True, memory_format=torch.contiguous_format) for n, v in state.items()}
    return safetensors.torch.save(own)


def _train(
    request: Request,
    module: ModuleType,
    net: nn.Module,
    layout: torch.memory_format,
    *,
    facts: _Facts,
    connection: socket.socket,
) -> nn.Module:
    """The trained network: the given one, or its copy that started from donors and won its race.

    The parent's weights come first: donors fill only convolutions that inherited nothing.
    """
    size = min(request.settings.batch_size, request.num_samples)
    steps = max(1, request.job.images // size)
    facts.seeding = inherited = _inherited(request, net)
    facts.inherit_cpu_s = inherited.cpu_s
    kept = frozenset(row.layer for row in inherited.layers)
    send(connection, {"stage": "recipe"})
    recipe = _recipe(request, module, steps, request.task.input_shape, net)
    order = batch_order(request.num_samples, size, steps, request.job.seed).to(request.settings.device)
    send(connection, {"stage": "train"})
    # The driver reads this process's CPU time before it answers, and again when the training has ended.
    batches = Batches(open_dataset(Path(receive(connection)["dataset"])), "train", request.settings.device)
    check_pace = _pace_check(request, facts, steps)
    entrant = Entrant(net, recipe)
    if request.settings.donors is not None and lacks_weights(net, kept):
        make = partial(_recipe, request, module, steps, batches.task.input_shape)
        pack = Path(request.settings.donors)
        entrant, tried = raced(entrant, make, batches, order, pack, layout=layout, kept=kept)
        facts.seeding = Seeding((*inherited.layers, *tried.layers), tried.won, inherited.cpu_s + tried.cpu_s)
    left = order[len(entrant.losses) :]
    losses = train(entrant.net, entrant.recipe, batches, left, layout=layout, check_pace=check_pace)
    facts.losses = [*entrant.losses, *losses]
    send(connection, {"stage": "measure"})
    receive(connection)
    return entrant.net


def _inherited(request: Request, net: nn.Module) -> Seeding:
    """Copies the parent's weights into the network; returns the layers that took some, `UNSEEDED` for none."""
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


def _pace_check(request: Request, facts: _Facts, steps: int) -> Callable[[int], None] | None:
    """The check of a candidate's pace while it trains; with a cost model the model alone decides, here and now."""
    if request.settings.clock != "model":
        return pace_check(request.train_limit_s, steps)
    model_train_s = modelled(facts.built_params, facts.macs, task=request.task, images=request.job.images)["train_time"]
    if model_train_s > request.train_limit_s:
        detail = f"{model_train_s:.0f} CPU seconds by the cost model, {request.train_limit_s:.0f} allowed (--cpu-limit)"
        raise CandidateError("train", "too slow", detail)
    return None
