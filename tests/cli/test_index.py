"""The verbs of `gi index`."""

import json

import numpy as np
import pytest

from gi.cli import run
from tests.kernels.onnx_files import conv, model, node, trained, write


@pytest.fixture
def zoo(tmp_path):
    made = model(
        [conv("a", "x", trained(4, 3, 3, 3)), node("Relu", ["a"], "r"), conv("b", "r", trained(2, 4, 3, 3))], {}
    )
    (tmp_path / "zoo").mkdir()
    write(tmp_path / "zoo", "net.onnx", made)
    (tmp_path / "zoo" / "bad.onnx").write_bytes(b"version https://git-lfs")
    return tmp_path / "zoo"


def answer(capsys, *arguments):
    assert run([*map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_builds_asks_and_exports(zoo, tmp_path, capsys):
    index = tmp_path / "index"
    built = answer(capsys, "index", "build", zoo, "--index", index)
    assert (built["added"], built["refused"], built["kernels"]) == (1, 1, 20)
    assert answer(capsys, "index", "build", zoo, "--index", index)["known"] == 2
    held = answer(capsys, "index", "info", "--index", index)
    assert (held["networks"], held["refused_files"], held["stored_kernels"]) == (1, 1, {"3x3": 20})
    found = answer(capsys, "index", "query", 12, "--index", index, "--nearest", 2)
    assert found["children"] == {"count": 3, "ids": [0, 1, 2]}
    assert len(found["nearest"]) == 2
    near = answer(capsys, "index", "query", "--values", "1,0,-1,2,0,-2,1,0,-1", "--index", index)
    assert len(near["nearest"]) == 5
    wrote = answer(capsys, "index", "export", "--index", index, "--to", "cypher-csv", "-o", tmp_path / "csv")
    assert (wrote["kernels"], wrote["edges"]) == (20, 24)


def test_prints_tables(zoo, tmp_path, capsys):
    index = str(tmp_path / "index")
    assert run(["index", "build", str(zoo), "--index", index]) == 0
    assert "git-LFS pointer" in capsys.readouterr().out
    assert run(["index", "info", "--index", index]) == 0
    assert "1 networks, 2 layers, 20 kernels" in capsys.readouterr().out
    assert run(["index", "query", "0", "--index", index]) == 0
    shown = capsys.readouterr().out
    assert "no children" in shown or "0 children" in shown
    assert "0 to 3 from layer 0" in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["build"], "nothing to add"),
        (["build", "EMPTY"], "no model file in there"),
        (["build", "EMPTY/none.onnx"], "no such file or folder"),
        (["build", "EMPTY", "--model", "m.py"], "go together"),
        (["build", "--torchvision", ","], "nothing to add"),
        (["predict", "3", "--seed", "-1"], "is not in the range"),
        (["info"], "holds no index"),
        (["query"], "either the number of a KERNEL or --values"),
        (["query", "3"], "holds no index"),
    ],
)
def test_a_mistake_is_one_line(arguments, said, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    given = [text.replace("EMPTY", str(tmp_path / "empty")) for text in arguments]
    assert run(["index", *given, "--index", str(tmp_path / "index")]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_build_of_nothing_but_refusals_fails(tmp_path, capsys):
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    assert run(["index", "build", str(tmp_path / "bad.onnx"), "--index", str(tmp_path / "index")]) == 1
    assert "not an ONNX model" in capsys.readouterr().out


def test_predictions_are_printed_with_the_kernels_that_answer(tmp_path, capsys):
    for number in range(2):
        layers = [conv("a", "x", trained(16, 3, 3, 3, seed=number)), node("Relu", ["a"], "r"),
                  conv("b", "r", trained(16, 16, 3, 3, seed=9 + number))]  # fmt: skip
        write(tmp_path, f"m{number}.onnx", model(layers, {}))
    index = ["--index", str(tmp_path / "index")]
    assert run(["index", "build", str(tmp_path), *index]) == 0
    capsys.readouterr()
    assert run(["index", "predict", "60", *index, "--k", "4", "--count", "3", "--most-likely"]) == 0
    shown = capsys.readouterr().out
    assert "its own class is" in shown
    answers = shown.partition("answer, most likely:\n")[2].splitlines()
    assert len(answers) == 3
    assert len(set(answers)) == 1


def test_kernels_of_ones_own_are_read_before_anything_is_mined(zoo, tmp_path, capsys):
    index = ["--index", str(tmp_path / "index")]
    assert run(["index", "build", str(zoo), *index]) == 0
    assert run(["index", "predict", "--children", str(tmp_path / "none.npy"), *index]) == 2
    assert "is no file of numpy's" in capsys.readouterr().err
    assert not (tmp_path / "index" / "mined").exists()


def test_a_refusal_goes_where_the_file_is_taken_later(zoo, tmp_path, capsys):
    index = tmp_path / "index"
    answer(capsys, "index", "build", zoo, "--index", index)
    (zoo / "bad.onnx").write_bytes(model([conv("a", "x", trained(4, 3, 3, 3, seed=8))], {}).SerializeToString())
    answer(capsys, "index", "build", zoo, "--index", index)
    held = answer(capsys, "index", "info", "--index", index)
    assert (held["networks"], held["refused_files"]) == (2, 0)


def test_licence_and_origin_are_shown(zoo, tmp_path, capsys):
    origin = "https://github.com/someone/nets/blob/0123456789abcdef0123456789abcdef01234567/net.onnx"
    index = ["--index", str(tmp_path / "index")]
    assert run(["index", "build", str(zoo / "net.onnx"), "--licence", "MIT", "--origin", origin, *index]) == 0
    capsys.readouterr()
    assert run(["index", "info", *index]) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("net.onnx  "))
    assert "MIT" in row
    assert "github.com/someone/nets 0123456" in row


def test_an_index_of_nothing_says_so(tmp_path, capsys):
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    index = ["--index", str(tmp_path / "index")]
    assert run(["index", "build", str(tmp_path / "bad.onnx"), *index]) == 1
    for asked, said in ((["query", "0"], "holds no kernels"), (["gallery", "-o", "g.png"], "nothing to show")):
        assert run(["index", *asked, *index]) == 2
        assert said in capsys.readouterr().err


@pytest.mark.parametrize("shape", [(7,), (3, 3, 3)], ids=["one-dimensional", "three-dimensional"])
def test_kernels_of_any_number_of_dimensions_are_asked_about(shape, tmp_path, capsys):
    layers = [conv("a", "x", trained(8, 3, *shape)), conv("b", "a", trained(8, 8, *shape, seed=1))]
    write(tmp_path, "m.onnx", model(layers, {}, shape=(1, 3, *(16 for _ in shape))))
    index = ["--index", str(tmp_path / "index")]
    assert run(["index", "build", str(tmp_path / "m.onnx"), *index]) == 0
    assert run(["index", "query", "30", *index]) == 0
    assert "3 children: 18, 19, 20" in capsys.readouterr().out
    assert run(["index", "predict", "30", *index, "--k", "4"]) == 0
    assert "answer, sampled:" in capsys.readouterr().out


def test_scores_are_of_the_kernels_own_shape(tmp_path, capsys):
    for number in range(2):
        layers = [conv("a", "x", trained(16, 3, 5, 5, seed=number)), node("Relu", ["a"], "r"),
                  conv("b", "r", trained(16, 16, 5, 5, seed=9 + number))]  # fmt: skip
        write(tmp_path, f"m{number}.onnx", model(layers, {}))
    index = ["--index", tmp_path / "index"]
    answer(capsys, "index", "build", tmp_path, *index)
    scored = answer(capsys, "index", "predict", 60, "--scores", "--k", 4, *index)["scores"]
    assert (scored["shape"], scored["parents"]) == ("5x5", 2 * 16 * 16)
    assert answer(capsys, "index", "predict", "--scores", "--shape", "5x5", "--k", 4, *index)["scores"] == scored
    assert run(["index", "predict", "60", "--scores", "--k", "4", *map(str, index)]) == 0
    assert "512 parents of shape 5x5" in capsys.readouterr().out


def test_info_gives_the_reason_for_every_layer_left_out(tmp_path, capsys):
    nodes = [conv("good", "x", trained(4, 3, 3, 3)), conv("flat", "x", np.ones((4, 3, 3, 3), "f")),
             node("Conv", ["x", "x"], "own", name="own\x1b[31m")]  # fmt: skip
    write(tmp_path, "net.onnx", model(nodes, {}))
    index = ["--index", tmp_path / "index"]
    answer(capsys, "index", "build", tmp_path / "net.onnx", *index)
    held = answer(capsys, "index", "info", *index)
    assert held["left_out"] == [
        {"file": "net.onnx", "layer": "flat", "reason": "all its weights are equal"},
        {
            "file": "net.onnx", "layer": "own\\x1b[31m",
            "reason": "weights that the network computes: none are stored, 'x' is an input",
        },
    ]  # fmt: skip
    assert run(["index", "info", *map(str, index)]) == 0
    shown = capsys.readouterr().out
    assert "all its weights are equal" in shown
    assert "\x1b" not in shown
