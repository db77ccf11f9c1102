"""The truth about who feeds whom: one producing channel is changed, and onnxruntime shows which channels move.

The graph is cut at every operator that mixes channels: what it makes becomes an input of its own. A depthwise
convolution is not cut, since channels pass it; what it makes can be shifted. So a change reaches exactly the consumers
that a channel can reach without being mixed, and no other way round. Normalisations pass each channel on, their
statistics held fixed: of one channel the others learn nothing but a scale. Rectifiers leak, since the flat sides of
eight in a row hide a channel that passes them all.
"""

import numpy as np
import onnx
import onnxruntime as ort

MIXING = {"Conv", "ConvTranspose", "Gemm", "MatMul", "LSTM", "GRU", "RNN", "Loop", "Scan", "Einsum"}
NORMALISING = {"LayerNormalization", "GroupNormalization", "InstanceNormalization", "LRN", "MeanVarianceNormalization"}
DRAWS = 6


class Truth:
    """One cut network, ready to be asked; `ends` are outputs of operators that are cut as well."""

    def __init__(self, path, seed, ends=()):
        rng = np.random.default_rng(seed)
        model = onnx.load(path)
        del model.graph.value_info[:]
        _redraw_depthwise(model, rng)
        self._ends = frozenset(ends)
        samples = self._samples_of_cuts(model, rng)
        weights = {name: value.shape for name, value in samples.items()}
        weights |= {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
        self.model, self.reads = self._cut(model, samples, weights)
        self._session = _session(self.model)
        inputs = {value.name for value in self._session.get_inputs()}
        self._values = [_values(self.model, inputs, samples, rng, draw) for draw in range(DRAWS)]
        self._before = [self._session.run(self.reads, values) for values in self._values]
        self._rng = rng

    def moved(self, producer, channel):
        """The channels of each read value that move with one channel of the value `producer`: name -> set.

        Each draw has other values all over, since a gated value may be zero, and the channel goes all up or all down,
        since one number may stand on a rectifier's flat side.
        """
        moving = {name: set() for name in self.reads}
        place = producer if producer in self._values[0] else _shift(producer)
        for draw, (values, before) in enumerate(zip(self._values, self._before, strict=True)):
            changed = values[place].copy()
            size = np.abs(self._rng.normal(0, 1.5, changed[:, channel].shape)) + 0.1
            size *= 1e4 if draw > 3 else 1  # scales of 0.1 in a row make a small change less than one bit
            changed[:, channel] = size if draw % 2 else -size
            after = self._session.run(self.reads, {**values, place: changed})
            for name, old, new in zip(self.reads, before, after, strict=True):
                if old.ndim >= 2:
                    moves = np.moveaxis(old != new, 1, 0).reshape(old.shape[1], -1).any(axis=1)
                    moving[name] |= set(np.flatnonzero(moves).tolist())
        return moving

    def _is_cut(self, node):
        return node.op_type in MIXING or any(name in self._ends for name in node.output)

    def _samples_of_cuts(self, model, rng):
        """What the cut operators make, and weights that the network computes, found by running it once."""
        whole = onnx.ModelProto()
        whole.CopyFrom(model)
        made = {out for node in whole.graph.node for out in node.output}
        names = [out for node in whole.graph.node if self._is_cut(node) for out in node.output if out]
        names += [node.input[1] for node in whole.graph.node if node.op_type == "Conv" and node.input[1] in made]
        names = list(dict.fromkeys(names))
        known = {value.name for value in whole.graph.output}
        whole.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in known)
        session = _session(whole)
        feeds = _network_inputs(whole, {value.name for value in session.get_inputs()}, rng)
        return dict(zip(names, session.run(names, feeds), strict=True)) if names else {}

    def _cut(self, model, samples, weights):
        """The cut model and the names that convolutions read."""
        nodes, inputs, reads = [], [], []
        for node in model.graph.node:
            if node.op_type in ("Conv", "ConvTranspose"):
                reads.append(node.input[0])
            if node.op_type == "Relu":
                nodes.append(onnx.helper.make_node("LeakyRelu", node.input, node.output, alpha=0.2))
                continue
            if node.op_type in NORMALISING and not self._is_cut(node):
                nodes.append(onnx.helper.make_node("Identity", node.input[:1], node.output[:1]))
                continue
            if not self._is_cut(node):
                nodes.append(node)
                continue
            depthwise = _is_depthwise(node, weights)
            if depthwise:
                name = node.output[0]
                node.output[0] = f"{name}/bare"
                nodes += [node, onnx.helper.make_node("Add", [f"{name}/bare", _shift(name)], [name])]
            for out in [name for name in node.output if name] if not depthwise else [name]:
                place = _shift(out) if depthwise else out
                kind = onnx.helper.np_dtype_to_tensor_dtype(samples[out].dtype)
                inputs.append(onnx.helper.make_tensor_value_info(place, kind, samples[out].shape))
        cut = onnx.ModelProto()
        cut.CopyFrom(model)
        del cut.graph.node[:], cut.graph.output[:]
        made = {out for node in nodes for out in node.output} | {value.name for value in inputs}
        made |= {value.name for value in cut.graph.input}
        reads = [name for name in dict.fromkeys(reads) if name in made]
        cut.graph.node.extend(nodes)
        cut.graph.input.extend(inputs)
        cut.graph.output.extend(onnx.ValueInfoProto(name=name) for name in reads)
        return cut, reads


