"""Who feeds whom, through every family of operators; the experiment 11-mapping holds it against onnxruntime."""

import numpy as np
import pytest
from onnx import AttributeProto, TensorProto

from gi.kernels.onnx.evaluator import NotEvaluatedError, fold
from gi.kernels.onnx.graphs import Operator
from tests.kernels.onnx_files import conv, index_of, model, node, trained


def pointwise(name, x, out, into, **attributes):
    return conv(name, x, trained(out, into, 1, 1), **attributes)


def sources(index, layer, *, through=True):
    """What feeds each input channel of a layer: {channel: [(layer name, output channel), ...]}."""
    wanted = next(i for i in range(index.layers.num_rows) if index.layer(i).name == layer)
    names = index.layers["name"].to_pylist()
    return {
        channel: sorted((names[source], out) for source, out in index.kinship.sources(wanted, channel, through=through))
        for channel in range(index.layer(wanted).in_channels)
    }


def same(name, count, start=0):
    return {channel: [(name, channel + start)] for channel in range(count)}


A, B = pointwise("a", "x", 4, 3), pointwise("b", "x", 4, 3)


def end(value, channels):
    return pointwise("end", value, 2, channels)


ONE_TO_ONE = {
    "activation": [node("LeakyRelu", ["a"], "v")],
    "clip with bounds": [node("Clip", ["a", "low", "high"], "v")],
    "normalisation": [node("BatchNormalization", ["a", "n", "n", "n", "n"], "v")],
    "instance norm": [node("InstanceNormalization", ["a", "n", "n"], "v")],
    "max pool": [node("MaxPool", ["a"], "v", kernel_shape=[2, 2], strides=[2, 2])],
    "global pool": [node("GlobalAveragePool", ["a"], "v")],
    "mean over places": [node("ReduceMean", ["a"], "v", axes=[2, 3])],
    "resize": [node("Resize", ["a", "", "scales"], "v")],
    "quantise": [node("QuantizeLinear", ["a", "s", "z"], "q"), node("DequantizeLinear", ["q", "s", "z"], "v")],
    "scalar arithmetic": [node("Mul", ["a", "s"], "m"), node("Add", ["m", "per_channel"], "v")],
    "pad of places": [node("Pad", ["a", "pads"], "v", mode="reflect")],
    "to channels last and back": [
        node("Transpose", ["a"], "t", perm=[0, 2, 3, 1]), node("Mul", ["t", "n"], "m"),
        node("Transpose", ["m"], "v", perm=[0, 3, 1, 2]),
    ],
    "crop": [node("Slice", ["a", "zero", "eight", "two"], "v")],
    "softmax over places": [node("Softmax", ["a"], "v", axis=3)],
    "dropout": [node("Dropout", ["a"], ["v", "mask"])],
    "reshape there and back": [
        node("Shape", ["a"], "shape"), node("Reshape", ["a", "flat"], "f"), node("Reshape", ["f", "shape"], "v"),
    ],
}  # fmt: skip
STORED = {
    "n": np.float32([1, 2, 3, 4]), "low": np.float32(0), "high": np.float32(6), "s": np.float32(0.5), "z": np.int8(0),
    "scales": np.float32([1, 1, 2, 2]), "per_channel": np.ones((1, 4, 1, 1), "f"), "zero": np.int64([0]),
    "pads": np.int64([0, 0, 1, 1, 0, 0, 1, 1]), "eight": np.int64([8]), "two": np.int64([2]),
    "flat": np.int64([1, 4, -1]), "one": np.int64([1]), "three": np.int64([3]), "four": np.int64([4]),
    "grouped": np.int64([1, 2, 2, 16, 16]), "whole": np.int64([1, 4, 16, 16]), "parts": np.int64([1, 3]),
    "order": np.int64([3, 1, 0, 2]), "channel_pads": np.int64([0, 1, 0, 0, 0, 2, 0, 0]),
    "repeats": np.int64([1, 2, 1, 1]),
}  # fmt: skip


@pytest.mark.parametrize("family", ONE_TO_ONE)
def test_channels_pass_one_to_one(tmp_path, family):
    index = index_of(tmp_path, model([A, *ONE_TO_ONE[family], end("v", 4)], STORED))
    assert sources(index, "end") == same("a", 4)
    assert index.network(0).opaque == ""


