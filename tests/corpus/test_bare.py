"""What a class does not need to compute is left out of its text, and nothing else."""

import ast

import pytest

from gi.corpus.bare import bare
from gi.source.gate.passing import STRICT

HARVESTED = """\
import torch
from torch import nn
from types import FunctionType
from typing import Any


def _log_api_usage_once(obj: Any) -> None:
    module = obj.__module__
    if isinstance(obj, FunctionType):
        torch._C._log_api_usage_once(module)


class Block(nn.Module):  # what it is
    _version = 2
    __constants__ = ["width"]

    def __init__(self, width):
        super().__init__()
        _log_api_usage_once(self)
        self.conv = nn.Conv2d(width, width, 3, padding=1)  # the layer

    def forward(self, x):
        return self.conv(x)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}"
"""
BARE = """\
import torch
from torch import nn


class Block(nn.Module):  # what it is

    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)  # the layer

    def forward(self, x):
        return self.conv(x)
"""


def test_the_usage_log_texts_and_versions_go_with_what_only_they_use():
    assert bare(HARVESTED, "Block") == BARE.replace("import torch\n", "", 1)
    assert STRICT.refusal(HARVESTED, "Block") is not None
    assert STRICT.refusal(bare(HARVESTED, "Block"), "Block") is None


@pytest.mark.parametrize(
    "text",
    [
        BARE,
        "x = (",
        "import torch\n\n\nclass Block:\n    def __repr__(self): return 1\n",
        "class Block:\n    a = 1; _version = 2\n",
        "def other():\n    pass\n\n\nclass Block:\n    pass\n",
    ],
)
def test_a_text_with_nothing_of_that_stays_as_it_is(text):
    assert bare(text, "Block") == text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("@torch.fx.wrap\ndef f(x):\n    return x\n\n\nclass Block:\n    a = f\n", "def f(x):\n    return x"),
        ("torch.fx.wrap('f')\n\n\nclass Block:\n    a = 1\n", "class Block:\n    a = 1"),
        (
            "def f():\n    _log_api_usage_once(f)\n\n\nclass Block:\n    _version = 1\n    a = f\n",
            "_log_api_usage_once(f)",
        ),
    ],
)
def test_what_is_left_parses(before, after):
    text = bare(before, "Block")
    ast.parse(text)
    assert after in text


NETWORK = """\
import torch.nn as nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 3)
        self.begin()

    def begin(self):
        nn.init.zeros_(self.layer.bias)

    def inner(self, x):
        return self.layer(x)

    def load(self, path):
        \"\"\"Reads what `forward` needs.\"\"\"
        return open(path).read()

    def helper_of_load(self):
        return 1

    def train(self, mode=True):
        self.layer.train(mode)
        return super().train(mode)

    def forward(self, x):
        return self.inner(x)
"""


def methods(text, name="Net"):
    tree = next(n for n in ast.walk(ast.parse(bare(text, name))) if isinstance(n, ast.ClassDef) and n.name == name)
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_methods_that_nothing_calls_go():
    assert methods(NETWORK) == {"__init__", "begin", "inner", "train", "forward"}


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        ("self.inner(x)", "getattr(self, 'load')(x)", "load"),
        ("self.inner(x)", "getattr(self, f'lo{x}')(x)", "load"),
        ("self.inner(x)", "getattr(self, x)(x)", "helper_of_load"),
        ("class Net(nn.Module)", "class Net(nn.Conv2d)", "load"),
        ("return open(path).read()", "return self.helper_of_load()", "forward"),
    ],
)
def test_methods_that_something_may_call_stay(old, new, kept):
    assert kept in methods(NETWORK.replace(old, new))


def test_signatures_for_compilers_go():
    forward = "    def forward(self, x):\n        return x\n"
    text = f"import torch\n\n\nclass A:\n    @torch.jit._overload_method\n{forward}\n{forward}"
    assert bare(text, "A").count("def forward") == 1
