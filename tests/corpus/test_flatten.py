"""A class with everything that it uses, out of the files of its package into one text."""

import re

import pytest

from gi.corpus.flatten import MAX_CHARACTERS, UnusableError, flattened
from gi.corpus.package import Defined, Inside, Package

HELPERS = (
    "import torch.nn as nn\n\n\ndef width(n):\n    return 2 * n\n\n\nclass Base(nn.Module):\n    twice = width(1)\n"
)
NET = (
    "from torch import nn\nfrom .helpers import Base as Root, width\nfrom . import helpers\n\nUNUSED = 1\n\n\n"
    "class Block(Root):\n    def __init__(self, n):\n        super().__init__()\n"
    "        self.fc = nn.Linear(n, width(n))\n        self.wide = helpers.width(n)\n"
)


def stands_alone(texts, module, name="Block"):
    text, spelled = flattened(Package(texts), module, name)
    namespace = {"__name__": "alone"}
    exec(compile(text, "alone", "exec"), namespace)
    return text, namespace[spelled]


def test_definitions_of_other_files_come_along_and_no_more():
    text, made = stands_alone({"nets.__init__": "", "nets.helpers": HELPERS, "nets.net": NET}, "nets.net")
    assert made(3).fc.out_features == 6
    assert made(3).wide == 6
    assert "UNUSED" not in text
    assert "helpers" not in text
    assert text.count("def width") == 1
    assert re.findall(r"^class .*", text, re.MULTILINE) == ["class Base(nn.Module):", "class Block(Base):"]


def test_two_definitions_of_one_name_are_told_apart():
    texts = {
        "a": "SIZE = 1\n\n\ndef size():\n    return SIZE\n",
        "b": "import a\nSIZE = 2\n\n\nclass Block:\n    sizes = (SIZE, a.size())\n",
    }
    text, made = stands_alone(texts, "b")
    assert made.sizes == (2, 1)
    assert "SIZE1" in text


def test_a_re_export_is_followed_also_where_a_module_has_the_same_name():
    texts = {
        "p.__init__": "from .conv import conv as conv\n",
        "p.conv": "def conv():\n    return 7\n",
        "net": "from p import conv\n\n\nclass Block:\n    seven = conv()\n",
    }
    assert Package(texts).meaning("net", "conv") == Defined("p.conv", "conv")
    assert stands_alone(texts, "net")[1].seven == 7


def test_star_imports_of_the_package_are_followed():
    texts = {
        "p.__init__": "",
        "p.a": "ONE = 1\n_TWO = 2\n",
        "p.b": "from .a import *\n\n\nclass Block:\n    one = ONE\n",
    }
    assert stands_alone(texts, "p.b")[1].one == 1
    assert Package(texts).meaning("p.b", "_TWO") is None


def test_names_that_stand_for_modules_are_known():
    texts = {"p.__init__": "", "p.a": "", "net": "import p\nfrom p import a\n"}
    assert Package(texts).meaning("net", "p") == Inside("p")
    assert Package(texts).meaning("net", "a") == Inside("p.a")


def test_definitions_stand_in_the_order_in_which_python_runs_them():
    texts = {
        "net": "from late import TABLE\n\n\nclass Block:\n    table = TABLE\n",
        "late": "from early import make\n\nTABLE = [make()]\nTABLE += [2]\n",
        "early": "START = 1\n\n\ndef make():\n    return START\n",
    }
    assert stands_alone(texts, "net")[1].table == [1, 2]


def test_a_circle_of_imports_ends():
    texts = {
        "a": "import b\n\n\nclass Block:\n    def twin(self):\n        return b.make()\n",
        "b": "import a\n\n\ndef make():\n    return a.Block()\n",
    }
    assert type(stands_alone(texts, "a")[1]().twin()).__name__ == "Block"


@pytest.mark.parametrize(
    ("text", "reason", "detail"),
    [
        ("import scipy\n\n\nclass Block:\n    s = scipy.pi\n", "uses another package", "scipy"),
        ("from .gone import x\n\n\nclass Block:\n    s = x\n", "imports what its source lacks", "p.gone.x"),
        ("from . import other\n\n\nclass Block:\n    s = other\n", "uses a module as a value", "p.other"),
        (f"T = '{'x' * MAX_CHARACTERS}'\n\n\nclass Block:\n    s = T\n", "uses too much other code", "characters"),
    ],
)
def test_what_cannot_stand_alone_says_why(text, reason, detail):
    with pytest.raises(UnusableError) as error:
        flattened(Package({"p.__init__": "", "p.net": text, "p.other": ""}), "p.net", "Block")
    assert error.value.reason == reason
    assert detail in error.value.detail
