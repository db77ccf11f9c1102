"""Inside the process that scores: builds a network from its program again, takes the weights, and answers with outputs.

It has no labels, and images only as the driver shows them. A candidate runs here too; all that it can send are outputs,
which the driver compares with labels, so that a better score needs better outputs.
"""

import mmap
import socket
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn

from gi.core.decoding import decoded
from gi.sandbox.messages import PeerGoneError, receive, receive_bytes, send, send_bytes
from gi.trace.program.candidate import CandidateError, blame, build, check_output, load
from gi.train.batches import mapped_tensor, normaliser
from gi.train.job import set_up_torch
from gi.train.loop import fastest_layout, seed_everything
from gi.train.measure import macs_per_sample, relative_time
from gi.train.request import ScoringRequest
from gi.train.shown_images import shown_memory

_LARGEST_STATE = 1 << 40  # from the driver, which has checked it


def run(connection: socket.socket) -> None:
    """Answers the driver's commands until it closes the connection, or with the candidate's failure."""
    request = decoded(ScoringRequest, receive(connection))
    memory = shown_memory(connection, request.shared_bytes)
    set_up_torch()
    try:
        _serve(request, memory, connection)
    except PeerGoneError:
        return
    except CandidateError as error:
        send(connection, {"failed": [error.stage, error.reason, error.told]})
    except Exception as error:  # the worker's edge: not the candidate's fault, so it must be seen
        send(connection, {"failed": ["worker", type(error).__name__, str(error)]})


def _serve(request: ScoringRequest, memory: mmap.mmap, connection: socket.socket) -> None:
    # As the training began, so that what the program draws when it is built is the same again.
    seed_everything(request.seed, "weights")
    net = build(load(request.text), request.entry).to(request.device)
    macs = macs_per_sample(net, request.task, request.device)
    layout = fastest_layout(net, request.task, request.device)
    send(connection, {"macs": macs, "state": _expected(net)})
    with blame("measure"):
        learned = safetensors.torch.load(receive_bytes(connection, _LARGEST_STATE))
        net.load_state_dict(learned, strict=False)
    shown = _Shown(request, memory)
    while True:
        command = receive(connection)
        images = shown.normalised(command["samples"])
        if command["do"] == "time":
            net.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]  # as who runs the program has it
            send(connection, {"time": relative_time(net, images, request.task)})
            net.to(memory_format=layout)  # type: ignore[call-overload]
            continue
        if command["do"] == "begin":
            seed_everything(request.seed, "scoring")  # a layer may draw also when it is evaluated
        with blame("measure"), torch.inference_mode():
            logits = net.eval()(images.contiguous(memory_format=layout))
            check_output(logits, len(images), request.task, "measure")
            content = logits.to("cpu", torch.float64).contiguous().numpy().tobytes()
        send(connection, {})
        send_bytes(connection, content)


def _expected(net: nn.Module) -> list[list[Any]]:
    """The names, dtypes and shapes of the network's state, in its order."""
    with blame("measure"):
        tensors = net.state_dict()
        return [[name, str(value.dtype), list(value.shape)] for name, value in tensors.items()]


class _Shown:
    """The images that the driver shows, as tensors."""

    def __init__(self, request: ScoringRequest, memory: mmap.mmap) -> None:
        self._shape = request.task.input_shape
        self._pixels = np.frombuffer(memory, np.uint8)
        self._device = request.device
        self._normalise = normaliser(request.mean, request.std, request.device)

    def normalised(self, samples: int) -> Tensor:
        """The first so many images (n, c, h, w), as a training has them."""
        pixels = self._pixels[: samples * int(np.prod(self._shape))].reshape(samples, *self._shape)
        return self._normalise(mapped_tensor(pixels).to(self._device).to(torch.float32))
