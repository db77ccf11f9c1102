"""Where layers stand, in each style, and how they are taken out and put in there."""

import ast
import random

import pytest

from gi.source.places import placing
from gi.source.tree.tree import parse
from tests.checking import program

HEAD = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\nfrom collections import OrderedDict\n"


def _calls(source, codes):
    every = [n for n in ast.walk(source.tree) if isinstance(n, ast.Call)]
    return [next(n for n in every if source.code(n) == code) for code in codes]


def _place(source, call):
    functional = source.code(call).startswith(("F.", "x.", "(x"))
    return placing.functional_place(source, call) if functional else placing.place_of(source, call)


def removed(text, *codes):
    source = parse(text)
    return source.edited(placing.removal(source, [_place(source, c) for c in _calls(source, codes)]))


def inserted(text, code, *calls, after=True):
    source = parse(text)
    place = _place(source, _calls(source, [code])[0])
    return source.edited(placing.insertion(source, place, list(calls), after=after))


APPEND = """layers = []
layers.append(nn.Conv2d(1, 8, 3))
layers.append(nn.ReLU())  # of Nair
layers.append(nn.Flatten())
"""
POSITIONAL = "net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten())\n"
LINES = "net = nn.Sequential(\n    nn.Conv2d(1, 8, 3),\n    nn.ReLU(),\n    nn.Flatten(),\n)\n"
LIST = "layers += [nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten()]\n"
ORDERED = 'net = nn.Sequential(OrderedDict([("c", nn.Conv2d(1, 8, 3)), ("r", nn.ReLU()), ("f", nn.Flatten())]))\n'
NESTED = "net = nn.Sequential(nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU()), nn.Flatten())\n"
ADD = 'net.add_module("c", nn.Conv2d(1, 8, 3))\nnet.add_module("r", nn.ReLU())\nnet.add_module("f", nn.Flatten())\n'
CONV, RELU, FLAT = "nn.Conv2d(1, 8, 3)", "nn.ReLU()", "nn.Flatten()"

WRAP = (
    "class Wrap(nn.Module):\n    def __init__(self, *layers):\n        super().__init__()\n"
    "        self.layers = nn.Sequential(*layers)\nnet = Wrap(nn.Conv2d(1, 8, 3), nn.ReLU())\n"
)
REMOVED = {
    "append, first": (APPEND, [CONV], APPEND.replace("layers.append(nn.Conv2d(1, 8, 3))\n", "")),
    "append, with its comment": (APPEND, [RELU], APPEND.replace("layers.append(nn.ReLU())  # of Nair\n", "")),
    "append, several": (APPEND, [CONV, FLAT], "layers = []\nlayers.append(nn.ReLU())  # of Nair\n"),
    "append, all of a branch": (
        "if x:\n    layers.append(nn.ReLU())\n    layers.append(nn.Flatten())\ny = 1\n",
        [RELU, FLAT],
        "if x:\n    pass\ny = 1\n",
    ),
    "positional, first": (POSITIONAL, [CONV], "net = nn.Sequential(nn.ReLU(), nn.Flatten())\n"),
    "positional, middle": (POSITIONAL, [RELU], "net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.Flatten())\n"),
    "positional, last": (POSITIONAL, [FLAT], "net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU())\n"),
    "positional, first two": (POSITIONAL, [CONV, RELU], "net = nn.Sequential(nn.Flatten())\n"),
    "positional, last two": (POSITIONAL, [RELU, FLAT], "net = nn.Sequential(nn.Conv2d(1, 8, 3))\n"),
    "positional, ends": (POSITIONAL, [CONV, FLAT], "net = nn.Sequential(nn.ReLU())\n"),
    "positional, all": (POSITIONAL, [CONV, RELU, FLAT], "net = nn.Sequential()\n"),
    "lines, first": (LINES, [CONV], "net = nn.Sequential(\n    nn.ReLU(),\n    nn.Flatten(),\n)\n"),
    "lines, last": (LINES, [FLAT], "net = nn.Sequential(\n    nn.Conv2d(1, 8, 3),\n    nn.ReLU(),\n)\n"),
    "lines, ends": (LINES, [CONV, FLAT], "net = nn.Sequential(\n    nn.ReLU(),\n)\n"),
    "list, middle": (LIST, [RELU], "layers += [nn.Conv2d(1, 8, 3), nn.Flatten()]\n"),
    "list, only": ("layers += [nn.ReLU()]\n", [RELU], "layers += []\n"),
    "list, all": (LIST, [CONV, RELU, FLAT], "layers += []\n"),
    "pairs, middle": (ORDERED, [RELU], ORDERED.replace('("r", nn.ReLU()), ', "")),
    "pairs, last": (ORDERED, [FLAT], ORDERED.replace(', ("f", nn.Flatten())', "")),
    "nested, inner": (NESTED, [CONV], "net = nn.Sequential(nn.Sequential(nn.ReLU()), nn.Flatten())\n"),
    "nested, inner and outer": (NESTED, [RELU, FLAT], "net = nn.Sequential(nn.Sequential(nn.Conv2d(1, 8, 3)))\n"),
    "a class of layers in turn": (WRAP, [RELU], WRAP.replace(", nn.ReLU())", ")")),
    "add_module": (ADD, [RELU], ADD.replace('net.add_module("r", nn.ReLU())\n', "")),
    "functional": ("x = F.relu(x)\n", ["F.relu(x)"], "x = x\n"),
    "functional, inner": ("x = F.max_pool2d(F.relu(y), 2)\n", ["F.relu(y)"], "x = F.max_pool2d(y, 2)\n"),
    "functional, outer": ("x = F.max_pool2d(F.relu(y), 2)\n", ["F.max_pool2d(F.relu(y), 2)"], "x = F.relu(y)\n"),
    "functional, nested": (
        "x = F.max_pool2d(F.relu(y), 2)\n",
        ["F.relu(y)", "F.max_pool2d(F.relu(y), 2)"],
        "x = y\n",
    ),
    "functional, of a sum": ("x = F.relu(x + y) * 2\n", ["F.relu(x + y)"], "x = (x + y) * 2\n"),
    "functional, of a parenthesis": ("x = F.relu((x + y)) * 2\n", ["F.relu((x + y))"], "x = (x + y) * 2\n"),
    "method": ("x = x.relu()\n", ["x.relu()"], "x = x\n"),
    "method of a sum": ("x = (x + y).relu()\n", ["(x + y).relu()"], "x = (x + y)\n"),
    "methods, chained": ("x = x.relu().flatten(1)\n", ["x.relu()"], "x = x.flatten(1)\n"),
    "methods, all": ("x = x.relu().flatten(1)\n", ["x.relu()", "x.relu().flatten(1)"], "x = x\n"),
}


