"""Weights behind any operators that always give the same: the truth is what onnxruntime computes."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.kernels.onnx_files import conv, index_of, model, node, only_network, trained

WEIGHT = trained(6, 4, 3, 3)
STORED = {
    "w0": WEIGHT,
    "wide": trained(12, 4, 3, 3),
    "narrow": trained(6, 4, 3, 2),
    "flat": trained(6, 36),
    "A": trained(6, 2),
    "B": trained(2, 36, seed=1),
    "u": trained(6),
    "v": trained(36),
    "gain": trained(6, 1, 1, 1),
    "shape": np.int64([6, 4, 3, 3]),
    "rows": np.int64([6, 36]),
    "one_row": np.int64([1, 6, 36]),
    "ones": np.ones(6, "f"),
    "zeros": np.zeros(6, "f"),
    "many": np.ones(4, "f"),
    "none": np.zeros(4, "f"),
    "two_parts": np.int64([6, 6]),
    "unequal": np.int64([5, 6, 1]),
    "pads": np.int64([0, 0, 0, 0, 0, 0, 0, 1]),
    "less": np.int64([-3, 0, 0, 0, -3, 0, 0, 0]),
    "half": trained(3, 4, 3, 3),
    "twice": np.int64([2, 1, 1, 1]),
    "scale": np.full(6, 0.05, "f"),
    "axis0": np.int64([0]),
    "axes": np.int64([1, 2, 3]),
    "order": np.int64([5, 4, 3, 2, 1, 0]),
    "places": np.int64([[1], [4]]),
    "new": trained(2, 4, 3, 3, seed=2),
    "tiny": np.float32(1e-5),
    "high": np.float32(1),
    "low": np.float32(-1),
    "yes": np.array(True),
    "row": trained(6, 1, 3, 3),
    "column": trained(1, 4, 1, 1),
    "kernel": trained(4, 4, 1, 1),
}

PATHS = {
    "cast like the input": [node("CastLike", ["w0", "x"], "w")],
    "fourteen identities": [node("Identity", [f"w{i}"], f"w{i + 1}") for i in range(14)]
    + [node("Identity", ["w14"], "w")],
    "a low-rank product added": [
        node("MatMul", ["A", "B"], "ab"),
        node("Reshape", ["ab", "shape"], "r"),
        node("Add", ["w0", "r"], "w"),
    ],
    "a low-rank product by Gemm": [node("Gemm", ["A", "B"], "ab", alpha=0.5), node("Reshape", ["ab", "shape"], "w")],
    "an outer product": [node("Mul", ["row", "column"], "w")],
    "pads": [node("Pad", ["narrow", "pads"], "w")],
    "pads that cut": [node("Pad", ["wide", "less"], "w")],
    "half of a split": [node("Split", ["wide", "two_parts"], ["w", "rest"], axis=0)],
    "the second of unequal parts": [node("Split", ["wide", "unequal"], ["rest", "w", "last"], axis=0)],
    "tiled": [node("Tile", ["half", "twice"], "w")],
    "gated": [node("Sigmoid", ["gain"], "s"), node("Mul", ["w0", "s"], "w")],
    "soft of maximum": [node("Softmax", ["w0"], "w", axis=1)],
    "a product by Einsum": [
        node("Einsum", ["A", "B"], "ab", equation="or,rk->ok"),
        node("Reshape", ["ab", "shape"], "w"),
    ],
    "standardised by InstanceNormalization": [
        node("Reshape", ["w0", "one_row"], "r"),
        node("InstanceNormalization", ["r", "ones", "zeros"], "n"),
        node("Reshape", ["n", "shape"], "w"),
    ],
    "standardised by hand": [
        node("ReduceMean", ["w0"], "m", axes=[1, 2, 3]),
        node("Sub", ["w0", "m"], "d"),
        node("Mul", ["d", "d"], "dd"),
        node("ReduceMean", ["dd"], "var", axes=[-1, -2, -3]),
        node("Add", ["var", "tiny"], "vt"),
        node("Sqrt", ["vt"], "sd"),
        node("Div", ["d", "sd"], "n"),
        node("Mul", ["n", "gain"], "w"),
    ],
    "spectral norm": [
        node("Reshape", ["w0", "rows"], "r"),
        node("MatMul", ["r", "v"], "wv"),
        node("MatMul", ["u", "wv"], "sigma"),
        node("Div", ["w0", "sigma"], "w"),
    ],
    "quantised to signed bytes that an attribute names": [
        node("QuantizeLinear", ["w0", "scale"], "q", axis=0, output_dtype=3),
        node("DequantizeLinear", ["q", "scale"], "w", axis=0),
    ],
    "cast to integers and back": [node("Cast", ["w0"], "i", to=6), node("Cast", ["i"], "w", to=1)],
    "cast to halves and back": [node("Cast", ["w0"], "i", to=10), node("Cast", ["i"], "w", to=1)],
    "gathered": [node("Gather", ["w0", "order"], "w", axis=0)],
    "written into": [node("ScatterND", ["w0", "places", "new"], "w")],
    "summed up": [node("CumSum", ["w0", "axis0"], "w")],
    "a clipped difference": [node("Sub", ["w0", "gain"], "d"), node("Clip", ["d", "low", "high"], "w")],
    "convolved with another": [node("Transpose", ["w0"], "t", perm=[0, 1, 2, 3]), node("Conv", ["t", "kernel"], "w")],
    "the branch of a constant condition": [
        node(
            "If",
            ["yes"],
            "w",
            then_branch=helper.make_graph(
                [node("Neg", ["w0"], "n")], "t", [], [helper.make_tensor_value_info("n", 1, None)]
            ),
            else_branch=helper.make_graph(
                [node("Abs", ["w0"], "p")], "e", [], [helper.make_tensor_value_info("p", 1, None)]
            ),
        ),
    ],
}


def computed(made):
    """What onnxruntime says the value `w` of a model is."""
    whole = onnx.ModelProto()
    whole.CopyFrom(made)
    del whole.graph.output[:]
    whole.graph.output.append(onnx.ValueInfoProto(name="w"))
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(whole.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(["w"], {"x": np.zeros((1, 4, 8, 8), "f")})[0]


@pytest.mark.parametrize("path", PATHS)
def test_a_weight_is_what_the_runtime_computes(tmp_path, path):
    opset = 21 if "attribute names" in path else 17
    made = model([*PATHS[path], node("Conv", ["x", "w"], "y", name="y")], STORED, shape=(1, 4, 8, 8), opset=opset)
    index = index_of(tmp_path, made, keep_untrained=True)
    names = index.layers["name"].to_pylist()
    assert np.allclose(index.weight(names.index("y")), computed(made), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("nodes", "reason"),
    [
        ([], "none are stored, 'x' is an input"),
        (
            [node("Softmax", ["x"], "s"), node("Mul", ["w0", "s"], "w")],
            "computes by Mul 'w': none are stored, 'x' is an input",
        ),
        (
            [node("RandomNormalLike", ["w0"], "w", name="drawn")],
            "RandomNormalLike 'drawn' draws other ones at each run",
        ),
        ([node("Quant", ["w0"], "w", domain="qonnx")], "Quant 'w' of qonnx is none of ONNX's own operators"),
        ([node("MatMul", ["w0", "A"], "w")], "MatMul 'w' of constants cannot be computed"),
        ([node("Expand", ["w0", "huge"], "w")], "more than 1e+08 are refused"),
    ],
    ids=["input", "product with the input", "drawn", "foreign", "unfit", "huge"],
)
def test_the_reason_names_what_a_weight_lies_behind(tmp_path, nodes, reason):
    stored = {**STORED, "huge": np.int64([1 << 20, 6, 4, 3, 3])}
    weight = "w" if nodes else "x"
    made = model([*nodes, node("Conv", ["x", weight], "y")], stored, shape=(1, 4, 8, 8), domains=["qonnx"])
    assert reason in only_network(tmp_path, made).reason


def test_weights_beyond_single_precision_are_refused_as_such(tmp_path):
    made = model([conv("c", "x", WEIGHT.astype(np.float64) * 1e300)], {}, shape=(1, 4, 8, 8))
    assert "beyond float32" in only_network(tmp_path, made).reason


def test_integers_that_are_only_cast_have_no_known_scale(tmp_path):
    values = np.random.default_rng(0).integers(-99, 99, (6, 4, 3, 3)).astype(np.int8)
    cast = node("Cast", ["q"], "f", to=TensorProto.FLOAT)
    bare = index_of(tmp_path, model([cast, node("Conv", ["x", "f"], "y")], {"q": values}, shape=(1, 4, 8, 8)))
    assert not bare.layer(0).scaled
    scaled = [cast, node("Mul", ["f", "s"], "w"), node("Conv", ["x", "w"], "y")]
    (tmp_path / "other").mkdir()
    made = model(scaled, {"q": values, "s": np.float32(0.5)}, shape=(1, 4, 8, 8))
    assert index_of(tmp_path / "other", made).layer(0).scaled


def test_four_bit_weights_of_the_newest_operator_set_are_read(tmp_path):
    values = np.random.default_rng(0).integers(-8, 8, (6, 4, 3, 3))
    tensor = helper.make_tensor("q", TensorProto.INT4, values.shape, values.reshape(-1).tolist())
    nodes = [node("DequantizeLinear", ["q", "scale"], "w", axis=0), node("Conv", ["x", "w"], "y")]
    index = index_of(tmp_path, model(nodes, {**STORED, "q": tensor}, shape=(1, 4, 8, 8), opset=21))
    assert np.allclose(index.weight(0), values * 0.05, atol=1e-6)


def test_a_subgraph_reads_weights_that_the_graph_around_it_computes(tmp_path):
    body = helper.make_graph(
        [node("Conv", ["x", "w"], "c")], "then", [], [helper.make_tensor_value_info("c", TensorProto.FLOAT, None)]
    )
    other = helper.make_graph(
        [node("Identity", ["x"], "i")], "else", [], [helper.make_tensor_value_info("i", TensorProto.FLOAT, None)]
    )
    nodes = [node("Neg", ["w0"], "w"), node("If", ["flag"], "y", then_branch=body, else_branch=other)]
    made = model(nodes, {"w0": WEIGHT, "flag": numpy_helper.from_array(np.array(True), "flag")}, shape=(1, 4, 8, 8))
    assert np.array_equal(index_of(tmp_path, made).weight(0), -WEIGHT)
