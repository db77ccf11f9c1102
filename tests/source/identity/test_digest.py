"""Identity: what does not count, and what must."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gi.core.errors import SourceError
from gi.source.identity.digest import digest, normalise
from tests.checking import HEAD, RECIPE, SEEDS, program

INIT = "self.conv = nn.Conv2d(1, 8, 3, padding=1)\nself.fc = nn.Linear(512, 10)"
FORWARD = "y = F.relu(self.conv(x))\nreturn self.fc(y.flatten(1))"
BASE = program(INIT, FORWARD)

SAME = {
    "comments": BASE.replace("8, 3", "8,   3").replace("self.fc = ", "# dense\n        self.fc = "),
    "line ends": BASE.replace("\n", "\r\n"),
    "parentheses": BASE.replace("return self.fc(y.flatten(1))", "return (self.fc((y).flatten(1)))"),
    "docstrings": BASE.replace("class Net(nn.Module):\n", 'class Net(nn.Module):\n    """A net."""\n\n'),
    "a docstring of the module": '"""A module."""\n' + BASE,
    "local names": BASE.replace("y = ", "hidden = ").replace("y.flatten", "hidden.flatten"),
    "forward's argument": BASE.replace("(self, x)", "(self, image)").replace("conv(x)", "conv(image)"),
    "attribute names": BASE.replace("self.conv", "self.stem").replace("self.fc", "self.head"),
    "spelling of imports": BASE.replace(
        HEAD, "import torch\nfrom torch import nn\nfrom torch.nn.functional import relu\n"
    )
    .replace("F.relu", "relu")
    .replace("nn.Linear", "torch.nn.Linear"),
    "order of imports": BASE.replace(HEAD, "from torch import nn\nimport torch.nn.functional as F\nimport torch\n"),
    "unused imports": "import os\n" + BASE,
    "dead layers": BASE.replace("self.fc = ", "self.act = nn.ReLU6()\n        self.fc = "),
    "dead locals": BASE.replace("return self.fc", "z = x + 1\n        return self.fc"),
    "dead helpers": BASE + "\n\ndef helper():\n    return 1\n",
    "pass": BASE.replace("return self.fc", "pass\n        return self.fc"),
    "annotations": BASE.replace("(self, x)", "(self, x: torch.Tensor) -> torch.Tensor"),
    "quotes and numbers": BASE.replace("nn.Linear(512, 10)", "nn.Linear(0x200, 1_0)"),
}


@pytest.mark.parametrize("text", SAME.values(), ids=SAME)
def test_spelling_does_not_count(text):
    assert text != BASE
    assert normalise(text) == normalise(BASE)
    assert digest(text) == digest(BASE)


OTHER = {
    "a width": BASE.replace("8, 3", "9, 3"),
    "a keyword": BASE.replace("padding=1", "stride=1"),
    "a layer": BASE.replace("nn.Conv2d", "nn.ConvTranspose2d"),
    "a function": BASE.replace("F.relu", "F.gelu"),
    "the order of use": program(INIT, "y = self.conv(F.relu(x))\nreturn self.fc(y.flatten(1))"),
    "which of two names": BASE.replace("y.flatten", "x.flatten"),
    "which of two layers": program(INIT + "\nself.c = nn.Conv2d(1, 8, 3, padding=1)", FORWARD + " + self.c(x).mean()"),
    "one more use": BASE.replace("self.fc(y", "self.fc(F.relu(y)").replace(".flatten(1))", ".flatten(1))"),
    "the recipe": BASE.replace("lr=0.1", "lr=0.2"),
    "the optimizer": BASE.replace("optim.SGD", "optim.Adam"),
    "a constant of the module": BASE.replace("class Net", "WIDTH = 8\n\n\nclass Net").replace("8, 3", "WIDTH, 3"),
    "a default": BASE.replace("def __init__(self)", "def __init__(self, width=3)").replace("8, 3", "8, width"),
    "unused weights": BASE.replace("self.fc = ", "self.extra = nn.Linear(500, 500)\n        self.fc = "),
    "fewer unused weights": BASE.replace("self.fc = ", "self.extra = nn.Linear(500, 400)\n        self.fc = "),
    "unused statistics": BASE.replace("self.fc = ", "self.bn = nn.BatchNorm2d(8)\n        self.fc = "),
    "unused weights of its own": BASE.replace("self.fc = ", "self.e = nn.Parameter(torch.ones(5))\n        self.fc = "),
    "a result that is not read": BASE.replace("return self.fc", "z = x.mul_(2)\n        return self.fc"),
    "initial values": BASE.replace(
        "self.fc = nn.Linear(512, 10)", "self.fc = nn.Linear(512, 10)\n        z = nn.init.ones_(self.fc.weight)"
    ),
    "where a name comes from": BASE.replace("import torch.nn.functional as F", "import numpy as F"),
}


@pytest.mark.parametrize("text", OTHER.values(), ids=OTHER)
def test_what_is_computed_counts(text):
    assert digest(text) != digest(BASE)


def test_different_changes_have_different_digests():
    assert len({digest(text) for text in (*OTHER.values(), BASE)}) == len(OTHER) + 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "def recipe():\n    from a import g\n    return g()\n",
            "def recipe():\n    from b import g\n    return g()\n",
        ),
        ("from a import *\nrecipe = g()\n", "from b import *\nrecipe = g()\n"),
        ("from .a import g\nrecipe = g()\n", "from .b import g\nrecipe = g()\n"),
        ("def recipe(a):\n    return f(a=a)\n", "def recipe(a):\n    return f(b=a)\n"),
        ("def recipe(a, b):\n    return a - b\n", "def recipe(a, b):\n    return b - a\n"),
        ("def recipe(a):\n    return [b for b in a]\n", "def recipe(a):\n    return [a for b in a]\n"),
    ],
)
def test_tells_programs_apart(one, other):
    assert digest(one) != digest(other)


def test_seed_programs_are_all_different():
    assert len({digest(text) for text in SEEDS.values()}) == len(SEEDS)


def test_a_digest_is_16_hexadecimal_digits():
    assert len(digest(BASE)) == 16
    assert int(digest(BASE), 16)


def test_refuses_what_does_not_parse():
    with pytest.raises(SourceError, match="line 1"):
        digest("def f(:\n")


@given(st.integers(1, 64), st.integers(1, 64))
def test_widths_are_told_apart(one, other):
    a, b = (program(f"self.conv = nn.Conv2d(1, {n}, 3)", "return self.conv(x)", RECIPE) for n in (one, other))
    assert (digest(a) == digest(b)) == (one == other)


@pytest.mark.parametrize("text", SEEDS.values(), ids=SEEDS)
def test_the_normal_form_is_its_own_normal_form_but_for_imports(text):
    assert normalise(text).count("class Net") == 1
    assert normalise(text) == normalise(text + "\n# end\n")
