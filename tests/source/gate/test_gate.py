"""The gate: every attack is refused by its rule, and no program that people or the search write is."""

import ast
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gi.core.types import Offspring
from gi.source.gate.allowed import allowed
from gi.source.gate.gate import refusals
from gi.source.gate.syntax import MIXED_PRECISION
from gi.vary import Vary
from tests.attacks.followed import FOLLOWED
from tests.attacks.places import PLACES
from tests.attacks.programs import ATTACKS, program
from tests.checking import SEEDS, SMALL, InProcess, Stock

EVERY_ATTACK = ATTACKS | FOLLOWED | PLACES
DERIVATIVE = """
class Cut(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, grad):
        return grad * (ctx.saved_tensors[0] > 0)
"""
RELU_OF = "def relu_of(slope):\n    return lambda: nn.LeakyReLU(slope)\n\n"


@pytest.fixture(scope="module")
def vary_offspring():
    """Offspring of every seed program, with lines of the others, three edits in a row."""
    check = InProcess()
    vary = Vary(Stock.of(*SEEDS.values()), check, SMALL)
    made = []
    for name in sorted(SEEDS):
        rng, text = random.Random(name), vary.fitted(SEEDS[name])[0]
        for _ in range(3):
            result = vary([text, SEEDS[rng.choice(sorted(SEEDS))]], rng=rng)
            if isinstance(result, Offspring):
                text = result.text
                made.append(text)
    assert len(made) > 2 * len(SEEDS)
    return made


def test_the_plain_program_passes():
    assert refusals(program()) == ()


def test_a_class_that_constructs_two_of_another_doubles_no_time():
    """With 40 of them in a row the gate would not have answered before the sun goes out."""
    first = "class C0(nn.Module):\n    def __init__(self):\n        super().__init__()\n        nn.ReLU().eval()\n\n"
    more = (
        f"class C{n}(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        f"        self.a, self.b = C{n - 1}(), C{n - 1}()\n\n"
        for n in range(1, 40)
    )
    assert refusals(program(top=first + "".join(more), init="self.c = C39()")) == ()


def test_the_shape_of_what_is_made_for_an_image_may_change():
    made = program(forward="y = x + 1\ny.unsqueeze_(0)\nx = x + y.squeeze_(0)")
    assert refusals(made) == ()


@pytest.mark.parametrize("name", EVERY_ATTACK)
def test_refuses_an_attack_by_its_rule(name):
    rule, text = EVERY_ATTACK[name]
    assert rule in {refusal.rule for refusal in refusals(text)}


@pytest.mark.parametrize("name", FOLLOWED)
def test_refuses_an_attack_whose_entry_is_known(name):
    rule, text = FOLLOWED[name]
    entry = "build" if "def build():" in text else "Net"
    assert rule in {refusal.rule for refusal in refusals(text, entry)}


def test_the_attacks_are_many_and_differ():
    assert len(EVERY_ATTACK) == len(ATTACKS) + len(FOLLOWED) + len(PLACES) >= 600
    assert len({text for _, text in EVERY_ATTACK.values()}) == len(EVERY_ATTACK)


def test_refuses_what_it_cannot_follow_to_its_end(monkeypatch):
    monkeypatch.setattr("gi.source.gate.flow.analysis.MAX_STEPS", 50)
    (refusal,) = refusals(program())
    assert (refusal.rule, refusal.detail) == ("state", "values go more ways than are followed")


@pytest.mark.parametrize("name", SEEDS)
def test_passes_the_seed_programs(name):
    assert refusals(SEEDS[name]) == ()


def test_a_refusal_names_line_column_and_rule():
    text = "import torch\n\n\ndef recipe(net, steps):\n    return torch.hub\n"
    assert [str(refusal) for refusal in refusals(text)] == ["line 5, column 11: name: torch.hub is not allowed"]


