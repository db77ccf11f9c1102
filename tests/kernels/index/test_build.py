"""What is read out of ONNX files, and why some give nothing."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from gi.kernels.index.addition import IndexSource
from gi.kernels.index.build import build
from gi.kernels.index.reader import Index
from tests.kernels.onnx_files import conv, index_of, model, node, only_network, trained, write

WEIGHT = trained(4, 3, 3, 3)


def one_conv(weight=WEIGHT, stored=None, **attributes):
    made, own = conv("c", "x", weight, **attributes)
    return model([made], {**own, **(stored or {})})


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_reads_weights_of_every_float_type(tmp_path, dtype):
    index = index_of(tmp_path, one_conv(WEIGHT.astype(dtype)))
    assert np.array_equal(index.weight(0), WEIGHT.astype(dtype).astype(np.float32))


def test_reads_bfloat16(tmp_path):
    halves = (WEIGHT.view(np.uint32) >> 16).astype(np.uint16)
    tensor = TensorProto(name="c.weight", dims=WEIGHT.shape, data_type=TensorProto.BFLOAT16, raw_data=halves.tobytes())
    index = index_of(tmp_path, one_conv(stored={"c.weight": tensor}))
    assert np.array_equal(index.weight(0), (halves.astype(np.uint32) << 16).view(np.float32))


@pytest.mark.parametrize("size", [4, 40])  # small, and large enough to be left in the file
def test_reads_typed_data_like_raw_data(tmp_path, size):
    weight = trained(size, 3, 3, 3)
    typed = helper.make_tensor("c.weight", TensorProto.FLOAT, weight.shape, weight.reshape(-1).tolist())
    index = index_of(tmp_path, one_conv(stored={"c.weight": typed}))
    assert np.array_equal(index.weight(0), weight)


def test_reads_weights_in_constant_nodes(tmp_path):
    constant = node("Constant", [], "w", value=numpy_helper.from_array(trained(40, 3, 3, 3)))
    index = index_of(tmp_path, model([constant, node("Conv", ["x", "w"], "c")], {}))
    assert np.array_equal(index.weight(0), trained(40, 3, 3, 3))


def test_reads_dequantised_weights_with_a_scale_for_each_channel(tmp_path):
    values = np.random.default_rng(0).integers(-9, 9, (4, 3, 3, 3)).astype(np.int8)
    scale, zero = np.float32([0.5, 1, 2, 4]), np.int8([0, 1, 0, -1])
    made = model(
        [node("DequantizeLinear", ["q", "s", "z"], "w", axis=0), node("Conv", ["x", "w"], "c")],
        {"q": values, "s": scale, "z": zero},
    )
    expected = (values.astype(np.float32) - zero.reshape(4, 1, 1, 1)) * scale.reshape(4, 1, 1, 1)
    assert np.array_equal(index_of(tmp_path, made).weight(0), expected)


def test_reads_weights_that_are_quantised_on_their_way(tmp_path):
    scale, zero = np.abs(WEIGHT).max((1, 2, 3)) / 7, np.int8([0, 0, 3, 0])
    nodes = [node("QuantizeLinear", ["w", "s", "z"], "q", axis=0),
             node("DequantizeLinear", ["q", "s", "z"], "d", axis=0), node("Conv", ["x", "d"], "c")]  # fmt: skip
    index = index_of(tmp_path, model(nodes, {"w": WEIGHT, "s": scale, "z": zero}))
    read = index.weight(0)
    steps = np.asarray(read) / scale.reshape(-1, 1, 1, 1)
    assert np.abs(steps - np.rint(steps)).max() < 1e-4
    assert np.abs(read - WEIGHT).max() <= scale.max() / 2 + 1e-6
    assert not np.array_equal(read, WEIGHT)


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([node("Clip", ["w", "low", "high"], "d")], np.clip(WEIGHT, -1, 1)),
        ([node("Concat", ["w", "w"], "d", axis=0)], np.concatenate([WEIGHT, WEIGHT])),
        ([node("Slice", ["w", "from", "to"], "d")], WEIGHT[1:3]),
        (
            [node("ReduceL2", ["w"], "n", axes=[1, 2, 3]), node("Div", ["w", "n"], "u"), node("Mul", ["u", "g"], "d")],
            WEIGHT / np.linalg.norm(WEIGHT.reshape(4, -1), axis=1).reshape(4, 1, 1, 1) * 3,
        ),
    ],
    ids=["clipped", "concatenated", "cut", "normalised"],
)
def test_reads_weights_that_are_computed_from_constants(tmp_path, nodes, expected):
    stored = {"w": WEIGHT, "low": np.float32(-1), "high": np.float32(1), "from": np.array([1]), "to": np.array([3]),
              "g": np.full((4, 1, 1, 1), 3, "f")}  # fmt: skip
    index = index_of(tmp_path, model([*nodes, node("Conv", ["x", "d"], "c")], stored))
    assert np.allclose(index.weight(0), expected, rtol=1e-5)


def test_refuses_constants_that_take_too_long(tmp_path, monkeypatch):
    monkeypatch.setattr("gi.kernels.onnx.folding._MOST_COMPUTED", 3 * WEIGHT.size)
    nodes = [node("Neg", [f"w{i}" if i else "w"], f"w{i + 1}") for i in range(4)]
    reason = only_network(tmp_path, model([*nodes, node("Conv", ["x", "w4"], "c")], {"w": WEIGHT})).reason
    assert "numbers computed from its constants: refused" in reason


def test_reads_the_scale_of_integer_convolutions(tmp_path):
    values = np.random.default_rng(0).integers(0, 200, (2, 3, 3, 3)).astype(np.uint8)
    stored = {"w": values, "wz": np.uint8(100), "ws": np.float32(0.25)}
    nodes = [
        node("DynamicQuantizeLinear", ["x"], ["xq", "xs", "xz"]),
        node("ConvInteger", ["xq", "w", "xz", "wz"], "i"),
        node("Cast", ["i"], "f", to=1),
        node("Mul", ["xs", "ws"], "s"),
        node("Mul", ["f", "s"], "y"),
    ]
    index = index_of(tmp_path, model(nodes, stored))
    assert np.array_equal(index.weight(0), (values.astype(np.float32) - 100) / 4)
    assert index.layer(0).scaled


def test_reads_quantised_convolutions_with_their_bias(tmp_path):
    values = np.random.default_rng(0).integers(-99, 99, (2, 3, 3, 3)).astype(np.int8)
    stored = {"w": values, "ws": np.float32(0.5), "s": np.float32(0.25), "z": np.int8(0), "b": np.int32([8, 16])}
    quantised = node("QLinearConv", ["q", "s", "z", "w", "ws", "z", "s", "z", "b"], "y")
    index = index_of(tmp_path, model([node("QuantizeLinear", ["x", "s", "z"], "q"), quantised], stored))
    assert np.array_equal(index.weight(0), values / np.float32(2))
    assert index.bias(0).tolist() == [1, 2]


def test_reads_sparse_weights(tmp_path):
    made = one_conv(WEIGHT)
    flat = WEIGHT.reshape(-1).copy()
    flat[10:] = 0
    values = numpy_helper.from_array(flat[:10], "c.weight")
    indices = numpy_helper.from_array(np.arange(10))
    made.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, WEIGHT.shape))
    del made.graph.initializer[:]
    assert np.array_equal(index_of(tmp_path, made).weight(0).reshape(-1), flat)


def test_turns_transposed_convolutions_to_out_and_in(tmp_path):
    weight = trained(4, 3, 2, 2)  # (in, out / groups, ...) with 2 groups
    made = model([node("ConvTranspose", ["x", "w"], "y", group=2)], {"w": weight}, shape=(1, 4, 8, 8))
    index = index_of(tmp_path, made)
    assert index.weight(0).shape == (6, 2, 2, 2)
    assert np.array_equal(index.weight(0)[4, 1], weight[3, 1])
    assert index.layer(0).kind == "transposed"


@pytest.mark.parametrize(("shape", "name"), [((4, 3, 5), (5,)), ((4, 3, 3, 2), (3, 2)), ((4, 3, 2, 3, 2), (2, 3, 2))])
def test_tells_one_two_and_three_dimensional_kernels_apart(tmp_path, shape, name):
    index = index_of(tmp_path, one_conv(trained(*shape)))
    assert index.shapes == {name: 12}


def test_keeps_bias_and_normalisation_with_their_layer(tmp_path):
    norm = {f"n{i}": np.float32([i, i + 1, i + 2, i + 3]) for i in range(4)}
    nodes = [conv("c", "x", WEIGHT, bias=np.float32([1, 2, 3, 4])),
             node("BatchNormalization", ["c", "n0", "n1", "n2", "n3"], "b", epsilon=0.125),
             node("Relu", ["b"], "y")]  # fmt: skip
    index = index_of(tmp_path, model(nodes, norm))
    assert index.bias(0).tolist() == [1, 2, 3, 4]
    assert [part.tolist() for part in index.batchnorm(0)] == [norm[f"n{i}"].tolist() for i in range(4)]
    assert (index.layer(0).epsilon, index.layer(0).activation) == (0.125, "Relu")


def test_takes_a_bias_that_is_added_afterwards(tmp_path):
    nodes = [conv("c", "x", WEIGHT), node("Add", ["c", "b"], "y")]
    index = index_of(tmp_path, model(nodes, {"b": np.float32([1, 2, 3, 4]).reshape(1, 4, 1, 1)}))
    assert index.bias(0).tolist() == [1, 2, 3, 4]


def external(tmp_path, location, **more):
    """A model whose weight is said to lie in another file."""
    tensor = TensorProto(name="c.weight", dims=WEIGHT.shape, data_type=1, data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, **more}.items():
        tensor.external_data.add(key=key, value=str(value))
    return one_conv(stored={"c.weight": tensor})


def test_reads_external_data_from_its_offset(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "w.bin").write_bytes(b"\0" * 16 + WEIGHT.tobytes())
    index = index_of(tmp_path, external(tmp_path, "data/w.bin", offset=16, length=WEIGHT.nbytes))
    assert np.array_equal(index.weight(0), WEIGHT)


@pytest.mark.parametrize(
    ("location", "more", "reason"),
    [
        ("../outside.bin", {}, "no path inside"),
        ("a/../../outside.bin", {}, "no path inside"),
        ("{absolute}", {}, "no path inside"),
        ("", {}, "no path inside"),
        ("link.bin", {}, "leads out"),
        ("missing.bin", {}, "is missing"),
        ("folder", {}, "no regular file"),
        ("small.bin", {}, "8 bytes of data where"),
        ("small.bin", {"offset": 99}, "asks for"),
        ("small.bin", {"length": 1 << 50}, "asks for"),
        ("small.bin", {"length": "-8"}, "no number of bytes"),
        ("small.bin", {"offset": "9" * 40}, "no number of bytes"),
    ],
)
def test_never_reads_outside_the_models_folder(tmp_path, location, more, reason):
    outside, folder = tmp_path / "outside.bin", tmp_path / "models"
    outside.write_bytes(WEIGHT.tobytes())
    (folder / "folder").mkdir(parents=True)
    (folder / "small.bin").write_bytes(b"12345678")
    (folder / "link.bin").symlink_to(outside)
    network = only_network(folder, external(folder, location.format(absolute=outside), **more))
    assert reason in network.reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "an empty file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "git-LFS pointer"),
        (b"PK\x03\x04rest", "zip archive"),
        (b"\x1c\0\0\0ORTM", "ONNX Runtime flatbuffer"),
        (b"<!doctype html><p>404", "HTML"),
        (b'\x08\0\0\0\0\0\0\0{"w":{}}', "safetensors"),
        (b"\x80\x02ctorch", "pass it with --model"),
        (b"hello, world", "not an ONNX model"),
        (b"\xff" * 64, "not an ONNX model"),
    ],
)
def test_names_what_is_no_onnx_model(tmp_path, content, reason):
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    build([IndexSource(path, "m")], tmp_path / "index")
    assert reason in Index.open(tmp_path / "index").network(0).reason


@pytest.mark.parametrize("dims", [[4, 3, 3, 4], [1 << 40, 1 << 40], [0, 1 << 62, 4], [-1, 3, 3, 3], [1] * 20])
def test_refuses_data_that_does_not_fit_its_dimensions(tmp_path, dims):
    tensor = TensorProto(name="c.weight", dims=dims, data_type=1, raw_data=WEIGHT.tobytes())
    network = only_network(tmp_path, one_conv(stored={"c.weight": tensor}))
    assert "dimensions" in network.reason


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_leaves_out_layers_with_non_finite_weights(tmp_path, value):
    broken = WEIGHT.copy()
    broken[1, 2, 0, 0] = value
    nodes = [conv("c", "x", broken), conv("d", "x", WEIGHT)]
    index = index_of(tmp_path, model(nodes, {}))
    assert index.refused.to_pylist() == [{"network": 0, "layer": "c", "reason": "non-finite values among its weights"}]
    assert index.layer(0).name == "d"


def test_leaves_out_untrained_layers_unless_asked_for(tmp_path):
    fresh = np.random.default_rng(0).uniform(-1, 1, (32, 16, 3, 3)).astype(np.float32)
    made = model([conv("c", "x", fresh)], {}, shape=(1, 16, 8, 8))
    assert "untrained" in only_network(tmp_path, made).reason
    assert only_network(tmp_path / "index", made, keep_untrained=True).layers == 1


def test_takes_every_layer_of_a_source_that_is_known_to_be_trained(tmp_path):
    fresh = np.random.default_rng(0).uniform(-1, 1, (32, 16, 3, 3)).astype(np.float32)
    path = write(tmp_path, "short.onnx", model([conv("c", "x", fresh)], {}, shape=(1, 16, 8, 8)))
    build([IndexSource(path, "short", trained=True)], tmp_path / "index")
    assert Index.open(tmp_path / "index").network(0).layers == 1


def test_names_a_network_without_convolutions(tmp_path):
    assert only_network(tmp_path, model([node("Relu", ["x"], "y")], {})).reason == "no convolution"


def test_names_weights_that_the_network_computes(tmp_path):
    made = model([node("Conv", ["x", "x"], "c")], {})
    assert "computes" in only_network(tmp_path, made).reason


def test_reads_models_of_the_first_operator_set(tmp_path):
    made = model([conv("c", "x", WEIGHT), node("Add", ["c", "b"], "y", axis=1, broadcast=1)], {"b": np.ones(4, "f")},
                 opset=1)  # fmt: skip
    del made.opset_import[:]
    made.ir_version = 2
    index = index_of(tmp_path, made)
    assert index.bias(0).tolist() == [1, 1, 1, 1]


def test_reads_convolutions_inside_subgraphs(tmp_path):
    inner, stored = conv("c", "x", WEIGHT)
    tensors = [numpy_helper.from_array(value, name) for name, value in stored.items()]
    branch = helper.make_graph([inner], "then", [], [helper.make_tensor_value_info("c", 1, None)], tensors)
    other = helper.make_graph([node("Identity", ["x"], "i")], "else", [], [helper.make_tensor_value_info("i", 1, None)])
    made = model([node("If", ["flag"], "y", then_branch=branch, else_branch=other)], {"flag": np.array(True)})
    assert index_of(tmp_path, made).layer(0).name.endswith("then_branch/c")


def test_refuses_weights_that_stand_for_far_more_than_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr("gi.kernels.index.addition._MOST_BYTES_ANYWAY", 0)
    monkeypatch.setattr("gi.kernels.index.addition._MOST_TIMES_ITS_SIZE", 2)
    stored = {"w": WEIGHT}
    nodes = [node("Conv", ["x", "w"], f"c{i}") for i in range(40)]
    assert "times as large" in only_network(tmp_path, model(nodes, stored)).reason


def test_external_data_may_be_as_large_as_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr("gi.kernels.index.addition._MOST_BYTES_ANYWAY", 0)
    monkeypatch.setattr("gi.kernels.index.addition._MOST_TIMES_ITS_SIZE", 0)
    monkeypatch.setattr("gi.kernels.index.addition._HELD_BYTES", 1000)
    weights = {f"w{i}": trained(32, 8, 3, 3, seed=i) for i in range(3)}
    whole = model([node("Conv", ["x", name], f"c{name}") for name in weights], weights)
    onnx.save(whole, tmp_path / "m.onnx", save_as_external_data=True, location="data.bin", size_threshold=0)
    build([IndexSource(tmp_path / "m.onnx", "m")], tmp_path / "index")
    index = Index.open(tmp_path / "index")
    assert all(np.array_equal(index.weight(i), weights[f"w{i}"]) for i in range(3))
    tied = model([node("Conv", ["x", "w0"], f"c{i}") for i in range(3)], {"w0": weights["w0"]})
    onnx.save(tied, tmp_path / "t.onnx", save_as_external_data=True, location="tied.bin", size_threshold=0)
    taken = build([IndexSource(tmp_path / "t.onnx", "t")], tmp_path / "index").taken
    assert "times as large" in taken[0].reason


def test_names_that_are_no_text_are_read(tmp_path):
    data = one_conv().SerializeToString().replace(b"c.weight", b"c.w\xefight")
    (tmp_path / "m.onnx").write_bytes(data)
    build([IndexSource(tmp_path / "m.onnx", "m")], tmp_path / "index")
    assert Index.open(tmp_path / "index").network(0).layers == 1


def test_a_checker_is_not_needed(tmp_path):
    made = model([conv("c", "nowhere", WEIGHT)], {})
    with pytest.raises(onnx.checker.ValidationError):
        onnx.checker.check_model(made)
    assert index_of(tmp_path, made).network(0).layers == 1


def test_one_bad_file_does_not_stop_the_others(tmp_path):
    (tmp_path / "bad.onnx").write_bytes(b"\x0a\xff")
    good = write(tmp_path, "good.onnx", one_conv())
    built = build([IndexSource(tmp_path / "bad.onnx", "bad"), IndexSource(good, "good")], tmp_path / "index")
    assert [bool(taken.reason) for taken in built.taken] == [True, False]


def with_function(body, *, inputs=("v", "w"), outputs=("made",), attributes=(), name="Block"):
    """A model that calls its own function twice: with one weight, then with another."""
    second = trained(4, 4, 3, 3, seed=1)
    calls = [helper.make_node(name, ["x", "w1"], ["first"], domain="own"),
             helper.make_node(name, ["first", "w2"], ["second"], domain="own", name="again", steps=[2, 2])]  # fmt: skip
    made = model(calls, {"w1": WEIGHT, "w2": second}, domains=["own"])
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    made.functions.append(helper.make_function("own", name, inputs, outputs, body, imports, attributes))
    return made


def test_calls_of_the_models_own_functions_are_followed(tmp_path):
    inner = node("Conv", ["v", "w"], "c")
    inner.attribute.add(name="strides", ref_attr_name="steps", type=onnx.AttributeProto.INTS)
    index = index_of(tmp_path, with_function([inner, node("Relu", ["c"], "made")], attributes=["steps"]))
    assert [index.layer(0).strides, index.layer(1).strides] == [(1, 1), (2, 2)]
    assert len(index.kinship.children(index.layer(1).base)) == 3


def test_a_function_that_calls_itself_ends(tmp_path):
    call = helper.make_node("Block", ["v", "w"], ["made"], domain="own")
    assert only_network(tmp_path, with_function([call])).reason == "no convolution"


def test_a_function_that_doubles_without_end_is_refused(tmp_path):
    calls = [helper.make_node("Block", ["v", "w"], [f"d{n}"], domain="own") for n in range(8)]
    assert "operators: refused" in only_network(tmp_path, with_function(calls, outputs=["d0"])).reason
