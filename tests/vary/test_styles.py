"""Every style that people write is a host: an operator leaves a program that runs and keeps its name and signature."""

import ast
import random

import pytest

from gi.core.types import Task
from gi.vary import CROSSED, Vary
from gi.vary.variation import Plan
from tests.checking import HEAD, RECIPE, SMALL, Stock, program, sequential

STOCK = Stock.of(
    sequential("nn.Conv2d(3, 16, 5, padding=2)", "nn.GELU()", "nn.BatchNorm2d(16)", "nn.MaxPool2d(2)", "nn.Tanh()"),
    sequential("nn.Conv2d(8, 4, 1)", "nn.Sigmoid()", "nn.GroupNorm(4, 8)", "nn.Dropout(0.3)", "nn.Linear(5, 32)"),
)
STRUCTURAL = ("unit", "head", "classifier", "stem", "separable", "window", "depth", "residual")
ORDERED = (
    'self.net = nn.Sequential(OrderedDict([("conv", nn.Conv2d(1, 8, 3)), ("act", nn.ReLU()), '
    '("norm", nn.BatchNorm2d(8)), '
    '("flat", nn.Flatten()), ("fc", nn.Linear(288, 10))]))'
)
BLOCK = """class Block(nn.Module):
    expansion = 1

    def __init__(self, in_planes, planes, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(in_planes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_planes != planes:
            self.shortcut = nn.Sequential(nn.Conv2d(in_planes, planes, 1, stride=stride), nn.BatchNorm2d(planes))

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.conv2(out)
        out += self.shortcut(x)
        return F.relu(out)


"""
STYLES = {
    "append": program(
        "layers = []\nlayers.append(nn.Conv2d(1, 8, 3))\nlayers.append(nn.ReLU())\nlayers.append(nn.Flatten())\n"
        "layers.append(nn.Linear(288, 10))\nself.net = nn.Sequential(*layers)",
        "return self.net(x)",
    ),
    "list added": program(
        "layers = []\nfor width in (4, 8):\n    layers += [nn.Conv2d(width // 4 if width == 4 else 4, width, 3),\n"
        "               nn.BatchNorm2d(width),\n               nn.ReLU(inplace=True)]\n"
        "self.net = nn.Sequential(*layers)\nself.fc = nn.Linear(128, 10)",
        "return self.fc(self.net(x).flatten(1))",
    ),
    "sequential": sequential("nn.Conv2d(1, 8, 3)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(288, 10)"),
    "ordered": program(ORDERED, "return self.net(x)", head=f"from collections import OrderedDict\n{HEAD}"),
    "nested": sequential("nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU())", "nn.Flatten()", "nn.Linear(288, 10)"),
    "attributes": program(
        "self.conv1 = nn.Conv2d(1, 8, 3)\nself.bn1 = nn.BatchNorm2d(8)\nself.pool = nn.MaxPool2d(2)\n"
        "self.fc = nn.Linear(72, 10)",
        "x = self.pool(F.relu(self.bn1(self.conv1(x))))\nreturn self.fc(x.flatten(1))",
    ),
    "forward": program(
        "self.conv1 = nn.Conv2d(1, 8, 3)\nself.bn1 = nn.BatchNorm2d(8)\nself.act = nn.ReLU()\n"
        "self.fc = nn.Linear(288, 10)",
        "x = self.act.forward(self.bn1.forward(self.conv1.forward(x)))\nreturn self.fc.forward(x.flatten(1))",
    ),
    "functions": program(
        "self.conv1 = nn.Conv2d(1, 8, 3)\nself.fc = nn.Linear(72, 10)",
        "x = self.conv1(x)\nx = F.relu(x)\nx = F.max_pool2d(x, 2)\nx = torch.flatten(x, 1)\nx = F.dropout(x, 0.2)\n"
        "return F.log_softmax(self.fc(x), dim=1)",
    ),
    "residual": program(
        "self.layers = self._make_layer(Block, [4, 8], 2)\nself.fc = nn.Linear(8, 10)",
        "return self.fc(F.adaptive_avg_pool2d(self.layers(x), 1).flatten(1))",
        recipe="""
    def _make_layer(self, block, widths, stride):
        layers, planes = [], 1
        for width in widths:
            layers.append(block(planes, width, stride))
            planes = width * block.expansion
        return nn.Sequential(*layers)
"""
        + RECIPE,
        head=HEAD + BLOCK,
    ),
    "concatenation": program(
        "self.a = nn.Sequential(nn.Conv2d(1, 4, 1), nn.ReLU())\n"
        "self.b = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU())\n"
        "self.fc = nn.Linear(512, 10)",
        "x = torch.cat([self.a(x), self.b(x)], 1)\nreturn self.fc(x.flatten(1))",
    ),
    "module list": program(
        "self.convs = nn.ModuleList([nn.Conv2d(1, 4, 3), nn.Conv2d(4, 8, 3)])\nself.act = nn.ReLU()\n"
        "self.fc = nn.Linear(128, 10)",
        "for conv in self.convs:\n    x = self.act(conv(x))\nreturn self.fc(x.flatten(1))",
    ),
    "comprehension": program(
        "self.convs = nn.ModuleList([nn.Conv2d(1 if i == 0 else 4, 4, 3) for i in range(2)])\n"
        "self.fc = nn.Linear(64, 10)",
        "for conv in self.convs:\n    x = F.relu(conv(x))\nreturn self.fc(x.flatten(1))",
    ),
    "helper function": program(
        "self.one = conv3x3(1, 4)\nself.two = conv3x3(4, 8)\nself.act = nn.ReLU(inplace=True)\n"
        "self.fc = nn.Linear(512, 10)",
        "return self.fc(self.act(self.two(self.act(self.one(x)))).flatten(1))",
        head=f"{HEAD}def conv3x3(width, out):\n    return nn.Conv2d(width, out, 3, padding=1)\n\n\n",
    ),
    "base class": program(
        "self.net = Layer(1, 8)\nself.fc = nn.Linear(512, 10)",
        "return self.fc(self.net(x).flatten(1))",
        head=HEAD
        + "class Layer(nn.Sequential):\n    def __init__(self, width, out):\n        super().__init__(\n"
        + "            nn.Conv2d(width, out, 3, padding=1),\n            nn.ReLU(),\n        )\n\n\n",
    ),
    "added by name": program(
        'self.net = nn.Sequential()\nself.net.add_module("conv", nn.Conv2d(1, 8, 3))\n'
        'self.net.add_module("act", nn.ReLU())\nself.add_module("fc", nn.Linear(288, 10))',
        "return self.fc(self.net(x).flatten(1))",
    ),
}


