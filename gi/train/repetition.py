"""Repeats the operations that a network's process wrote down, in a process that runs no program, and counts them.

What that process wrote is foreign: operations by name and numbers, read as JSON. They are repeated on images that it
did not have when it wrote them, and have to give the outputs that the network is scored by. Who wants fewer
multiply-adds to be counted has to know a cheaper way to the same outputs.
"""

import json
import socket
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gi.sandbox.messages import receive, receive_bytes, send, send_bytes
from gi.train.answer import is_amount
from gi.train.conversation import Conversation, JobFailure, no_valid_answer
from gi.train.metrics import Outputs
from gi.train.shown_images import Images

REPEAT = "gi.train.repetition:run"
_LARGEST_BYTES = 1 << 40  # from the driver, which has bounded it
_TOLERANCE = 1e-3  # of the largest output: other kernels may add in another order
_NAMESPACES = frozenset({"aten", "torchvision"})
#: What is no arithmetic: files, memory, and what does not look at its indices.
_LEFT_OUT = frozenset({
    "from_file", "set_", "set_data", "resize_", "resize_as_", "resize_as_sparse_", "sparse_resize_", "record_stream",
    "_index_put_impl_", "_resize_output_", "swap_tensors",
})  # fmt: skip


def counted(talk: Conversation, recording: tuple[bytes, bytes], images: Images, outputs: Outputs, seed: int) -> float:
    """The multiply-adds of one of `images`, whose `outputs` (n, classes) the operations give. Raises `JobFailure`."""
    talk.stage = "measure"
    talk.send({"shape": images.shape, "seed": seed})
    for content in (*recording, np.ascontiguousarray(images).tobytes()):
        talk.send_bytes(content)
    answer = talk.answer()
    content = talk.content(outputs.size * 8)
    if not is_amount(answer.get("operations")) or len(content) != outputs.size * 8:
        raise no_valid_answer("a count")
    apart = float(np.abs(np.frombuffer(content, np.float64).reshape(outputs.shape) - outputs).max())
    if not apart <= _TOLERANCE * (1 + float(np.abs(outputs).max())):
        detail = f"the operations of torch that it seems to call give outputs that are others by {apart:.3g}"
        raise JobFailure("measure", "not to be counted", detail)
    return float(answer["operations"]) / 2 / len(images)  # two operations for a multiply-add


def run(connection: socket.socket) -> None:
    """Runs in the process: answers one request of `counted`."""
    import safetensors.torch
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from gi.train.job import set_up_torch

    request = receive(connection)
    set_up_torch()
    recording = json.loads(receive_bytes(connection, _LARGEST_BYTES))
    constants = safetensors.torch.load(receive_bytes(connection, _LARGEST_BYTES))
    shown = np.frombuffer(receive_bytes(connection, _LARGEST_BYTES), np.float32).reshape(request["shape"])
    try:
        tensors = {"0": torch.from_numpy(shown.copy()), **constants}
        values = {int(n): _laid_out(tensor, recording["strides"][n]) for n, tensor in tensors.items()}
        torch.manual_seed(request["seed"])
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            output = _repeated(recording["calls"], values, recording["output"])
        content = output.to(torch.float64).contiguous().numpy().tobytes()
    except Exception as error:  # what is repeated is foreign: any error is its own
        detail = " ".join(f"{type(error).__name__}: {error}".split())
        send(connection, {"failed": ["measure", "not to be counted", detail]})
        return
    send(connection, {"operations": counter.get_total_flops()})
    send_bytes(connection, content)


def _laid_out(tensor: Any, strides: Sequence[int]) -> Any:
    """The tensor with the strides that it had: an operation may be right for these alone."""
    import torch

    return torch.empty_strided(tensor.shape, strides, dtype=tensor.dtype).copy_(tensor)


def _repeated(calls: Sequence[Sequence[Any]], values: dict[int, Any], wanted: int) -> Any:
    """The tensor with the number `wanted`; each leaves the memory after its last use."""
    last = {number: place for place, call in enumerate(calls) for number in _numbers(call[1:3])}
    for place, (name, arguments, named, made) in enumerate(calls):
        operation = _operation(name)
        given = [_read(value, values) for value in arguments]
        result = operation(*given, **{key: _read(value, values) for key, value in named.items()})
        _put(made, result, values)
        for number in {*_numbers([arguments, list(named.values())]), *_numbers_made(made)}:
            if last.get(number, place) <= place and number != wanted:
                values.pop(number, None)
    return values[wanted]


def _operation(name: str) -> Any:
    """The operation of torch of a name such as "aten.addmm.default"; raises for one that may not be repeated."""
    import torch

    namespace, short, overload = name.split(".")
    if namespace not in _NAMESPACES or short in _LEFT_OUT:
        raise ValueError(f"{name} is not repeated")
    found = getattr(getattr(getattr(torch.ops, namespace), short), overload)
    if not isinstance(found, torch._ops.OpOverload):
        raise TypeError(f"{name} is no operation")
    return found


def _read(value: Any, values: Mapping[int, Any]) -> Any:
    import torch

    if isinstance(value, list):
        return [_read(one, values) for one in value]
    if not isinstance(value, dict):
        return value
    ((kind, told),) = value.items()
    match kind:
        case "tensor":
            return values[told]
        case "float":
            return float(told)
        case "device":
            return torch.device("cpu")
        case "torch":
            found = getattr(torch, told)
            if isinstance(found, torch.dtype | torch.layout | torch.memory_format):
                return found
    raise ValueError(f"{kind} is no value")


def _put(made: Any, result: Any, values: dict[int, Any]) -> None:
    if isinstance(made, list):
        for one, value in zip(made, result, strict=True):
            _put(one, value, values)
    elif made is not None:
        values[made] = result


def _numbers(value: Any) -> set[int]:
    """The numbers of the tensors in what a call is given."""
    if isinstance(value, dict):
        own = {value["tensor"]} if isinstance(value.get("tensor"), int) else set()
        return own.union(*(_numbers(inner) for inner in value.values()))
    return set().union(*map(_numbers, value)) if isinstance(value, list) else set()


def _numbers_made(made: Any) -> set[int]:
    return set().union(*map(_numbers_made, made)) if isinstance(made, list) else ({made} if made is not None else set())
