"""Tiny ONNX files made by hand, whose kernels and channels are known."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from gi.kernels.index.addition import IndexSource
from gi.kernels.index.build import build
from gi.kernels.index.reader import Index


def trained(*shape, seed=0):
    """Weights that look trained: heavy tails, whatever their number."""
    return np.random.default_rng(seed).standard_t(3, shape).astype(np.float32)


def conv(name, x, weight, bias=None, **attributes):
    """A Conv node that makes `name`, and its initialisers."""
    inputs = [x, f"{name}.weight"] + ([f"{name}.bias"] if bias is not None else [])
    group = attributes.get("group", 1)
    node = helper.make_node("Conv", inputs, [name], name=name, **{**attributes, "group": group})
    stored = {f"{name}.weight": weight} | ({f"{name}.bias": bias} if bias is not None else {})
    return node, stored


def node(kind, inputs, outputs, **attributes):
    """Any other node."""
    return helper.make_node(kind, inputs, outputs if isinstance(outputs, list) else [outputs], **attributes)


def model(nodes, stored, *, shape=(1, 3, 16, 16), opset=17, domains=()):
    """A model of nodes, or (node, stored) pairs as `conv` gives; `stored` are arrays or TensorProtos by name."""
    stored = dict(stored)
    flat = []
    for item in nodes:
        if isinstance(item, tuple):
            stored |= item[1]
            item = item[0]
        flat.append(item)
    tensors = [
        v if isinstance(v, TensorProto) else numpy_helper.from_array(np.asarray(v), n) for n, v in stored.items()
    ]
    graph = helper.make_graph(
        flat, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(flat[-1].output[0], TensorProto.FLOAT, None)], tensors,
    )  # fmt: skip
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in domains)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8)


def write(folder, name, made):
    """Writes a model and returns its path."""
    path = folder / name
    onnx.save(made, path)
    return path


def index_of(folder, *models, **options):
    """An index of these models, written to `folder`."""
    paths = [write(folder, f"m{number}.onnx", made) for number, made in enumerate(models)]
    build([IndexSource(path, path.name) for path in paths], folder / "index", **options)
    return Index.open(folder / "index")


def only_network(folder, made, **options):
    """The one network's row of an index of one model."""
    return index_of(folder, made, **options).network(0)
