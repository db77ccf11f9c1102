"""The state that a training process sends back: tensors by name as safetensors, checked, counted and rewritten.

The bytes come from a process that ran a program, and go to another one that runs it again. What the program learned
could travel, uncounted, in every part that is not looked at. So they are parsed, compared with what
the other process expects, and written in one canonical form: sorted, without metadata.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from safetensors import SafetensorError, deserialize

#: The names that safetensors and torch give to a dtype.
DTYPES: Mapping[str, str] = {
    "F64": "torch.float64", "F32": "torch.float32", "F16": "torch.float16", "BF16": "torch.bfloat16",
    "C64": "torch.complex64", "I64": "torch.int64", "I32": "torch.int32", "I16": "torch.int16", "I8": "torch.int8",
    "U8": "torch.uint8", "BOOL": "torch.bool",
}  # fmt: skip
_LONG = frozenset({"F64", "C64", "I64"})  # each such value could hold two weights
_MEAN, _VARIANCE, _COUNT = "running_mean", "running_var", "num_batches_tracked"
_MOST_DIMENSIONS = 16


class StateError(Exception):
    """The bytes are no tensors that a network could have; the message says why."""


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """One tensor: its dtype by safetensors' name, its shape, and its values in row-major order, little-endian."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes

    @property
    def num_values(self) -> int:
        """How many values of up to 4 bytes it has room for; a single number of 8 bytes, a counter, is one."""
        count = prod(self.shape)
        return 2 * count if self.dtype in _LONG and count > 1 else count


State = Mapping[str, StoredTensor]


def read_state(content: bytes) -> State:
    """The tensors in safetensors bytes, sorted by name; metadata is dropped. Raises `StateError`."""
    try:
        found = {
            name: StoredTensor(tensor["dtype"], tuple(tensor["shape"]), bytes(tensor["data"]))
            for name, tensor in sorted(_parsed(content), key=lambda pair: pair[0])
        }
    except (SafetensorError, ValueError, TypeError, KeyError) as error:
        raise StateError(f"no safetensors: {error}"[:200]) from error
    for name, tensor in found.items():
        if tensor.dtype not in DTYPES or len(tensor.shape) > _MOST_DIMENSIONS:
            raise StateError(f"{name[:100]!r} is a tensor of {tensor.dtype} in {len(tensor.shape)} dimensions")
    return found


def _parsed(content: bytes) -> list[tuple[str, dict[str, Any]]]:
    parsed: list[tuple[str, dict[str, Any]]] = deserialize(content)  # type: ignore[no-untyped-call]
    return parsed


def written_state(state: State) -> bytes:
    """The tensors as safetensors: equal states give equal bytes, which hold nothing else."""
    header: dict[str, Any] = {}
    end = 0
    for name, tensor in sorted(state.items()):
        start, end = end, end + len(tensor.data)
        header[name] = {"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the values are aligned
    return b"".join((struct.pack("<Q", len(text)), text, *(state[name].data for name in sorted(state))))


def misfit(state: State, expected: Sequence[Any]) -> str:
    """Why a state does not fit a network whose tensors are `expected`, [name, torch's dtype, shape]; "" where it does.

    Buffers that no training changed may be missing.
    """
    places = {row[0]: (row[1], row[2]) for row in expected if isinstance(row, list) and len(row) == 3}
    for name, tensor in state.items():
        if name not in places:
            return f"the network, built again, has no {name[:100]!r}"
        dtype, shape = places[name]
        if (DTYPES[tensor.dtype], list(tensor.shape)) != (dtype, shape):
            had = f"{DTYPES[tensor.dtype]} {list(tensor.shape)}"
            return (
                f"{name[:100]!r} is {had} after the training, and {str(dtype)[:40]} {str(shape)[:100]} when built again"
            )
    return ""


def num_learned(state: State) -> int:
    """The least number of values that the training set: equal tensors count once, since a network may share them.

    Running statistics do not count, as far as tensors can be such: both of them, one value a channel, no variance below
    0, and no more of them than of the other values.
    """
    statistics = {name for prefix in _normalisations(state) for name in (f"{prefix}{_MEAN}", f"{prefix}{_VARIANCE}")}
    counters = {n for n, tensor in state.items() if n.rpartition(".")[2] == _COUNT and tensor.shape == ()}
    different = {tensor for name, tensor in state.items() if name not in statistics | counters}
    counted = sum(tensor.num_values for tensor in different)
    return counted + max(0, sum(state[name].num_values for name in statistics) - counted)


def _normalisations(state: State) -> list[str]:
    """The prefixes of the names of running statistics."""
    prefixes = [name.removesuffix(_MEAN) for name in state if name.rpartition(".")[2] == _MEAN]
    return [p for p in prefixes if _are_statistics(state[f"{p}{_MEAN}"], state.get(f"{p}{_VARIANCE}"))]


def _are_statistics(mean: StoredTensor, variance: StoredTensor | None) -> bool:
    if variance is None or (mean.dtype, mean.shape) != (variance.dtype, variance.shape) or len(mean.shape) != 1:
        return False
    if mean.dtype not in ("F32", "F64"):
        return mean.dtype in ("F16", "BF16")
    values = struct.unpack(f"<{mean.shape[0]}{'f' if mean.dtype == 'F32' else 'd'}", variance.data)
    return all(not value < 0 for value in values)
