"""Functions, operator sets and the order of nodes, as files really have them."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from gi.kernels.onnx.graphs import Operator
from gi.kernels.onnx.ordering import in_order
from gi.kernels.onnx.reading import read_model
from tests.kernels.onnx_files import conv, index_of, model, node, only_network, trained, write


def with_functions(nodes, functions, stored, opset=17):
    """A model that calls functions: (name, overload, body, inputs, attributes, opset of the body)."""
    made = model(nodes, stored, domains=["own"], opset=opset)
    for name, overload, body, inputs, attributes, inner in functions:
        imports = [helper.make_opsetid("", inner), helper.make_opsetid("own", 1)]
        proto = helper.make_function("own", name, inputs, [body[-1].output[0]], body, imports, attributes)
        proto.overload = overload
        made.functions.append(proto)
    return made


def call(name, inputs, output, overload=""):
    made = helper.make_node(name, inputs, [output], domain="own", name=output)
    made.overload = overload
    return made


def constant(value, name):
    return node("Constant", [], name, value=onnx.numpy_helper.from_array(value))


def test_each_overload_of_a_function_has_its_own_weights(tmp_path):
    weights = {name: trained(3, 3, 1, 1, seed=seed) for seed, name in enumerate("ab")}
    functions = [
        ("Block", name, [constant(weights[name], "w"), node("Conv", ["v", "w"], "out")], ["v"], [], 17) for name in "ba"
    ]
    made = with_functions([call("Block", ["x"], "one", "a"), call("Block", ["one"], "y", "b")], functions, {})
    index = index_of(tmp_path, made)
    assert [np.array_equal(index.weight(at), weights[name]) for at, name in enumerate("ab")] == [True, True]


def test_a_function_inside_another_and_its_subgraph_keep_their_names_apart(tmp_path):
    branch = helper.make_graph(
        [node("Conv", ["inner", "w"], "c")], "then", [], [helper.make_tensor_value_info("c", TensorProto.FLOAT, None)]
    )
    other = helper.make_graph(
        [node("Identity", ["inner"], "c")], "else", [], [helper.make_tensor_value_info("c", TensorProto.FLOAT, None)]
    )
    choose = node("If", ["yes"], "out", then_branch=branch, else_branch=other)
    functions = [
        ("Deep", "", [constant(np.array(True), "yes"), node("Relu", ["v"], "inner"), choose], ["v", "w"], [], 17),
        ("Block", "", [call("Deep", ["v", "w"], "inner"), node("Neg", ["inner"], "out")], ["v", "w"], [], 17),
    ]
    weights = {f"w{at}": trained(3, 3, 1, 1, seed=at) for at in range(2)}
    made = with_functions([call("Block", ["x", "w0"], "one"), call("Block", ["one", "w1"], "y")], functions, weights)
    index = index_of(tmp_path, made)
    assert [np.array_equal(index.weight(at), weights[f"w{at}"]) for at in range(2)] == [True, True]
    assert index.kinship.sources(1, 2) == [(0, 2)]


def test_a_functions_body_follows_its_own_operator_set(tmp_path):
    # Up to operator set 12 the axes are an attribute, and later ones do not know it.
    body = [node("Unsqueeze", ["v"], "u", axes=[0]), node("Squeeze", ["u"], "out", axes=[0])]
    nodes = [conv("a", "x", trained(4, 3, 1, 1)), call("Turn", ["a"], "b"), conv("c", "b", trained(2, 4, 1, 1))]
    flat = [made[0] if isinstance(made, tuple) else made for made in nodes]
    stored = nodes[0][1] | nodes[2][1]
    index = index_of(tmp_path, with_functions(flat, [("Turn", "", body, ["v"], [], 11)], stored, opset=18))
    assert [index.kinship.sources(1, channel) for channel in range(4)] == [[(0, channel)] for channel in range(4)]


@pytest.mark.parametrize(("ir_version", "opset"), [(2, 1), (4, 9), (8, 15), (10, 21)])
def test_a_file_that_names_no_operator_set_has_that_of_its_format(tmp_path, ir_version, opset):
    made = model([conv("a", "x", trained(4, 3, 1, 1)), node("Relu", ["a"], "y")], {})
    del made.opset_import[:]
    made.ir_version = ir_version
    read = read_model(write(tmp_path, "m.onnx", made))
    assert (read.opset, read.graph.operators[0].opset) == (0, opset)


def test_nodes_are_put_in_an_order_in_which_they_can_run():
    nodes = [node("Relu", ["c"], "d"), node("Add", ["a", "b"], "c"), node("Neg", ["x"], "a"), node("Abs", ["a"], "b")]
    assert [operator.type for operator in in_order([Operator(each) for each in nodes])] == ["Neg", "Abs", "Add", "Relu"]


def test_nodes_of_a_circle_come_last():
    nodes = [node("Add", ["b", "x"], "a"), node("Neg", ["a"], "b"), node("Abs", ["x"], "c")]
    assert [operator.type for operator in in_order([Operator(each) for each in nodes])] == ["Abs", "Add", "Neg"]


def test_a_subgraph_waits_for_what_it_captures(tmp_path):
    then = helper.make_graph(
        [node("Conv", ["late", "w"], "c")], "then", [], [helper.make_tensor_value_info("c", TensorProto.FLOAT, None)]
    )
    other = helper.make_graph(
        [node("Identity", ["late"], "i")], "else", [], [helper.make_tensor_value_info("i", TensorProto.FLOAT, None)]
    )
    nodes = [node("If", ["flag"], "y", then_branch=then, else_branch=other), conv("late", "x", trained(4, 3, 1, 1))]
    index = index_of(tmp_path, model(nodes, {"w": trained(2, 4, 1, 1)}))
    names = index.layers["name"].to_pylist()
    inner = next(at for at, name in enumerate(names) if name != "late")
    assert index.kinship.sources(inner, 3) == [(names.index("late"), 3)]


def test_operators_of_all_subgraphs_together_are_limited(tmp_path, monkeypatch):
    monkeypatch.setattr("gi.kernels.onnx.reading.MOST_OPERATORS", 20)
    body = helper.make_graph(
        [node("Neg", ["x"], f"n{at}") for at in range(8)], "b", [], [helper.make_tensor_value_info("n7", 1, None)]
    )
    nodes = [node("If", ["flag"], f"y{at}", then_branch=body, else_branch=body) for at in range(3)]
    assert "more than 20 operators: refused" in only_network(tmp_path, model(nodes, {})).reason