def signatures(text: str) -> set[str]:
    """The classes with the parameters of their constructors."""
    return {
        f"{owner.name}({ast.unparse(f.args)})"
        for owner in ast.parse(text).body
        if isinstance(owner, ast.ClassDef)
        for f in owner.body
        if isinstance(f, ast.FunctionDef) and f.name == "__init__"
    }


ANYWHERE = ("crossover", "insertion", "deletion", "tweak", "scale")
"""Operators that find something to do in every style; the others need a certain shape, as two convolutions in a row."""


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("operator", ANYWHERE)
def test_an_operator_hosts_a_style(check, style, operator):
    tries = tried(check, style, operator, draws=4)
    working = [t for t in tries if t.runs and t.verdict.accepted]
    assert len(working) >= 3, [t.verdict for t in tries]
    assert all(signatures(STYLES[style]) <= signatures(t.text) for t in working)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("operator", STRUCTURAL)
def test_a_structural_operator_hosts_what_it_finds_a_place_in(check, style, operator):
    tries = tried(check, style, operator, draws=2)
    assert all(t.runs for t in tries), [t.verdict for t in tries]
    assert all(signatures(STYLES[style]) <= signatures(t.text) for t in tries)
    assert all(t.edits[0].operator == operator and t.edits[0].before != t.edits[0].after for t in tries)


def tried(check, style, operator, draws):
    """The first try of each of a few seeds, without those that find nothing to do."""
    assert not check.trace(STYLES[style]).fixes
    vary, plan = Vary(STOCK, check, SMALL), Plan({operator: 1.0})
    raw = (next(vary.raw([STYLES[style]], rng=random.Random(seed), plan=plan), None) for seed in range(draws))
    return [t for t in raw if t is not None]


@pytest.mark.parametrize("style", STYLES)
def test_styles_cross_with_each_other(check, style):
    text, vary = STYLES[style], Vary(STOCK, check, Task((1, 8, 8), 10))
    others = [other for name, other in STYLES.items() if name != style]
    tries = [
        next(vary.raw([text, others[seed % len(others)]], rng=random.Random(seed), plan=CROSSED)) for seed in range(5)
    ]
    assert sum(t.runs for t in tries) >= 4, [t.verdict for t in tries]
