"""The truth about who feeds whom: one producing channel is changed, and onnxruntime shows which channels move.

The graph is cut at every operator that mixes channels: what it makes becomes an input of its own. A depthwise
convolution is not cut, since channels pass it; what it makes can be shifted. So a change reaches exactly the consumers
that a channel can reach without being mixed, and no other way round.
"""

import numpy as np
import onnx
import onnxruntime as ort

MIXING = {"Conv", "ConvTranspose", "Gemm", "MatMul", "LSTM", "GRU", "RNN", "If", "Loop", "Scan", "Einsum"}
DRAWS = 6


class Truth:
    """One cut network, ready to be asked."""

    def __init__(self, path, seed):
        rng = np.random.default_rng(seed)
        model = onnx.load(path)
        del model.graph.value_info[:]
        _redraw_depthwise(model, rng)
        shapes = _shapes_of_cuts(model, rng)
        self.model, self.reads = _cut(model, shapes)
        self._session = _session(self.model)
        inputs = {value.name for value in self._session.get_inputs()}
        self._values = [_values(self.model, inputs, shapes, rng) for _ in range(DRAWS)]
        self._before = [self._session.run(self.reads, values) for values in self._values]
        self._rng = rng

    def moved(self, producer, channel):
        """The channels of each read value that move with one channel of the value `producer`: name -> set.

        Each draw has other values all over, since a gated value may be zero, and the channel goes all up or all down,
        since one number may stand on a rectifier's flat side.
        """
        found = {name: set() for name in self.reads}
        place = producer if producer in self._values[0] else _shift(producer)
        for draw, (values, before) in enumerate(zip(self._values, self._before, strict=True)):
            changed = values[place].copy()
            size = np.abs(self._rng.normal(0, 1.5, changed[:, channel].shape)) + 0.1
            changed[:, channel] = size if draw % 2 else -size
            after = self._session.run(self.reads, {**values, place: changed})
            for name, old, new in zip(self.reads, before, after, strict=True):
                if old.ndim >= 2:
                    moves = np.moveaxis(old != new, 1, 0).reshape(old.shape[1], -1).any(axis=1)
                    found[name] |= set(np.flatnonzero(moves).tolist())
        return found


def _values(model, inputs, shapes, rng):
    """Random numbers for what was cut, nothing for shifts, random numbers for the network's own inputs."""
    cut = {name: rng.normal(0, 1.5, shape).astype(np.float32) for name, shape in shapes.items() if name in inputs}
    shifts = {_shift(name): np.zeros(shape, np.float32) for name, shape in shapes.items() if _shift(name) in inputs}
    return {**cut, **shifts, **_network_inputs(model, inputs - set(cut) - set(shifts), rng)}


def _shift(name):
    return f"{name}/shift"


def _is_depthwise(node, weights):
    group = next((a.i for a in node.attribute if a.name == "group"), 1)
    dims = weights.get(node.input[1])
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


def _shapes_of_cuts(model, rng):
    """The shapes of what the mixing operators make, found by running the whole network once."""
    whole = onnx.ModelProto()
    whole.CopyFrom(model)
    names = [out for node in whole.graph.node if node.op_type in MIXING for out in node.output if out]
    known = {value.name for value in whole.graph.output}
    whole.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in known)
    session = _session(whole)
    feeds = _network_inputs(whole, {value.name for value in session.get_inputs()}, rng)
    return dict(zip(names, (made.shape for made in session.run(names, feeds)), strict=True))


def _cut(model, shapes):
    """The cut model and the names that convolutions read."""
    weights = {tensor.name: tensor.dims for tensor in model.graph.initializer}
    nodes, inputs, reads = [], [], []
    for node in model.graph.node:
        if node.op_type in ("Conv", "ConvTranspose"):
            reads.append(node.input[0])
        if node.op_type not in MIXING:
            nodes.append(node)
            continue
        depthwise = _is_depthwise(node, weights)
        if depthwise:
            name = node.output[0]
            node.output[0] = f"{name}/bare"
            nodes += [node, onnx.helper.make_node("Add", [f"{name}/bare", _shift(name)], [name])]
        for out in node.output if not depthwise else [name]:
            place = _shift(out) if depthwise else out
            inputs.append(onnx.helper.make_tensor_value_info(place, onnx.TensorProto.FLOAT, shapes[out]))
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


def _network_inputs(model, names, rng):
    dims = {value.name: value.type.tensor_type.shape.dim for value in model.graph.input}
    sizes = {
        name: [d.dim_value if d.dim_value > 0 else (1 if at == 0 else 64) for at, d in enumerate(dims[name])]
        for name in names
    }
    return {name: rng.normal(0, 1, size).astype(np.float32) for name, size in sizes.items()}


def _session(model):
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