@pytest.mark.parametrize(
    "change",
    [
        {"forward": "x = F.relu(x, inplace=True)"},
        {"forward": "x = x + 1\nx += 1", "init": "self.alpha = 0.5"},
        {"forward": "features = [x]\nfeatures.append(x)\nx = features[0]"},
        {
            "forward": "for layer in self.blocks:\n    x = layer(x)\n",
            "init": "self.blocks = nn.ModuleList([nn.ReLU()])",
        },
        {"init": "for i in range(3):\n    self.add_module(f'block{i}', nn.ReLU())\n"},
        {"init": "for m in self.modules():\n    if isinstance(m, nn.Linear):\n        nn.init.zeros_(m.bias)\n"},
        {"init": "self.register_buffer('mean', torch.zeros(1))", "forward": "x = x - self.mean"},
        {"init": "self.scale = nn.Parameter(torch.ones(784))", "forward": "x = x * self.scale"},
        {"init": "self.rates = [x.item() for x in torch.linspace(0, 0.1, 3)]"},
        {"init": "def init(m):\n    if isinstance(m, nn.Linear):\n        nn.init.zeros_(m.bias)\nself.apply(init)"},
        {"init": "self.other = nn.Linear(1, 1)\nself.other.weight = self.layer.weight"},
        {"top": "ACT = nn.ReLU\nWIDTHS = {'a': [1, 2]}\n", "init": "self.act = ACT()"},
        {"members": f"'''Parameters\n{'-' * 80}\n(({'+' * 30}\n'''\n"},
        {"top": f"# {'-' * 100}\n# {'((' * 50}\n"},
        {"members": "expansion: int = 4\n", "init": "self.wide = nn.Linear(1, self.expansion)"},
        {
            "members": "cfg = [(1, 16), [6, 24]]\n",
            "init": "for a, b in self.cfg:\n    self.add_module(f'b{a}', nn.Linear(a, b))",
        },
        {"members": "widths = {'small': [1, 2], 'act': nn.ReLU}\n", "forward": "x = x + Net.widths['small'][0]"},
        {"members": "def block(self, x):\n    return F.relu(x)\n", "forward": "x = self.block(x)"},
        {"forward": "if x.shape[1] != 784:\n    raise ValueError(f'{x.shape[1]} values, not 784')\n"},
        {"top": "from functools import partial", "init": "self.norm = partial(nn.BatchNorm2d, eps=1e-3)(3)"},
        {"top": RELU_OF, "members": "def act(self, x, relu=relu_of(0.1)):\n    return relu()(x)\n"},
        {"top": RELU_OF + "ACT = relu_of(0.1)\n", "init": "self.act = ACT()"},
        {"top": "ACTS = dict(relu=nn.ReLU, none=None)\nWIDE = tuple([1, 2])\n", "init": "self.act = ACTS['relu']()"},
        {"top": "from dataclasses import dataclass\n\n@dataclass\nclass Config:\n    width: int = 3\n"},
        {"top": "class Config:\n    def __init__(self, width):\n        self.width = width\n", "init": "Config(3)"},
        {"top": "from typing import NamedTuple\n\nclass Config(NamedTuple):\n    act: object = nn.ReLU\n"},
        {"top": "from collections import namedtuple\nOut = namedtuple('Out', ['logits', 'aux'])\n"},
        {"top": "from inspect import isfunction", "init": "assert not isfunction(self.layer)"},
        {"init": "with torch.no_grad():\n    self.layer.eval()(torch.zeros(2, 784))\nself.layer.train()\n"},
        {
            "top": "class Wide(nn.Module):\n    def __init__(self):\n"
            "        super(Wide, self).__init__()\n        self.train(False)\n",
            "init": "self.wide = Wide()",
        },
        {"init": "self.names = ['stage{}'.format(i) for i in range(3)]"},
        {"init": "if getattr(self.layer, 'bias', None) is not None and hasattr(self.layer, 'weight'):\n    pass\n"},
        {"init": "setattr(self, 'other', nn.ReLU())", "forward": "x = self.other(x)"},
        {"init": "if type(self.layer) is not nn.Linear:\n    raise TypeError(f'{type(self.layer)}')\n"},
        {"members": "def of(self, kind: type[nn.Module]):\n    return isinstance(kind, type)\n"},
        {"init": "self.layer.stddev = 0.1"},
        {"init": "for i in range(2):\n    setattr(self, f'stage{i}', nn.ReLU())\n"},
        {"top": "from torch.ao.quantization import QuantStub", "init": "self.quant = QuantStub()"},
        {"forward": "for layer in self._modules.values():\n    x = x + 0 * len(str(layer))\n"},
        {"init": "names = set([1, 2]).issubset([1, 2, 3])"},
        {"init": "steps = {1: 2}\ndel steps[1]\n"},
        {
            "init": "self.size = (7, 7)",
            "forward": "h, w = self.grid()\n",
            "members": "def grid(self):\n    return self.size[0], self.size[1]\n",
        },
        {
            "members": "def at(self, x, i):\n    if i < 0:\n        i += len(x)\n    return x\n",
            "forward": "x = self.at(x, -1)",
        },
        {"members": "def onto(self, x, y):\n    x[:, 1:] += y\n    return x\n", "forward": "x = self.onto(x * 2, 1.0)"},
        {"forward": "x[:, 0] = 0.0"},
        {"init": "try:\n    self.act = nn.ReLU(inplace=True)\nexcept TypeError:\n    self.act = nn.ReLU()\n"},
        {"forward": "with torch.autocast(device_type=x.device.type, enabled=False):\n    x = x + 1\n"},
        {"top": DERIVATIVE, "forward": "x = Cut.apply(x)"},
        {"init": "self.sizes = [1, 2]", "forward": "for size in self.sizes:\n    x = x + size\n"},
        {
            "init": "self.blocks = [nn.ReLU() for i in range(2)]\nself.seq = nn.Sequential(*self.blocks)",
            "forward": "y = [block(x) for block in self.seq]\ny[0] += x\ny.append(x)\nx = sum(y)\n",
        },
        {
            "init": "self.sizes = [1, 2]",
            "forward": "sizes = list(self.sizes)\nsizes[0] = x.shape[0]\nsizes.append(3)\n",
        },
        {
            "init": "self.sizes = [1, 2]",
            "members": "def given(self):\n    return self.sizes\n",
            "forward": "x = x + len(self.given())\n",
        },
        {"init": "self.resize = True", "forward": "if self.resize:\n    x = x + 1\n"},
        {"members": "def resize(self, x):\n    return x\n", "forward": "x = self.resize(x)"},
        {"members": "def note(self, x, sizes=[1, 2]):\n    return x + sizes[0]\n", "forward": "x = self.note(x)"},
        {"top": "import math\n", "members": "def note(self, x, a=math.log(2 / 3)):\n    return x\n"},
        {"members": "def pairs(self):\n    return zip([1], [2])\n", "init": "for a, b in self.pairs():\n    pass\n"},
        {"top": "import itertools\n", "init": "points = list(itertools.product(range(3), range(3)))"},
        {
            "top": "class Act:\n    def __call__(self, x):\n        return F.relu(x)\n",
            "init": "self.act = Act()",
            "forward": "x = self.act(x)",
        },
        {"members": "def f(self, a: F = 1):\n    return a\n"},
        {
            "top": "import types\nfrom functools import partial\n",
            "init": "norm = partial(nn.BatchNorm1d, eps=1e-3)\nif isinstance(norm, partial):\n    norm = norm.func\n"
            "assert not isinstance(norm, (str, types.FunctionType))\nself.norm = norm(784)\n",
            "forward": "x = self.norm(x)",
        },
        {"init": "if isinstance(self.layer, nn.modules.batchnorm._BatchNorm):\n    pass\n"},
        {"forward": "if torch.is_autocast_enabled():\n    x = x.to(torch.get_autocast_dtype('cpu'))\n"},
        {
            "top": "from enum import Enum\n\nclass Form(str, Enum):\n    NCHW = 'NCHW'\n",
            "init": "self.form = Form('NCHW')",
        },
    ],
    ids=lambda change: " ".join(change.values())[:50],
)
def test_passes_what_people_write(change):
    assert refusals(program(**change)) == ()