@pytest.mark.parametrize(("text", "codes", "after"), REMOVED.values(), ids=REMOVED)
def test_takes_layers_out(text, codes, after):
    assert removed(HEAD + text, *codes) == HEAD + after


ATTRIBUTES = program(
    "self.conv = nn.Conv2d(1, 8, 3)\nself.act = nn.ReLU()  # ö\nself.fc = nn.Linear(288, 10)",
    "x = self.act(self.conv(x))\nx = self.act(x)\nreturn self.fc(x.flatten(1))",
)


@pytest.mark.parametrize(
    ("codes", "gone", "forward"),
    [
        (["nn.ReLU()"], ["self.act = nn.ReLU()  # ö"], "x = self.conv(x)\nx = x\nreturn self.fc(x.flatten(1))"),
        (["nn.Conv2d(1, 8, 3)"], ["self.conv = nn.Conv2d(1, 8, 3)"], "x = self.act(x)\nx = self.act(x)\nreturn "),
        (
            ["nn.Conv2d(1, 8, 3)", "nn.ReLU()"],
            ["self.conv = nn.Conv2d(1, 8, 3)", "self.act = nn.ReLU()  # ö"],
            "x = x\nx = x\nreturn self.fc(x.flatten(1))",
        ),
    ],
)
def test_takes_attributes_out_with_their_uses(codes, gone, forward):
    after = removed(ATTRIBUTES, *codes)
    assert all(line not in after for line in gone)
    assert forward.replace("\n", "\n        ") in after


