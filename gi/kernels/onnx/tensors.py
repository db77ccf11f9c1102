"""Stored tensors of a model as numpy arrays: raw, typed, sparse and external data, of any element type."""

import math
import mmap
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnx.helper import tensor_dtype_to_np_dtype

from gi.kernels.onnx.wire import Bulk

Array = np.ndarray[Any, Any]
# Far above the weight of any convolution.
LARGEST_ELEMENTS = 1 << 30
_PACKED = {"INT4", "UINT4", "FLOAT4E2M1", "INT2", "UINT2"}


class TensorError(ValueError):
    """A tensor whose data is missing, of the wrong length or outside the model's folder."""


@dataclass(slots=True)
class Reader:
    """Reads the tensors of one model file; its external data must be inside `folder`."""

    folder: Path
    bulk: Bulk
    _external: dict[str, memoryview] = field(default_factory=dict)

    @property
    def external_bytes(self) -> int:
        """The size of the external data files that were opened so far."""
        return sum(map(len, self._external.values()))

    # Otherwise many gigabytes of external data would stay in memory until the build ends.
    def let_go(self) -> None:
        """Releases the memory of external data; later accesses read it again."""
        for data in self._external.values():
            if isinstance(data.obj, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
                data.obj.madvise(mmap.MADV_DONTNEED)

    def array(self, tensor: TensorProto) -> Array:
        """The values of a stored tensor, if possible a view of the file. Raises `TensorError`."""
        dims = checked_dims(tensor.dims)
        kind = element_type(tensor)
        if tensor.data_location == TensorProto.EXTERNAL:
            return self._from_raw(tensor, kind, dims, self._external_data(tensor))
        if tensor.HasField("raw_data"):
            return self._from_raw(tensor, kind, dims, self.bulk.resolve(tensor.raw_data))
        return _from_typed(tensor, dims)

    def sparse(self, tensor: onnx.SparseTensorProto) -> Array:
        """A sparse tensor as a dense array. Raises `TensorError`."""
        dims = checked_dims(tensor.dims)
        values, places = self.array(tensor.values).reshape(-1), self.array(tensor.indices).astype(np.int64)
        size = math.prod(dims)
        # A sparse tensor of a few bytes may declare any size.
        if size > 64 * max(4096, values.size):
            raise TensorError(f"sparse of {size} elements with {values.size} values: more than 64 to one is refused")
        if places.ndim == 2 and places.shape == (values.size, len(dims)):
            if (places < 0).any() or (places >= np.array(dims, np.int64)).any():
                raise TensorError("sparse indices outside the tensor")
            places = np.ravel_multi_index(tuple(places.T), dims)
        if places.shape != values.shape or (places < 0).any() or (places >= size).any():
            raise TensorError("sparse indices that do not fit the values")
        full = np.zeros(size, values.dtype)
        full[places] = values
        return full.reshape(dims)

    def _from_raw(self, tensor: TensorProto, kind: str, dims: tuple[int, ...], data: memoryview) -> Array:
        # onnx unpacks elements of less than a byte.
        if kind in _PACKED:
            return _from_packed(tensor, dims, data)
        dtype = np.dtype(tensor_dtype_to_np_dtype(tensor.data_type))
        wanted = math.prod(dims) * dtype.itemsize
        if len(data) != wanted:
            raise TensorError(f"{len(data)} bytes of data where its dimensions {list(dims)} of {kind} need {wanted}")
        # The format is little-endian on every machine.
        return np.frombuffer(data, dtype.newbyteorder("<") if dtype.itemsize > 1 else dtype).reshape(dims)

    def _external_data(self, tensor: TensorProto) -> memoryview:
        entries = {entry.key: entry.value for entry in tensor.external_data}
        location = entries.get("location", "")
        if location not in self._external:
            self._external[location] = _mapped(external_path(self.folder, location))
        data = self._external[location]
        offset = _entry(entries, "offset", 0)
        length = _entry(entries, "length", len(data) - offset)
        if offset + length > len(data) or length < 0:
            raise TensorError(
                f"external data {location!r} has {len(data)} bytes, the model asks for {length} from {offset}"
            )
        return data[offset : offset + length]


def checked_dims(dims: Any) -> tuple[int, ...]:
    """The dimensions of a stored tensor. Raises `TensorError` for negative or too large ones."""
    sizes = tuple(int(size) for size in dims)
    if (
        any(not 0 <= size <= LARGEST_ELEMENTS for size in sizes)
        or len(sizes) > 8
        or math.prod(sizes) > LARGEST_ELEMENTS
    ):
        raise TensorError(f"dimensions {list(sizes)[:8]} are more than {LARGEST_ELEMENTS} elements, or negative")
    return sizes


def element_type(tensor: TensorProto) -> str:
    """The name of a tensor's element type. Raises `TensorError` for a type that is not numeric."""
    name = (
        TensorProto.DataType.keys()[tensor.data_type]
        if 0 <= tensor.data_type < len(TensorProto.DataType.keys())
        else ""
    )
    if name in ("", "UNDEFINED", "STRING"):
        raise TensorError(f"element type {name or tensor.data_type} is no number")
    return str(name)


def external_path(folder: Path, location: str) -> Path:
    """The external data file of a model in `folder`. Raises `TensorError` for one outside it."""
    root = folder.resolve()
    # The path and its target are checked: a harmless path may be a link to a file elsewhere.
    if not location or "\0" in location or Path(location).is_absolute() or ".." in Path(location).parts:
        raise TensorError(f"external data {location[:80]!r} is no path inside the model's folder: refused")
    path = root / location
    try:
        target = path.resolve(strict=True)
        regular = stat.S_ISREG(target.stat().st_mode)
    except (OSError, RuntimeError, ValueError):
        raise TensorError(f"external data {location[:80]!r} is missing") from None
    if not target.is_relative_to(root):
        raise TensorError(f"external data {location[:80]!r} leads out of the model's folder: refused")
    # A pipe would block the build, and a device may have no end.
    if not regular:
        raise TensorError(f"external data {location[:80]!r} is no regular file")
    return target


def _mapped(path: Path) -> memoryview:
    try:
        with path.open("rb") as file:
            if not path.stat().st_size:
                return memoryview(b"")
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except OSError as error:
        raise TensorError(f"external data {path.name[:80]!r} cannot be read: {error.strerror}") from error


def _entry(entries: dict[str, str], name: str, default: int) -> int:
    text = entries.get(name, "")
    if not text:
        return default
    # int() would accept digits of other scripts, and "1_0".
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise TensorError(f"external data has the {name} {text[:40]!r}, which is no number of bytes")
    return int(text)


def _from_typed(tensor: TensorProto, dims: tuple[int, ...]) -> Array:
    """Values in the fields for one type each (`float_data`, `int32_data`, ...)."""
    stored = max(len(tensor.float_data), len(tensor.int32_data), len(tensor.int64_data))
    stored = max(stored, len(tensor.double_data), len(tensor.uint64_data))
    wanted: int = math.prod(dims)
    if wanted and not stored:
        raise TensorError("an initialiser without its data")
    # One stored integer holds up to eight short elements.
    if wanted > 8 * stored:
        raise TensorError(f"{stored} values where its dimensions {list(dims)} need {wanted}")
    return _converted(tensor)


def _from_packed(tensor: TensorProto, dims: tuple[int, ...], data: memoryview) -> Array:
    """Elements of less than a byte, unpacked by onnx."""
    if not math.prod(dims) <= 4 * len(data) <= 8 * math.prod(dims) + 8:
        raise TensorError(f"{len(data)} bytes of data where its dimensions {list(dims)} need fewer or more")
    whole = TensorProto(dims=dims, data_type=tensor.data_type, raw_data=bytes(data))
    return _converted(whole)


def _converted(tensor: TensorProto) -> Array:
    try:
        return np.asarray(numpy_helper.to_array(tensor))
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise TensorError(f"its data does not fit its dimensions ({str(error)[:80]})") from error
