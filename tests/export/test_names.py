import pytest

from gi.export.names import STAR, bound_names, clashes, read_names, renamed


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("import torch.nn as nn\nimport os.path\n", {"nn", "os"}),
        ("A, b = 1, 2\nclass C: pass\ndef d(): e = 1\n", {"A", "b", "C", "d"}),
        ("def d():\n    global e\n    e = 1\n", {"d", "e"}),
        ("from a import *\n", {STAR}),
        ("for x in y: pass\nwith z as w: pass\n", {"x", "w"}),
    ],
)
def test_bound_names_are_those_of_the_modules_own_namespace(text, names):
    assert bound_names(text) == names


def test_read_names_are_those_that_no_function_binds_itself():
    assert read_names("def f(x):\n    y = 1\n    return sum(x, y, z)\n") == {"sum", "z"}


OWN = "def train(x):\n    return sum(struct.unpack('B', x))\n"


@pytest.mark.parametrize(
    ("program", "imports", "names"),
    [
        ("y = 1\n", [], set()),
        ("y = 1\n", ["import struct"], set()),
        ("def train(): pass\n", [], {"train"}),
        ("class sum: pass\n", [], {"sum"}),
        ("struct = 1\n", [], {"struct"}),
        ("y = 1\n", ["import numpy as struct"], {"struct"}),
        ("y = 1\n", ["from torch import sum"], {"sum"}),
        ("def f(): return train\n", [], {"train"}),
        ("from torch import *\n", [], {"train", "sum", "struct"}),
    ],
)
def test_names_clash_that_the_program_binds_or_means_otherwise(program, imports, names):
    assert clashes(OWN, ["import struct"], program, imports) == names


def test_clashing_names_get_an_underscore_wherever_they_come_from():
    text, imports = renamed(OWN, ["import struct"], {"train", "sum", "struct"}, {"sum", "sum_"})
    assert text == "def train_(x):\n    return sum__(struct_.unpack('B', x))\n"
    assert imports == ["import struct as struct_", "from builtins import sum as sum__"]


def test_comments_and_layout_stay():
    assert (
        renamed("def  train( x ) : return x  # why\n", [], {"train"}, ())[0] == "def  train_( x ) : return x  # why\n"
    )