INSERTED = {
    "append": (APPEND, RELU, [("nn.GELU()", "gelu")], APPEND.replace(" Nair\n", " Nair\nlayers.append(nn.GELU())\n")),
    "append, two": (
        APPEND,
        CONV,
        [("nn.GELU()", "gelu"), ("nn.Tanh()", "tanh")],
        APPEND.replace("8, 3))\n", "8, 3))\nlayers.append(nn.GELU())\nlayers.append(nn.Tanh())\n"),
    ),
    "positional": (POSITIONAL, RELU, [("nn.GELU()", "gelu")], POSITIONAL.replace(RELU, "nn.ReLU(), nn.GELU()")),
    "lines": (LINES, RELU, [("nn.GELU()", "gelu")], LINES.replace(RELU, "nn.ReLU(),\n    nn.GELU()")),
    "lines, two": (
        LINES,
        FLAT,
        [("nn.GELU()", "gelu"), ("nn.Tanh()", "tanh")],
        LINES.replace(FLAT, "nn.Flatten(),\n    nn.GELU(),\n    nn.Tanh()"),
    ),
    "list": (LIST, FLAT, [("nn.GELU()", "gelu")], LIST.replace(FLAT, "nn.Flatten(), nn.GELU()")),
    "pairs": (
        ORDERED,
        RELU,
        [("nn.GELU()", "r")],
        ORDERED.replace('("r", nn.ReLU())', '("r", nn.ReLU()), ("r1", nn.GELU())'),
    ),
    "nested": (NESTED, RELU, [("nn.GELU()", "gelu")], NESTED.replace(RELU, "nn.ReLU(), nn.GELU()")),
    "add_module": (
        ADD,
        RELU,
        [("nn.GELU()", "gelu")],
        ADD.replace("nn.ReLU())\n", 'nn.ReLU())\nnet.add_module("gelu1", nn.GELU())\n'),
    ),
}


@pytest.mark.parametrize(("text", "code", "calls", "after"), INSERTED.values(), ids=INSERTED)
def test_puts_layers_behind_a_layer(text, code, calls, after):
    assert inserted(HEAD + text, code, *calls) == HEAD + after


@pytest.mark.parametrize(
    ("text", "after"),
    [
        (APPEND, APPEND.replace("layers.append(nn.Conv2d", "layers.append(nn.GELU())\nlayers.append(nn.Conv2d")),
        (POSITIONAL, POSITIONAL.replace("(nn.Conv2d", "(nn.GELU(), nn.Conv2d")),
        (LINES, LINES.replace("    nn.Conv2d", "    nn.GELU(),\n    nn.Conv2d")),
        (ORDERED, ORDERED.replace('("c"', '("gelu1", nn.GELU()), ("c"')),
    ],
)
def test_puts_a_layer_in_front_of_the_first(text, after):
    assert inserted(HEAD + text, CONV, ("nn.GELU()", "gelu"), after=False) == HEAD + after


def test_puts_an_attribute_with_its_use_behind_an_attribute():
    after = inserted(ATTRIBUTES, "nn.Conv2d(1, 8, 3)", ("nn.BatchNorm2d(8)", "bn"), ("nn.GELU()", "act"))
    assert (
        "self.conv = nn.Conv2d(1, 8, 3)\n        self.bn1 = nn.BatchNorm2d(8)\n        self.act1 = nn.GELU()\n" in after
    )
    assert "x = self.act(self.act1(self.bn1(self.conv(x))))\n" in after


def test_puts_a_use_on_a_line_of_its_own_where_a_name_is_assigned():
    text = program("self.conv = nn.Conv2d(1, 8, 3)", "x = self.conv(x)\nreturn x")
    after = inserted(text, "nn.Conv2d(1, 8, 3)", ("nn.ReLU()", "relu"), ("nn.Tanh()", "tanh"))
    assert "x = self.conv(x)\n        x = self.relu1(x)\n        x = self.tanh1(x)\n        return x" in after


def test_puts_a_definition_and_a_use_behind_a_function():
    after = inserted(program("self.a = 1", "return F.relu(x).flatten(1)"), "F.relu(x)", ("nn.Tanh()", "tanh"))
    assert "self.a = 1\n        self.tanh1 = nn.Tanh()\n" in after
    assert "return self.tanh1(F.relu(x)).flatten(1)" in after


@pytest.mark.parametrize(
    ("init", "forward", "code"),
    [
        ("self.a = nn.ReLU()", "return self.a(*x)", "nn.ReLU()"),
        ("self.a = nn.Bilinear(1, 2, 3)", "return self.a(x, x)", "nn.Bilinear(1, 2, 3)"),
        ("self.a = nn.Linear(1, 2)", "return self.a(x) * self.a.weight", "nn.Linear(1, 2)"),
        ("self.a = nn.utils.weight_norm(nn.Linear(1, 2))", "return self.a(x)", "nn.Linear(1, 2)"),
    ],
)
def test_leaves_what_is_no_plain_function_of_one_tensor_alone(init, forward, code):
    source = parse(program(init, forward))
    assert placing.place_of(source, _calls(source, [code])[0]) is None