def _values(model, inputs, samples, rng, draw):
    """Random numbers for what was cut, nothing for shifts, random numbers for the network's own inputs."""
    cut = {name: _drawn(sample, rng) for name, sample in samples.items() if name in inputs}
    shifts = {_shift(name): np.zeros(s.shape, s.dtype) for name, s in samples.items() if _shift(name) in inputs}
    return {**cut, **shifts, **_network_inputs(model, inputs - set(cut) - set(shifts), rng, draw)}


def _drawn(sample, rng):
    """Other real numbers in place of these; integers and truth values stay, since they may be sizes."""
    return rng.normal(0, 1.5, sample.shape).astype(sample.dtype) if sample.dtype.kind == "f" else sample


def _shift(name):
    return f"{name}/shift"


def _is_depthwise(node, weights):
    group = next((a.i for a in node.attribute if a.name == "group"), 1)
    dims = weights.get(node.input[1]) if len(node.input) > 1 else None
    return node.op_type == "Conv" and group > 1 and dims is not None and dims[1] == 1


def _redraw_depthwise(model, rng):
    """Other weights for the convolutions that stay: training may have brought a channel's to nothing."""
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    dims = {name: tensor.dims for name, tensor in weights.items()}
    for node in model.graph.node:
        if node.op_type == "Conv" and _is_depthwise(node, dims):
            for name in [name for name in node.input[1:] if name in weights]:  # an equal bias may come from elsewhere
                drawn = rng.normal(0, 1, dims[name]).astype(np.float32)
                weights[name].CopyFrom(onnx.numpy_helper.from_array(drawn, name))


def _network_inputs(model, names, rng, draw=0):
    """Random numbers for a network's inputs; of its flags each draw has other ones."""
    given = {value.name: value.type.tensor_type for value in model.graph.input}
    flags = [name for name, kind in given.items() if kind.elem_type == onnx.TensorProto.BOOL]
    values = {name: np.array(bool(draw >> at & 1)) for at, name in enumerate(flags) if name in names}
    for name in names - values.keys():
        sizes = [
            d.dim_value if d.dim_value > 0 else (1 if at == 0 else 64) for at, d in enumerate(given[name].shape.dim)
        ]
        values[name] = rng.normal(0, 1, sizes).astype(np.float32)
    return values


def _session(model):
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
