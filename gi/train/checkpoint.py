"""Tensors that a training sent become a checkpoint that `torch.load` reads, in a process that runs no program.

torch writes checkpoints as pickles. One that a program wrote could be made to run code where it is opened.
"""

import io
import socket
import time
from collections.abc import Sequence
from typing import Any

from gi.sandbox.messages import PeerGoneError, receive, receive_bytes, send, send_bytes
from gi.train.conversation import JobFailure
from gi.train.state import State, written_state

CHECKPOINT = "gi.train.checkpoint:run"
_WALL_LIMIT_S = 600.0
_LARGEST_BYTES = 1 << 40  # both ends are gi's own, and the tensors were checked


def checkpoint(connection: socket.socket, order: Sequence[str], states: Sequence[State]) -> bytes:
    """The tensors of all `states` in the given order of names, as torch saves them, by the process at `connection`.

    Raises `JobFailure`.
    """
    try:
        send(connection, [list(order), len(states)])
        for state in states:
            send_bytes(connection, written_state(state))
        return receive_bytes(connection, _LARGEST_BYTES, time.monotonic() + _WALL_LIMIT_S)
    except (PeerGoneError, TimeoutError) as error:
        raise JobFailure("worker", "no checkpoint", f"its weights cannot be written: {error}") from error


def run(connection: socket.socket) -> None:
    """Runs in the process: answers one request of `checkpoint`."""
    import safetensors.torch
    import torch

    order, count = receive(connection)
    tensors: dict[str, Any] = {}
    for _ in range(count):
        tensors |= safetensors.torch.load(receive_bytes(connection, _LARGEST_BYTES))
    file = io.BytesIO()
    torch.save({name: tensors[name] for name in order if name in tensors}, file)
    send_bytes(connection, file.getvalue())