ANYWHERE = {
    "assigned twice": ("self.a = self.b = nn.ReLU()", "return self.a(self.b(x))"),
    "handed on": ("self.a = nn.ReLU()\nself.c = [self.a]", "return self.a(x)"),
    "one of two": ("if 1:\n    self.a = nn.ReLU()\nelse:\n    self.a = nn.GELU()", "return self.a(x)"),
    "a local name": ("a = nn.ReLU()\nself.b = nn.Sequential(a)", "return self.b(x)"),
    "an argument": ("self.a = wrapped(nn.ReLU())", "return self.a(x)"),
    "a comprehension": ("self.a = nn.ModuleList([nn.ReLU() for _ in range(3)])", "return self.a[0](self.a[1](x))"),
    "a dictionary": ('self.a = nn.ModuleDict({"a": nn.ReLU()})', 'return self.a["a"](x)'),
    "added by name": ('self.add_module("a", nn.ReLU())', "return self.a(x)"),
    "a choice": ("self.a = nn.ReLU() if 1 else None", "return self.a(x)"),
}


@pytest.mark.parametrize(("init", "forward"), ANYWHERE.values(), ids=ANYWHERE)
def test_joins_a_layer_to_one_that_stands_in_no_plain_style(init, forward):
    text = program(init, forward)
    assert inserted(text, "nn.ReLU()", ("nn.Tanh()", "tanh")) == text.replace(
        "nn.ReLU()", "nn.Sequential(nn.ReLU(), nn.Tanh())"
    )
    assert removed(text, "nn.ReLU()") == text.replace("nn.ReLU()", "nn.Identity()")


def test_takes_the_layers_that_a_class_hands_to_its_base_as_a_list():
    text = (
        HEAD
        + "class A(nn.Sequential):\n    def __init__(self):\n        super().__init__(nn.Conv2d(1, 8, 3), nn.ReLU())\n"
    )
    assert removed(text, "nn.ReLU()") == text.replace(", nn.ReLU()", "")
    assert inserted(text, "nn.ReLU()", ("nn.Tanh()", "tanh")) == text.replace("nn.ReLU()", "nn.ReLU(), nn.Tanh()")


@pytest.mark.parametrize(
    "other",
    ["    def reset(self, block):\n        block.a = 1\n", "\n\nclass B(A):\n    def f(self):\n        self.a\n"],
)
def test_keeps_an_attribute_that_others_read(other):
    text = HEAD + (
        "class A(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.a = nn.ReLU()\n"
        "    def forward(self, x):\n        return self.a(x)\n"
    )
    assert removed(text + other, "nn.ReLU()") == (text + other).replace("nn.ReLU()", "nn.Identity()")


@pytest.mark.parametrize("text", [APPEND, POSITIONAL, LINES, LIST, ORDERED, NESTED, ADD])
def test_any_removal_and_insertion_still_parses(text):
    for seed in range(16):
        rng = random.Random(seed)
        codes = rng.sample([CONV, RELU, FLAT], rng.randint(1, 3))
        less = parse(removed(HEAD + text, *codes))  # raises where it is no program
        more = parse(inserted(HEAD + text, codes[0], ("nn.GELU()", "g"), after=rng.random() < 0.5))
        assert not any(code in less.text for code in codes)
        assert "nn.GELU()" in more.text


@pytest.mark.parametrize(
    ("symbol", "stem"),
    [
        ("torch.nn.Conv2d", "conv"),
        ("torch.nn.BatchNorm1d", "bn"),
        ("torch.nn.Linear", "fc"),
        ("torch.nn.ReLU", "relu"),
        ("torch.nn.ReLU6", "relu"),
        ("torch.nn.AdaptiveAvgPool2d", "adaptiveavgpool"),
        ("torch.nn.MaxPool2d", "pool"),
        ("torch.nn.Dropout2d", "dropout"),
    ],
)
def test_names_an_attribute_after_its_layer(symbol, stem):
    assert placing.stem_of(symbol) == stem


def test_a_fresh_name_is_the_first_free_one():
    assert placing.fresh("conv", {"conv1", "conv3"}) == "conv2"


def test_a_list_that_lost_all_its_layers_is_empty():
    text = f"{HEAD}layers = [\n    nn.ReLU(),\n    nn.Tanh(),\n]\nnet = nn.Sequential(nn.ReLU6(), )\n"
    assert removed(text, "nn.ReLU()", "nn.Tanh()", "nn.ReLU6()") == f"{HEAD}layers = []\nnet = nn.Sequential()\n"
