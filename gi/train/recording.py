"""What a network does to a batch, as the operations of torch that it calls: written down in the network's process.

The driver has another process repeat them, which runs no program, on other images (`gi.train.repetition`): so the count
of multiply-adds is that of operations that give the network's outputs, whoever wrote them down (decision 035).
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakTensorKeyDictionary

from gi.trace.program.candidate import CandidateError


def recorded(net: nn.Module, batch: Tensor) -> tuple[bytes, bytes]:
    """The operations on a batch as JSON, and the tensors that they begin with, weights among them, as safetensors.

    Raises `CandidateError` where they cannot be written down.
    """
    with torch.no_grad(), Recording(batch) as recording:
        output = net(batch)
    number = recording.number_of(output)
    if number is None:
        raise CandidateError("measure", "not to be counted", "the output is no result of an operation of torch")
    written = {"calls": recording.calls, "strides": recording.strides, "output": number}
    return json.dumps(written).encode(), safetensors.torch.save(recording.constants)


class Recording(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch has no types here
    """Numbers the tensors of a forward pass, of which the batch is 0, and writes down each call on them."""

    def __init__(self, batch: Tensor) -> None:
        """Begins with the batch alone."""
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: list[list[Any]] = []
        self.constants: dict[str, Tensor] = {}
        self.strides: dict[str, Sequence[int]] = {"0": batch.stride()}
        # Weak, so that what the network is done with leaves the memory.
        self._numbers: Any = WeakTensorKeyDictionary()
        self._numbers[batch] = 0
        self._count = 1

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        # Before the call, which may change what it is given.
        given = [self._written(value) for value in args], {name: self._written(v) for name, v in named.items()}
        result = func(*args, **named)
        self.calls.append([str(func), *given, self._made(result)])
        return result

    def number_of(self, value: object) -> int | None:
        """The number of a tensor that an operation gave, None for anything else."""
        return self._numbers.get(value) if isinstance(value, Tensor) else None

    def _numbered(self, tensor: Tensor) -> int:
        number: int = self._numbers.setdefault(tensor, self._count)
        self._count += number == self._count
        return number

    def _made(self, value: Any) -> Any:
        """The numbers of what an operation gave, None for what is no tensor."""
        if isinstance(value, Tensor):
            return self._numbered(value)
        return [self._made(one) for one in value] if isinstance(value, list | tuple) else None

    def _written(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            if value not in self._numbers:
                self._keep(value)
            return {"tensor": self._numbers[value]}
        if isinstance(value, list | tuple):
            return [self._written(one) for one in value]
        if value is None or isinstance(value, bool | int | str):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else {"float": repr(value)}
        if isinstance(value, torch.dtype | torch.layout | torch.memory_format):
            return {"torch": str(value).removeprefix("torch.")}
        if isinstance(value, torch.device):
            return {"device": value.type}
        raise CandidateError("measure", "not to be counted", f"an operation of torch is given a {type(value).__name__}")

    def _keep(self, tensor: Tensor) -> None:
        number = str(self._numbered(tensor))
        self.constants[number] = tensor.detach().to("cpu", copy=True).contiguous()
        self.strides[number] = tensor.stride()
