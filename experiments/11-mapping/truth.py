"""The truth about who feeds whom: one producing channel is changed, and onnxruntime shows which channels move.

The graph is cut at every operator that mixes channels: what it makes becomes an input of its own. A depthwise
convolution is not cut, since channels pass it; what it makes can be shifted. So a change reaches exactly the consumers
that a channel can reach without being mixed, and no other way round.
"""

import numpy as np
import onnx
import onnxruntime as ort

MIXING = {"Conv", "ConvTranspose", "Gemm", "MatMul", "LSTM", "GRU", "RNN", "If", "Loop", "Scan", "Einsum"}
DRAWS = 4


class Truth:
    """One cut network, ready to be asked."""

    def __init__(self, path, seed):
        self._rng = np.random.default_rng(seed)
        model = onnx.load(path)
        del model.graph.value_info[:]
        shapes = _shapes_of_cuts(model, self._rng)
        self.model, self.cuts, self.reads = _cut(model, shapes)
        self._session = _session(self.model)
        self._inputs = {value.name for value in self._session.get_inputs()}
        self._values = {name: self._drawn(shape) for name, shape in shapes.items() if name in self._inputs}
        self._values |= {name: np.zeros(shape, np.float32) for name, shape in self._shifts(shapes).items()}
        self._values |= _network_inputs(self.model, self._inputs - set(self._values), self._rng)

    def moved(self, producer, channel):
        """The channels of each read value that move with one channel of the value `producer`: name -> set."""
        found = {name: set() for name in self.reads}
        place = producer if producer in self._values else _shift(producer)
        kept = self._values[place]
        before = self._run()
        for draw in range(DRAWS):
            changed = kept.copy()
            # All up, then all down: a channel of one number may stand on a rectifier's flat side.
            size = np.abs(self._rng.normal(0, 1.5, changed[:, channel].shape)) + 0.1
            changed[:, channel] = size if draw % 2 else -size
            self._values[place] = changed
            after = self._run()
            self._values[place] = kept
            for name, old, new in zip(self.reads, before, after, strict=True):
                if old.ndim >= 2:
                    moves = np.moveaxis(old != new, 1, 0).reshape(old.shape[1], -1).any(axis=1)
                    found[name] |= set(np.flatnonzero(moves).tolist())
        return found

    def _run(self):
        return self._session.run(self.reads, self._values)

    def _drawn(self, shape):
        return self._rng.normal(0, 1.5, shape).astype(np.float32)

    def _shifts(self, shapes):
        return {_shift(name): shape for name, shape in shapes.items() if _shift(name) in self._inputs}


def _shift(name):
    return f"{name}/shift"


def _is_depthwise(node, weights):
    group = next((a.i for a in node.attribute if a.name == "group"), 1)
    dims = weights.get(node.input[1])
    return node.op_type == "Conv" and group > 1 and dims is not None and dims[1] == 1


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
    """The cut model, the names that may be changed, and the names that convolutions read."""
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
    return cut, [value.name for value in inputs], reads


def _network_inputs(model, names, rng):
    dims = {value.name: value.type.tensor_type.shape.dim for value in model.graph.input}
    sizes = {name: [d.dim_value or (1 if at == 0 else 64) for at, d in enumerate(dims[name])] for name in names}
    return {name: rng.normal(0, 1, size).astype(np.float32) for name, size in sizes.items()}


def _session(model):
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
