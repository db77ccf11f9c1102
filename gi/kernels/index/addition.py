"""The addition of one model file to an index: its layers, its segments, and its row."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gi.kernels.channels.mapping import Mapped, map_channels
from gi.kernels.index.trained import statistics
from gi.kernels.index.writer import Store
from gi.kernels.onnx.convolutions import Convolution, Unreadable, convolutions
from gi.kernels.onnx.graphs import OnnxGraph
from gi.kernels.onnx.reading import Model, ModelError, read_model
from gi.kernels.onnx.tensors import TensorError
from gi.kernels.records import Layer, LayerRefusal, Network

#: The most bytes of weights for each byte of the file: shared and sparse weights are legal. A byte of external data
#: counts as one.
_MOST_TIMES_ITS_SIZE = 64
_MOST_BYTES_ANYWAY = 256 << 20
_HELD_BYTES = 128 << 20  # of mapped external data, after which it is released


@dataclass(frozen=True, slots=True)
class IndexSource:
    """A model file to add, with its origin and licence.

    `prepare`, which may raise `GiError`, makes the file only when it is needed; `content` then identifies it
    beforehand. `trained` skips the check for untrained layers: a short training leaves a first layer nearly as it was
    drawn.
    """

    path: Path
    name: str
    origin: str = ""
    licence: str = "unknown"
    format: str = "onnx"
    content: str = ""
    prepare: Callable[[], None] | None = None
    trained: bool = False


class Addition:
    """The addition of one network to the index."""

    def __init__(self, store: Store, source: IndexSource, content: str, keep_untrained: bool) -> None:
        self._store = store
        self._source = source
        self._content = content
        self._keep_untrained = keep_untrained or source.trained
        self._id = store.state.num_networks
        self._first = store.state
        self._position = 0
        self._bytes = 0
        self._most_bytes = max(_MOST_BYTES_ANYWAY, _MOST_TIMES_ITS_SIZE * source.path.stat().st_size)
        self._refusals: list[LayerRefusal] = []
        self._contents: list[str] = []
        self._opaque: Counter[str] = Counter()

    def run(self) -> Network:
        """Adds the network's layers and segments; returns its row, which is not yet added. Raises `ModelError`."""
        try:
            model = read_model(self._source.path)
        except OSError as error:
            raise ModelError(f"cannot be read: {error.strerror}") from error
        mapped = [pair for graph in _graphs(model.graph) for pair in self._added(graph, model)]
        if mapped:
            channels = map_channels(model.graph, mapped)
            self._store.add_rows("segments", channels.segments)
            # Cut, since a file may contain arbitrary operator names.
            self._opaque.update(operator.type[:40] for operator in channels.ends)
        self._store.add_rows("refused", self._refusals)
        return self._row(model)

    def _added(self, graph: OnnxGraph, model: Model) -> Iterator[Mapped]:
        """Adds the convolutions of one graph."""
        for read in convolutions(graph):
            self._count(read, model)
            layer = self._add_layer(read)
            if layer is not None:
                yield Mapped(read.operator, layer)

    def _count(self, conv: Convolution | Unreadable, model: Model) -> None:
        """Adds up the bytes of weights. Raises `ModelError` where they exceed the limit for the file's size."""
        read = 0 if isinstance(conv, Unreadable) else conv.weight.nbytes
        if (self._bytes + read) // _HELD_BYTES > self._bytes // _HELD_BYTES:
            model.reader.let_go()
        self._bytes += read
        if self._bytes > self._most_bytes + model.reader.external_bytes:
            raise ModelError(f"its weights are more than {_MOST_TIMES_ITS_SIZE} times as large as the file: refused")

    def _add_layer(self, conv: Convolution | Unreadable) -> Layer | None:
        """Adds a layer; None where it is refused."""
        self._position += 1  # a refused layer counts: the position is that in the file
        if isinstance(conv, Unreadable):
            self._refusals.append(LayerRefusal(self._id, conv.name, conv.reason))
            return None
        stats = statistics(conv.weight)
        if stats.untrained and not self._keep_untrained:
            self._refusals.append(LayerRefusal(self._id, conv.name, stats.untrained))
            return None
        layer = Layer(
            id=self._store.state.num_layers, network=self._id, position=self._position - 1, name=conv.name,
            kind=conv.kind, shape=conv.weight.shape[2:], out_channels=len(conv.weight),
            in_channels=conv.in_channels, groups=conv.groups, strides=conv.sizes("strides"),
            dilations=conv.sizes("dilations"), pads=conv.operator.ints("pads"), activation=conv.activation,
            **self._store.add_weight(conv.weight), bias=self._store.add_vector(conv.bias),
            norm=self._store.add_vector(conv.norm.values if conv.norm else None),
            epsilon=conv.norm.epsilon if conv.norm else 0.0, kurtosis=stats.kurtosis, correlation=stats.correlation,
            scaled=conv.scaled, reads=_first(conv.operator.inputs), writes=_first(conv.operator.outputs),
        )  # fmt: skip
        self._store.add_layer(layer)
        self._contents.append(layer.content)
        return layer

    def _row(self, model: Model) -> Network:
        state, source = self._store.state, self._source
        layers = state.num_layers - self._first.num_layers
        return Network(
            id=self._id, name=source.name, origin=source.origin, licence=source.licence,
            content=self._whole_content(model), format=source.format, producer=model.producer, opset=model.opset,
            layers=layers, kernels=state.num_kernels - self._first.num_kernels, refused=len(self._refusals),
            opaque=", ".join(f"{name} {count}" for name, count in sorted(self._opaque.items())),
            reason="" if layers else self._why_nothing(model.graph),
        )  # fmt: skip

    def _whole_content(self, model: Model) -> str:
        """The digest of the file, including its layers where their data is in other files."""
        if not any(stored.is_external for stored in model.graph.stored.values()):
            return self._content
        return hashlib.sha256(" ".join([self._content, *self._contents]).encode()).hexdigest()

    def _why_nothing(self, graph: OnnxGraph) -> str:
        if not self._refusals:
            return self._missing_data(graph)
        (reason, _), *_ = Counter(refusal.reason for refusal in self._refusals).most_common(1)
        return f"no usable convolution of {len(self._refusals)}: {reason}"

    @staticmethod
    def _missing_data(graph: OnnxGraph) -> str:
        for stored in graph.stored.values():
            if stored.is_external:
                try:
                    stored.array()
                except TensorError as error:
                    return f"no convolution, and {error}"
        return "no convolution"


def _graphs(graph: OnnxGraph) -> Iterator[OnnxGraph]:
    yield graph
    for inner in graph.subgraphs:
        yield from _graphs(inner)


def _first(names: tuple[str, ...]) -> str:
    return names[0] if names else ""
