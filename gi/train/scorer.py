"""Inside the process that scores: builds a network from its program again, takes the weights, and answers with outputs.

It has no labels, and images only as the driver shows them. A candidate runs here too; all that it can send are outputs,
which the driver compares with labels, so that a better score needs better outputs. Nor does it hear what its answers
are for: a process that is timed and one that is scored are asked the same.
"""

import mmap
import random
import socket
from collections.abc import Callable
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn

from gi.core.decoding import decoded
from gi.core.streams import stream_seed
from gi.sandbox.messages import PeerGoneError, receive, receive_bytes, send, send_bytes
from gi.trace.program.candidate import CandidateError, blame, build, check_output, load
from gi.train.batches import mapped_tensor
from gi.train.job import set_up_torch
from gi.train.loop import fastest_layout, seed_everything
from gi.train.measure import macs_per_sample, reference_network
from gi.train.recording import recorded
from gi.train.request import ScoringRequest
from gi.train.shown_images import shown_memory

_LARGEST_STATE = 1 << 40  # from the driver, which has checked it


def run(connection: socket.socket) -> None:
    """Answers the driver's commands until it closes the connection, or with the candidate's failure."""
    _serve(connection, _trained)


def reference(connection: socket.socket) -> None:
    """The same for the reference network. A command that is "idle" is answered without a run of the network."""
    _serve(connection, _reference)


def _serve(connection: socket.socket, make: Callable[[ScoringRequest, socket.socket], nn.Module]) -> None:
    request = decoded(ScoringRequest, receive(connection))
    memory = shown_memory(connection, request.shared_bytes)
    set_up_torch()
    try:
        _answer_all(make(request, connection), request, memory, connection)
    except PeerGoneError:
        return
    except CandidateError as error:
        send(connection, {"failed": [error.stage, error.reason, error.description]})
    except Exception as error:  # the worker's edge: not the candidate's fault, so it must be seen
        send(connection, {"failed": ["worker", type(error).__name__, str(error)]})


def _trained(request: ScoringRequest, connection: socket.socket) -> nn.Module:
    # As the training began, so that what the program draws when it is built is the same again.
    seed_everything(request.seed, "weights")
    net = build(load(request.text), request.entry).to(request.device)
    macs = macs_per_sample(net, request.task, request.device)
    send(connection, {"macs": macs, "state": _expected(net)})
    with blame("measure"):
        learned = safetensors.torch.load(receive_bytes(connection, _LARGEST_STATE))
        net.load_state_dict(learned, strict=False)  # without the buffers that stayed as the program builds them
    return net


def _reference(request: ScoringRequest, connection: socket.socket) -> nn.Module:
    torch.manual_seed(0)
    send(connection, {})
    return reference_network(request.task).to(request.device)


def _answer_all(net: nn.Module, request: ScoringRequest, memory: mmap.mmap, connection: socket.socket) -> None:
    # Timed, in the layout that users run the program in (docs/decisions/030); else in that of its training.
    layout = torch.contiguous_format if request.timed else fastest_layout(net, request.task, request.device)
    net.eval()
    pixels = mapped_tensor(np.frombuffer(memory, np.float32))
    sample = int(np.prod(request.task.input_shape))
    while True:
        command = receive(connection)
        images = pixels[: command["samples"] * sample].view(-1, *request.task.input_shape)
        if command.get("record", False):
            _answer_recording(net, images, request, layout, connection)
            continue
        content = _outputs(net, images, request, layout, idle=command.get("idle", False))
        send(connection, {})
        send_bytes(connection, content)


def _answer_recording(
    net: nn.Module, images: Tensor, request: ScoringRequest, layout: torch.memory_format, connection: socket.socket
) -> None:
    """What the network calls for a batch, begun as `_outputs` begins one."""
    _seed_layers(_seed_beside(request), request.device)
    with blame("measure"):
        contents = recorded(net, images.to(request.device).contiguous(memory_format=layout))
    send(connection, {})
    for content in contents:
        send_bytes(connection, content)


def _outputs(
    net: nn.Module, images: Tensor, request: ScoringRequest, layout: torch.memory_format, *, idle: bool
) -> bytes:
    """The network's outputs for all images, float64; with `idle` zeros, by way of everything but the network."""
    seed, parts = _seed_beside(request), []
    with blame("measure"), torch.inference_mode():
        for batch in torch.split(images, request.batch_size):
            _seed_layers(seed, request.device)  # so that no batch's outputs depend on those before it
            batch = batch.to(request.device).contiguous(memory_format=layout)
            logits = batch.new_zeros(len(batch), request.task.num_classes) if idle else net(batch)
            check_output(logits, len(batch), request.task, "measure")
            parts.append(logits)
        return torch.cat(parts).to("cpu", torch.float64).numpy().tobytes()


def _seed_beside(request: ScoringRequest) -> int:
    """Seeds what a network may draw from beside torch, also when it is evaluated; the seed for torch's own."""
    seed = stream_seed(request.seed, "scoring")
    random.seed(seed)
    np.random.seed(seed % 2**32)
    return seed


def _seed_layers(number: int, device: str) -> None:
    """Seeds the generator that layers of torch draw from: `torch.manual_seed` takes as long as a small network."""
    if device == "cpu":
        torch.default_generator.manual_seed(number)
    else:
        torch.manual_seed(number)


def _expected(net: nn.Module) -> list[list[Any]]:
    """The names, dtypes and shapes of the network's state, in its order."""
    with blame("measure"):
        tensors = net.state_dict()
        return [[name, str(value.dtype), list(value.shape)] for name, value in tensors.items()]
