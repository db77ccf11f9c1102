"""Who feeds whom, through every family of operators; the experiment 11-mapping holds it against onnxruntime."""

import numpy as np
import pytest
from onnx import AttributeProto, TensorProto, helper, numpy_helper

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
    children = [index.kinship.children(base + out * 2 + inside) for out in (0, 3) for inside in (0, 1)]
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


def each(*names):
    return {c: [(name, c) for name in names] for c in range(4)}


def pairs_of(*channels):
    """What feeds each channel, as channels of `a`."""
    return {c: [("a", source) for source in found] for c, found in enumerate(channels)}


def stacked(axis, *after):
    name = {0: "zero", 1: "one", 2: "two", -1: "last"}[axis]
    nodes = [node("Unsqueeze", [x, name], f"{x}u") for x in "ab"]
    return [*nodes, node("Concat", ["au", "bu"], "c", axis=axis), *after]


MERGED = {
    "stack and sum, axis 0": (stacked(0, node("ReduceSum", ["c", "zero"], "v", keepdims=0)), each("a", "b")),
    "stack and sum, axis 1": (stacked(1, node("ReduceSum", ["c", "one"], "v", keepdims=0)), each("a", "b")),
    "stack and sum, axis 2": (stacked(2, node("ReduceSum", ["c", "two"], "v", keepdims=0)), each("a", "b")),
    "stack and mean, last axis": (stacked(-1, node("ReduceMean", ["c"], "v", axes=[-1], keepdims=0)), each("a", "b")),
    "stack and maximum, kept": (
        stacked(0, node("ReduceMax", ["c"], "m", axes=[0]), node("Squeeze", ["m", "zero"], "v")),
        each("a", "b"),
    ),
    "maximum of two channels": (
        [node("Reshape", ["a", "grouped"], "r"), node("ReduceMax", ["r"], "v", axes=[1], keepdims=0)],
        pairs_of([0, 2], [1, 3]),
    ),
    "maximum of two neighbours": (
        [node("Reshape", ["a", "grouped"], "r"), node("ReduceMax", ["r"], "v", axes=[-3], keepdims=0)],
        pairs_of([0, 1], [2, 3]),
    ),
    "mean of places, channels last": (
        [
            node("Transpose", ["a"], "t", perm=[0, 2, 3, 1]),
            node("ReduceMean", ["t"], "r", axes=[1, 2]),
            node("Transpose", ["r"], "v", perm=[0, 3, 1, 2]),
        ],
        each("a"),
    ),
    "windows over channels": (
        [
            node("Unsqueeze", ["a", "one"], "u"),
            node("AveragePool", ["u"], "p", kernel_shape=[3, 1, 1], pads=[1, 0, 0, 1, 0, 0]),
            node("Squeeze", ["p", "one"], "v"),
        ],
        pairs_of([0, 1], [0, 1, 2], [1, 2, 3], [2, 3]),
    ),
    "windows over channels last": (
        [
            node("Transpose", ["a"], "t", perm=[0, 2, 3, 1]),
            node("MaxPool", ["t"], "p", kernel_shape=[1, 2], strides=[1, 2]),
            node("Transpose", ["p"], "v", perm=[0, 3, 1, 2]),
        ],
        pairs_of([0, 1], [2, 3]),
    ),
    "running sum": ([node("CumSum", ["a", "one"], "v")], pairs_of([0], [0, 1], [0, 1, 2], [0, 1, 2, 3])),
    "running sum from behind": (
        [node("CumSum", ["a", "one"], "v", reverse=1, exclusive=1)],
        pairs_of([1, 2, 3], [2, 3], [3], []),
    ),
    "running sum over places": ([node("CumSum", ["a", "two"], "v")], each("a")),
    "nearest along channels": (
        [node("Resize", ["a", "", "more"], "v", mode="nearest")],
        pairs_of(*([c // 2] for c in range(8))),
    ),
    "linear along channels": (
        [node("Resize", ["a", "", "more"], "v", mode="linear", coordinate_transformation_mode="asymmetric")],
        pairs_of([0], [0, 1], [1], [1, 2], [2], [2, 3], [3], [3]),
    ),
    "pads that cut": ([node("Pad", ["a", "cut"], "v")], pairs_of([1], [2])),
    "pads that mirror": ([node("Pad", ["a", "around"], "v", mode="reflect")], pairs_of([1], [0], [1], [2], [3], [2])),
    "pads that repeat the edge": (
        [node("Pad", ["a", "around"], "v", mode="edge")],
        pairs_of([0], [0], [1], [2], [3], [3]),
    ),
    "places gathered": (
        [
            node("Transpose", ["a"], "t", perm=[1, 0, 2, 3]),
            node("GatherND", ["t", "rows"], "g"),
            node("Transpose", ["g"], "v", perm=[1, 0, 2, 3]),
        ],
        pairs_of([3], [1]),
    ),
    "channels written over": (
        [
            node("Transpose", ["a"], "t", perm=[1, 0, 2, 3]),
            node("Transpose", ["b"], "s", perm=[1, 0, 2, 3]),
            node("Slice", ["s", "zero", "two", "zero"], "n"),
            node("ScatterND", ["t", "rows", "n"], "g"),
            node("Transpose", ["g"], "v", perm=[1, 0, 2, 3]),
        ],
        {0: [("a", 0)], 1: [("b", 1)], 2: [("a", 2)], 3: [("b", 0)]},
    ),
}
MORE = {
    "last": np.int64([-1]), "more": np.float32([1, 2, 1, 1]), "cut": np.int64([0, -1, 0, 0, 0, -1, 0, 0]),
    "around": np.int64([0, 1, 0, 0, 0, 1, 0, 0]), "rows": np.int64([[3], [1]]), "quarter": np.float32([1]),
}  # fmt: skip


@pytest.mark.parametrize("family", MERGED)
def test_channels_are_put_together_along_any_axis(tmp_path, family):
    nodes, expected = MERGED[family]
    index = index_of(tmp_path, model([A, B, *nodes, end("v", len(expected))], {**STORED, **MORE}))
    assert sources(index, "end") == expected
    assert index.network(0).opaque == ""


def test_pads_with_axes_leave_the_channels_alone(tmp_path):
    nodes = [node("Pad", ["a", "sides", "", "places"], "v")]
    stored = {"sides": np.int64([1, 1, 1, 1]), "places": np.int64([2, -1])}
    assert sources(index_of(tmp_path, model([A, *nodes, end("v", 4)], stored, opset=18)), "end") == same("a", 4)


def test_an_opaque_operand_cuts_nothing_but_itself(tmp_path):
    nodes = [node("Mystery", ["a"], "m", domain="else"), node("Add", ["b", "m"], "s"),
             node("Reshape", ["s", "grouped"], "g"), node("Transpose", ["g"], "t", perm=[0, 2, 1, 3, 4]),
             node("Reshape", ["t", "whole"], "v")]  # fmt: skip
    index = index_of(tmp_path, model([A, B, *nodes, end("v", 4)], STORED, domains=["else"]))
    assert sources(index, "end") == {c: [("b", o)] for c, o in enumerate([0, 2, 1, 3])}
    assert index.network(0).opaque == "Mystery 1"


@pytest.mark.parametrize("order", [("a", "m"), ("m", "a")])
def test_an_opaque_operand_of_a_concatenation_takes_what_is_left_of_the_channels(tmp_path, order):
    nodes = [node("Mystery", ["b"], "m", domain="else"), node("Concat", order, "c", axis=1), node("Relu", ["c"], "v")]
    index = index_of(tmp_path, model([A, B, *nodes, end("v", 7)], STORED, domains=["else"]))
    first = 0 if order[0] == "a" else 3
    assert {c: found for c, found in sources(index, "end").items() if found} == {
        c + first: [("a", c)] for c in range(4)
    }


def test_a_refused_convolution_leaves_the_others_around_it_connected(tmp_path):
    blur = conv("blur", "a", np.ones((4, 1, 3, 3), "f"), group=4, pads=[1, 1, 1, 1])  # equal weights are left out
    flat = conv("flat", "b", np.ones((4, 4, 1, 1), "f"))
    nodes = [blur, flat, node("Add", ["blur", "flat"], "s"), *REARRANGED["channel shuffle"][0]]
    nodes[3] = node("Reshape", ["s", "grouped"], "g")
    index = index_of(tmp_path, model([A, B, *nodes, end("v", 4)], STORED))
    assert sources(index, "end") == {c: [("a", o)] for c, o in enumerate([0, 2, 1, 3])}
    assert sources(index, "end", through=False) == {c: [] for c in range(4)}
    assert [row["layer"] for row in index.refused.to_pylist()] == ["blur", "flat"]


def test_channels_that_do_not_fit_a_convolution_are_named(tmp_path):
    assert index_of(tmp_path, model([A, end("a", 5)], {})).network(0).opaque == "Conv 1"


def test_a_literal_shape_settles_sizes_that_the_file_leaves_open(tmp_path):
    nodes = REARRANGED["channel shuffle"][0]
    index = index_of(tmp_path, model([A, *nodes, end("v", 4)], STORED, shape=("n", 3, "h", "w")))
    assert sources(index, "end") == {c: [("a", o)] for c, o in enumerate([0, 2, 1, 3])}


def test_nodes_in_any_order_are_followed(tmp_path):
    nodes = [end("v", 4), node("Relu", ["m"], "v"), node("Mul", ["a", "s"], "m"), A]
    assert sources(index_of(tmp_path, model(nodes, STORED)), "end") == same("a", 4)


def branch(name, nodes, output, stored=()):
    return helper.make_graph(
        [made[0] if isinstance(made, tuple) else made for made in nodes], name, [],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(v, n) for made in nodes if isinstance(made, tuple) for n, v in made[1].items()],
    )  # fmt: skip


@pytest.mark.parametrize("condition", [True, False, None])
def test_branches_are_followed_from_outside_and_to_outside(tmp_path, condition):
    then = branch("then", [pointwise("c", "a", 4, 4)], "c")
    other = branch("else", [node("Neg", ["b"], "n")], "n")
    nodes = [node("If", ["flag"], "v", name="choice", then_branch=then, else_branch=other), end("v", 4)]
    stored = {} if condition is None else {"flag": np.array(condition)}
    index = index_of(tmp_path, model([A, B, *nodes], stored))
    inner = "choice/then_branch/c"
    expected = {True: each(inner), False: each("b"), None: each("b", inner)}[condition]
    assert sources(index, "end") == expected
    assert sources(index, inner) == (same("a", 4) if condition is not False else {c: [] for c in range(4)})


def test_a_loop_hands_its_values_on(tmp_path):
    weight = pointwise("c", "state", 4, 4)
    inputs = [("i", TensorProto.INT64, []), ("go", TensorProto.BOOL, []), ("state", TensorProto.FLOAT, None)]
    body = helper.make_graph(
        [weight[0], node("Identity", ["go"], "on"), node("Add", ["c", "b"], "next")],
        "body",
        [helper.make_tensor_value_info(*value) for value in inputs],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, None),
        ],
        [numpy_helper.from_array(value, name) for name, value in weight[1].items()],
    )
    loop = node("Loop", ["five", "", "a"], "v", name="l", body=body)
    index = index_of(tmp_path, model([A, B, loop, end("v", 4)], {"five": np.int64(5)}))
    assert sources(index, "l/body/c") == each("a", "b", "l/body/c")
    assert sources(index, "end") == each("a", "b", "l/body/c")


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
        fold(Operator(made, 17), [np.int64([1])])


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