REARRANGED = {
    "concat": ([node("Concat", ["a", "b"], "v", axis=1)], {**same("a", 4), **{4 + c: [("b", c)] for c in range(4)}}),
    "split": ([node("Split", ["a", "parts"], ["w", "v"], axis=1)], {c: [("a", c + 1)] for c in range(3)}),
    "slice": ([node("Slice", ["a", "one", "three", "one"], "v")], {0: [("a", 1)], 1: [("a", 2)]}),
    "gather": ([node("Gather", ["a", "order"], "v", axis=1)], {c: [("a", o)] for c, o in enumerate([3, 1, 0, 2])}),
    "tile": ([node("Tile", ["a", "repeats"], "v")], {**same("a", 4), **{4 + c: [("a", c)] for c in range(4)}}),
    "pad of channels": (
        [node("Pad", ["a", "channel_pads"], "v")],
        {0: [], 5: [], 6: [], **{c + 1: [("a", c)] for c in range(4)}},
    ),
    "channel shuffle": (
        [node("Reshape", ["a", "grouped"], "g"), node("Transpose", ["g"], "t", perm=[0, 2, 1, 3, 4]),
         node("Reshape", ["t", "whole"], "v")],
        {c: [("a", o)] for c, o in enumerate([0, 2, 1, 3])},
    ),
    "space to depth": ([node("SpaceToDepth", ["a"], "v", blocksize=2)], {c: [("a", c % 4)] for c in range(16)}),
    "depth to space": ([node("DepthToSpace", ["a"], "v", blocksize=2)], {0: [("a", c) for c in range(4)]}),
    "addition": ([node("Add", ["a", "b"], "v")], {c: [("a", c), ("b", c)] for c in range(4)}),
    "gate for each channel": (
        [node("GlobalAveragePool", ["a"], "p"), pointwise("g", "p", 4, 4), node("Sigmoid", ["g"], "s1"),
         node("Mul", ["a", "s1"], "v")],
        {c: [("a", c), ("g", c)] for c in range(4)},
    ),
    "gate of one channel": (
        [pointwise("g", "a", 1, 4), node("Mul", ["g", "a"], "v")],
        {c: [("a", c), ("g", 0)] for c in range(4)},
    ),
    "residual of residual": (
        [node("Add", ["a", "b"], "r"), pointwise("c", "r", 4, 4), node("Add", ["r", "c"], "v")],
        {c: [("a", c), ("b", c), ("c", c)] for c in range(4)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("family", REARRANGED)
def test_channels_are_followed_where_they_go(tmp_path, family):
    nodes, expected = REARRANGED[family]
    index = index_of(tmp_path, model([A, B, *nodes, end("v", len(expected))], STORED))
    assert sources(index, "end") == expected


def test_a_depthwise_convolution_has_one_row_and_lets_channels_through(tmp_path):
    deep = conv("d", "a", trained(8, 1, 3, 3), group=4)  # two output channels for each input channel
    index = index_of(tmp_path, model([A, deep, end("d", 8)], {}))
    assert index.layer(1).kind == "depthwise"
    assert sources(index, "d") == same("a", 4)
    assert sources(index, "end") == {c: [("a", c // 2), ("d", c)] for c in range(8)}
    assert sources(index, "end", through=False) == same("d", 8)


def test_groups_read_their_own_channels(tmp_path):
    index = index_of(tmp_path, model([A, conv("g", "a", trained(6, 2, 1, 1), group=2)], {}))
    base = index.layer(1).base
    children = [index.children(base + out * 2 + inside) for out in (0, 3) for inside in (0, 1)]
    channels = [(found[0] - index.layer(0).base) // 3 for found in children]
    assert channels == [0, 1, 2, 3]


ENDS = {
    "Gemm": [node("GlobalAveragePool", ["a"], "p"), node("Flatten", ["p"], "f"), node("Gemm", ["f", "w"], "m"),
             node("Reshape", ["m", "square"], "v")],
    "MatMul": [node("MatMul", ["a", "places"], "v")],
    "Softmax": [node("Softmax", ["a"], "v", axis=1)],
    "ReduceMean": [node("ReduceMean", ["a"], "r", axes=[1]), node("Expand", ["r", "whole"], "v")],
    "Mystery": [node("Mystery", ["a"], "v", domain="somebody.else")],
    "LSTM": [node("LSTM", ["a", "w", "w"], "v", hidden_size=4)],
}  # fmt: skip


@pytest.mark.parametrize("operator", ENDS)
def test_operators_that_mix_channels_end_the_graph_and_are_noted(tmp_path, operator):
    stored = {**STORED, "w": np.ones((4, 4), "f"), "square": np.int64([1, 4, 1, 1]), "places": np.ones((16, 16), "f")}
    index = index_of(tmp_path, model([A, *ENDS[operator], end("v", 4)], stored, domains=["somebody.else"]))
    assert all(not found for found in sources(index, "end").values())
    assert index.network(0).opaque == f"{operator} 1"


def test_a_gate_behind_an_opaque_operator_leaves_the_gated_value(tmp_path):
    nodes = [
        node("GlobalAveragePool", ["a"], "p"), node("Flatten", ["p"], "f"), node("Gemm", ["f", "w"], "m"),
        node("Reshape", ["m", "square"], "s1"), node("Mul", ["a", "s1"], "v"),
    ]  # fmt: skip
    stored = {"w": np.ones((4, 4), "f"), "square": np.int64([1, 4, 1, 1])}
    assert sources(index_of(tmp_path, model([A, *nodes, end("v", 4)], stored)), "end") == same("a", 4)


def test_a_shuffle_with_sizes_found_at_run_time_is_followed(tmp_path):
    nodes = [
        node("Shape", ["a"], "shape"), node("Gather", ["shape", "index2"], "h"), node("Unsqueeze", ["h", "zero"], "hu"),
        node("Concat", ["one", "two", "two", "hu", "hu"], "wide", axis=0), node("Reshape", ["a", "wide"], "g"),
        node("Transpose", ["g"], "t", perm=[0, 2, 1, 3, 4]), node("Reshape", ["t", "shape"], "v"),
    ]  # fmt: skip
    made = model([A, *nodes, end("v", 4)], {**STORED, "index2": np.int64(2)}, shape=("n", 3, None, None))
    assert sources(index_of(tmp_path, made), "end") == {c: [("a", o)] for c, o in enumerate([0, 2, 1, 3])}


def test_a_shuffle_needs_few_segments(tmp_path):
    stored = {"grouped": np.int64([1, 2, 32, 16, 16]), "whole": np.int64([1, 64, 16, 16])}
    nodes = [pointwise("a", "x", 64, 3), *REARRANGED["channel shuffle"][0], end("v", 64)]
    assert index_of(tmp_path, model(nodes, stored)).segments.num_rows == 2


@pytest.mark.parametrize(
    "nodes",
    [
        [node("Reshape", ["a", "negative"], "v")],
        [node("Slice", ["a", "one"], "v")],
        [node("Concat", ["a", "nothing"], "v", axis=99)],
        [node("Expand", ["a", "huge"], "v")],
        [node("Tile", ["a", "huge"], "v")],
        [node("Pad", ["a", "huge"], "v")],
        [node("ConstantOfShape", ["huge"], "c"), node("Add", ["a", "c"], "v")],
        [node("Range", ["zero", "billion", "one"], "c"), node("Gather", ["a", "c"], "v", axis=1)],
        [node("MaxPool", ["a"], "v", kernel_shape=[0, -1], strides=[0, 0])],
        [node("Split", ["a"], "v", num_outputs=1 << 40, axis=1)],
        [node("Transpose", ["a"], "v", perm=[0, 0, 9])],
        [node("Gather", ["a", "billion"], "v", axis=1)],
        [node("Resize", ["a", "", "nan"], "v")],
    ],
    ids=lambda nodes: nodes[0].op_type,
)
def test_senseless_operators_end_the_graph(tmp_path, nodes):
    stored = {**STORED, "negative": np.int64([-7, -1]), "huge": np.int64([1 << 40] * 4), "billion": np.int64([1 << 30]),
              "nan": np.float32([np.nan] * 4)}  # fmt: skip
    index = index_of(tmp_path, model([A, *nodes, end("v", 4)], stored))
    assert index.network(0).layers == 2


def test_a_tensor_of_an_attribute_is_not_fetched_from_another_file(tmp_path):
    made = node("ConstantOfShape", ["one"], "k")
    tensor = TensorProto(dims=[1], data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=str(tmp_path / "outside.bin"))
    made.attribute.add(name="value", type=AttributeProto.TENSOR).t.CopyFrom(tensor)
    (tmp_path / "outside.bin").write_bytes(bytes(4))
    with pytest.raises(NotEvaluatedError, match="ConstantOfShape"):
        fold(Operator(made), 17, [np.int64([1])])


@pytest.mark.parametrize("opset", [1, 7, 11, 13, 18])
def test_each_operator_set_is_read_by_its_own_rules(tmp_path, opset):
    old = opset < 13
    squeeze = [node("Unsqueeze", ["a"], "u", axes=[2]), node("Squeeze", ["u"], "v", axes=[2])]
    if not old:
        squeeze = [node("Unsqueeze", ["a", "two"], "u"), node("Squeeze", ["u", "two"], "v")]
    index = index_of(tmp_path, model([A, *squeeze, end("v", 4)], STORED, opset=opset))
    assert sources(index, "end") == same("a", 4)


def test_values_that_double_stay_small(tmp_path):
    nodes = [node("Add", [f"v{i}", f"v{i}"], f"v{i + 1}") for i in range(200)]
    index = index_of(tmp_path, model([pointwise("v0", "x", 4, 3), *nodes, end("v200", 4)], {}))
    assert sources(index, "end") == same("v0", 4)
