"""The records of an index: networks, layers, segments and refusals, as frozen records and as Parquet columns."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gi.core.quoting import shown

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Layer:
    """One convolution of a network, with a weight (out, in / groups, *kernel).

    `base` is the id of its first kernel: kernel (o, i) is `base + o * (in_channels // groups) + i`. `row` is the index
    of its first kernel in the array of its shape, shared by layers of equal weights (`content`); `copy` marks all but
    the first of those. `kind` is "conv", "transposed" (stored as (out, in), not flipped) or "depthwise"; `scaled` is
    False for integer weights of unknown scale. `position` counts within the network, in the order of execution; `reads`
    and `writes` are the names of its input and output in the file.
    """

    id: int
    network: int
    position: int
    name: str
    kind: str
    shape: tuple[int, ...]
    out_channels: int
    in_channels: int
    groups: int
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: tuple[int, ...]
    activation: str
    base: int
    row: int
    content: str
    copy: bool
    bias: int
    norm: int
    epsilon: float
    kurtosis: float
    correlation: float
    scaled: bool
    reads: str
    writes: str

    @property
    def num_kernels(self) -> int:
        """The number of kernels: output channels times input channels of one group."""
        return self.out_channels * (self.in_channels // self.groups)


@dataclass(frozen=True, slots=True)
class Network:
    """One network, or a refused file: `reason` is "" for a network in the index.

    `opaque` counts the operators at which tracing of channels ended, as "Gemm 1, Softmax 2"; `opset` is 0 where
    the file does not declare it.
    """

    id: int
    name: str
    origin: str
    licence: str
    content: str
    format: str
    producer: str
    opset: int
    layers: int
    kernels: int
    refused: int
    opaque: str
    reason: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of input channels of a layer that are output channels of another.

    Input channel `start + k * step` of `layer` is fed by output channel `source_start + k * stride` of `source`, for k
    in 0 .. length - 1. Stride 0: one channel feeds them all (a gate). `through` marks channels that pass a depthwise
    convolution in between.
    """

    layer: int
    start: int
    length: int
    step: int
    source: int
    source_start: int
    stride: int
    through: bool


@dataclass(frozen=True, slots=True)
class LayerRefusal:
    """A layer that was left out of the index, with the reason."""

    network: int
    layer: str
    reason: str


def _columns(**types: pa.DataType) -> pa.Schema:
    return pa.schema(list(types.items()))


_TEXT, _COUNT, _ID, _REAL, _FLAG, _SIZES = (
    # Kernels count in 64 bits: a ResNet-50 has 13.4 million of them, and an index hundreds of networks.
    pa.string(), pa.int32(), pa.int64(), pa.float32(), pa.bool_(), pa.list_(pa.int32())
)  # fmt: skip

NETWORKS = _columns(
    id=_COUNT, name=_TEXT, origin=_TEXT, licence=_TEXT, content=_TEXT, format=_TEXT, producer=_TEXT, opset=_ID,
    layers=_COUNT, kernels=_ID, refused=_COUNT, opaque=_TEXT, reason=_TEXT,
)  # fmt: skip
LAYERS = _columns(
    id=_COUNT, network=_COUNT, position=_COUNT, name=_TEXT, kind=_TEXT, shape=_SIZES, out_channels=_COUNT,
    in_channels=_COUNT, groups=_COUNT, strides=_SIZES, dilations=_SIZES, pads=_SIZES, activation=_TEXT, base=_ID,
    row=_ID, content=_TEXT, copy=_FLAG, bias=_ID, norm=_ID, epsilon=_REAL, kurtosis=_REAL, correlation=_REAL,
    scaled=_FLAG, reads=_TEXT, writes=_TEXT,
)  # fmt: skip
SEGMENTS = _columns(
    layer=_COUNT, start=_COUNT, length=_COUNT, step=_COUNT, source=_COUNT, source_start=_COUNT, stride=_COUNT,
    through=_FLAG,
)  # fmt: skip
REFUSED = _columns(network=_COUNT, layer=_TEXT, reason=_TEXT)
TABLES = {"networks": NETWORKS, "layers": LAYERS, "segments": SEGMENTS, "refused": REFUSED}


def plain(text: str | bytes) -> str:
    """A text from a file as one line of valid UTF-8; protobuf returns bytes for invalid UTF-8.

    Control characters are escaped, since a layer's name may contain terminal commands.
    """
    raw = text if isinstance(text, bytes) else text.encode("utf-8", "replace")
    return shown(" ".join(raw.decode("utf-8", "replace").split()))


def shape_name(shape: tuple[int, ...]) -> str:
    """The name of a kernel shape: (3, 3) is "3x3"."""
    return "x".join(map(str, shape))


def shape_of(name: str) -> tuple[int, ...]:
    """The kernel shape of a name such as "3x3"."""
    return tuple(map(int, name.split("x")))
