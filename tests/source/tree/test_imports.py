"""Imports: what names stand for, how a program spells a symbol, and where a missing import goes."""

import ast

import pytest

from gi.source.tree.imports import imported, resolve, spelling, with_import
from gi.source.tree.tree import parse

RESOLVED = [
    ("import torch", "torch.nn.Conv2d", "torch.nn.Conv2d"),
    ("from torch import nn", "nn.Conv2d", "torch.nn.Conv2d"),
    ("import torch.nn as n", "n.Conv2d", "torch.nn.Conv2d"),
    ("import torch.nn.functional", "torch.nn.functional.relu", "torch.nn.functional.relu"),
    ("from torch.nn import Conv2d as C", "C", "torch.nn.Conv2d"),
    ("from . import layers", "layers.Conv2d", "layers.Conv2d"),
    ("from torch.nn import *", "Conv2d", "Conv2d"),
    ("", "nn.Conv2d", "nn.Conv2d"),
    ("import torch", "f().relu", ""),
]


@pytest.mark.parametrize(("head", "code", "symbol"), RESOLVED)
def test_resolves_a_name_through_the_imports(head, code, symbol):
    assert resolve(parse(head), ast.parse(code, mode="eval").body) == symbol


def test_lists_what_the_imports_bind():
    head = "import a.b\nimport c.d as e\nfrom f import g, h as i\nfrom .j import k\n"
    assert imported(parse(head)) == {"a": "a", "e": "c.d", "g": "f.g", "i": "f.h"}


NN, F, V2 = "from torch import nn", "import torch.nn.functional as F", "from torchvision.transforms import v2"
SPELLED = [
    ("import torch", "torch.nn.ReLU", "torch.nn.ReLU", ""),
    ("import torch\nfrom torch import nn", "torch.nn.ReLU", "nn.ReLU", ""),
    ("import torch.nn as layers", "torch.nn.ReLU", "layers.ReLU", ""),
    ("from torch.nn import ReLU", "torch.nn.ReLU", "ReLU", ""),
    ("from torch.nn import ReLU as R", "torch.nn.ReLU", "R", ""),
    ("from torch.nn import Linear", "torch.nn.ReLU", "nn.ReLU", NN),
    ("from torch import nn", "torch.nn.functional.relu", "nn.functional.relu", ""),
    ("from torch import nn", "torch.flatten", "torch.flatten", "import torch"),
    ("from torch import nn", "torch.optim.SGD", "torch.optim.SGD", "import torch"),
    ("", "torch.nn.ReLU", "nn.ReLU", NN),
    ("", "torch.nn.functional.relu", "F.relu", F),
    ("nn = 3", "torch.nn.ReLU", "torch.nn.ReLU", "import torch"),
    ("def nn(): pass", "torch.nn.ReLU", "torch.nn.ReLU", "import torch"),
    ("class nn: pass", "torch.nn.ReLU", "torch.nn.ReLU", "import torch"),
    ("def f(nn): pass", "torch.nn.ReLU", "torch.nn.ReLU", "import torch"),
    ("def f():\n    for F in []: pass", "torch.nn.functional.relu", "nn.functional.relu", NN),
    ("import numpy as nn", "torch.nn.ReLU", "torch.nn.ReLU", "import torch"),
    ("import torchvision", "torchvision.transforms.v2.RandomErasing", "v2.RandomErasing", V2),
    ("from torchvision import transforms", "torchvision.transforms.v2.RandomErasing", "v2.RandomErasing", V2),
    ("import torchvision.transforms.v2 as T", "torchvision.transforms.v2.RandomErasing", "T.RandomErasing", ""),
    ("import torchvision", "torchvision.ops.StochasticDepth", "torchvision.ops.StochasticDepth", ""),
    ("", "Block", "Block", ""),
]


@pytest.mark.parametrize(("head", "symbol", "code", "line"), SPELLED)
def test_spells_a_symbol_as_the_program_does(head, symbol, code, line):
    assert spelling(parse(head), symbol) == (code, line)


PLACED = [
    ("x = 1\n", "import a\nx = 1\n"),
    ("", "import a\n"),
    ('"""What."""\nx = 1\n', '"""What."""\n\nimport a\nx = 1\n'),
    ('"""What."""', '"""What."""\n\nimport a'),
    ("import b\nx = 1\n", "import b\nimport a\nx = 1\n"),
    ("import b\r\nx = 1\r\n", "import b\r\nimport a\r\nx = 1\r\n"),
    ("from __future__ import annotations\nx = 1\n", "from __future__ import annotations\nimport a\nx = 1\n"),
    ("from b import (\n    c,\n    d,\n)\nx = 1\n", "from b import (\n    c,\n    d,\n)\nimport a\nx = 1\n"),
    ("import b; import c\nx = 1\n", "import b; import c; import a\nx = 1\n"),
]


@pytest.mark.parametrize(("before", "after"), PLACED)
def test_puts_an_import_behind_the_others(before, after):
    source = parse(before)
    assert source.edited([with_import(source, "import a")]) == after


def test_two_edits_that_need_one_import_add_it_once():
    source = parse("x = 1\n")
    assert source.edited([with_import(source, "import a"), with_import(source, "import a")]) == "import a\nx = 1\n"