def test_no_allowed_name_leads_outside():
    names = allowed()
    last = {name.rpartition(".")[2] for name in names.names} | names.attributes
    outside = (
        "numpy map_ apply_ register_hook register_forward_hook untyped_storage storage share_memory_ data_ptr "
        "set_ resize_ load save from_file compile os grad_fn manual_seed set_num_threads Lambda format func"
    )
    assert not last & set(outside.split())
    # Five write a number as often as a layer has dimensions, three are classes that others derive from, one counts.
    plain = {"_assert", "_assert_async", "_single", "_pair", "_triple", "_quadruple", "_reverse_repeat_tuple",
             "_BatchNorm", "_InstanceNorm", "_ConvNd", "_calculate_fan_in_and_fan_out"}  # fmt: skip
    assert {name for name in last if name.startswith("_")} <= plain
    assert {name for name in names.names if name.endswith("autocast")} == MIXED_PRECISION
    assert not names.attributes & names.denied
    assert not names.modules & names.names
    assert names.of_tensors_alone < names.denied
    assert not names.of_tensors_alone & names.layer_members


def test_the_list_agrees_with_the_installed_torch():
    import torch
    from torch import nn

    names = allowed()
    assert names.module_members >= {n for n in dir(nn.Module) if not n.startswith("__")} - {"forward"}
    unknown = {n for n in dir(torch.Tensor) if not n.startswith("__")} - names.attributes - names.denied
    assert unknown <= {n for n in unknown if n.startswith("_")} | {"fill", "find"}


@pytest.mark.parametrize(
    "line",
    [
        "# -*-coding:utf-8-*-",
        "# -*- coding: utf-8 -*-",
        "# vim: set fileencoding=latin-1-unix :",
        "from __future__ import absolute_import, division, print_function, unicode_literals",
    ],
)
def test_a_head_that_changes_no_code_passes(line):
    assert refusals(f"{line}\n{program()}") == ()


@given(st.text(max_size=200))
def test_any_text_has_an_answer(text):
    assert isinstance(refusals(text), tuple)


@given(st.sampled_from(sorted(SEEDS)), st.data())
def test_any_part_of_a_program_has_an_answer_and_any_foreign_name_is_refused(name, data):
    lines = SEEDS[name].splitlines(keepends=True)
    cut = data.draw(st.integers(0, len(lines)))
    assert isinstance(refusals("".join(lines[cut:])), tuple)
    body = next(i for i, line in enumerate(lines) if "super().__init__()" in line) + 1
    evil = data.draw(
        st.sampled_from(["os", "eval", "open", "getattr", "torch.os", "torch.hub", "().__class__", "exec"])
    )
    assert refusals("".join([*lines[:body], f"        {evil}\n", *lines[body:]]))


def test_is_not_slow_where_names_stand_for_each_other():
    many = [f"v{i}" for i in range(30)]
    body = "".join(f"        {a} = {' + '.join(many)}\n" for a in many)
    ast.parse(text := program(init="self.a = 1").replace("        self.a = 1\n", body))
    assert refusals(text) == ()


def test_passes_offspring(vary_offspring):
    refused = {text: refusals(text) for text in vary_offspring}
    assert {text: map(str, found) for text, found in refused.items() if found} == {}
