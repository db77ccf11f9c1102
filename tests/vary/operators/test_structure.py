"""Structural operators in the styles of programs that the examples, which are all of one style, do not show."""

import random

import pytest

from gi.core.trace import Trace
from gi.vary import OPERATORS, Vary
from gi.vary.hosts.host import Host
from gi.vary.operators.proposal import OperatorContext
from gi.vary.variation import Plan
from tests.checking import SMALL, Stock, program

ATTRIBUTES = program(
    "self.conv1 = nn.Conv2d(1, 8, 3, padding=1)\nself.bn1 = nn.BatchNorm2d(8)\n"
    "self.conv2 = nn.Conv2d(8, 8, 3, padding=1)\nself.bn2 = nn.BatchNorm2d(8)\n"
    "self.fc1 = nn.Linear(512, 32)\nself.fc2 = nn.Linear(32, 10)",
    "x = F.relu(self.bn1(self.conv1(x)))\nx = F.relu(self.bn2(self.conv2(x)))\nx = x.view(x.size(0), -1)\n"
    "x = F.relu(self.fc1(x))\nreturn self.fc2(x)",
)
APPENDED = program(
    "layers = []\nlayers.append(nn.Conv2d(1, 8, 3, padding=1, stride=2))\nlayers.append(nn.BatchNorm2d(8))\n"
    "layers.append(nn.ReLU())\nlayers.append(nn.Conv2d(8, 8, 3, padding=1))\nlayers.append(nn.ReLU())\n"
    "layers.append(nn.Flatten())\nlayers.append(nn.Linear(128, 10))\nself.net = nn.Sequential(*layers)",
    "return self.net(x)",
)
#: Operator, host, and lines that one of its proposals has and the host has not.
MADE = [
    ("unit", ATTRIBUTES, ["self.bn3 = nn.BatchNorm2d(8)", "x = self.bn3(x)", "self.relu1 = nn.ReLU()"]),
    ("unit", APPENDED, ["layers.append(nn.Conv2d(8, 8, 3, padding=1, bias=False))"]),
    ("scale", ATTRIBUTES, ["self.conv1 = nn.Conv2d(1, 16, 3, padding=1)", "self.fc1 = nn.Linear(512, 64)"]),
    ("scale", APPENDED, ["layers.append(nn.Conv2d(1, 4, 3, padding=1, stride=2))", "layers.append(nn.BatchNorm2d(4))"]),
    ("head", ATTRIBUTES, ["self.adaptiveavgpool1 = nn.AdaptiveAvgPool2d(1)",
                          "x = self.adaptiveavgpool1(x).view(x.size(0), -1)", "return self.fc2(x)"]),
    ("head", APPENDED, ["layers.append(nn.AdaptiveAvgPool2d(1))"]),
    ("classifier", ATTRIBUTES, ["self.fc2 = nn.Linear(32, 10, bias=False)"]),
    ("classifier", APPENDED, ["layers.append(nn.Conv2d(8, 10, 1))", "layers.append(nn.AdaptiveAvgPool2d(1))"]),
    ("stem", ATTRIBUTES, ["self.conv1 = nn.Conv2d(1, 8, 2, stride=2)"]),
    ("stem", APPENDED, ["layers.append(nn.Conv2d(1, 8, 3, padding=1))"]),
    ("separable", ATTRIBUTES, ["self.conv2 = nn.Conv2d(8, 8, 3, padding=1, groups=8)",
                               "self.conv3 = nn.Conv2d(8, 8, 1)"]),
    ("separable", APPENDED, ["layers.append(nn.Conv2d(8, 8, 3, padding=1, groups=8))"]),
    ("window", ATTRIBUTES, ["self.conv2 = nn.Conv2d(8, 8, 5, padding=2)"]),
    ("window", APPENDED, ["layers.append(nn.Conv2d(1, 8, 3, padding=1))", "layers.append(nn.MaxPool2d(2))"]),
    ("depth", ATTRIBUTES, ["self.conv3 = nn.Conv2d(8, 8, 3, padding=1)", "self.bn3 = nn.BatchNorm2d(8)"]),
    ("residual", ATTRIBUTES, ["x = x + F.relu(self.bn2(self.conv2(x)))"]),
    ("residual", APPENDED, ["class Residual(nn.Module):",
                            "layers.append(Residual(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU()))"]),
]  # fmt: skip


def proposals(check, name, text, draws=60):
    host = Host(text, check.trace(text), SMALL)
    found = (OPERATORS[name](host, OperatorContext(Stock(), check, random.Random(seed))) for seed in range(draws))
    return [p for p in found if p is not None]


@pytest.mark.parametrize(("name", "text", "lines"), MADE, ids=[f"{n}-{'attr' if t is ATTRIBUTES else 'append'}-{i}"
                                                               for i, (n, t, _) in enumerate(MADE)])  # fmt: skip
def test_writes_each_style_as_it_is(check, name, text, lines):
    made = {p.text for p in proposals(check, name, text)}
    assert any(all(line in [has.strip() for has in t.splitlines()] for line in lines) for t in made)


def test_a_sum_of_a_residual_is_undone(check):
    text = ATTRIBUTES.replace("x = F.relu(self.bn2(self.conv2(x)))", "x = x + F.relu(self.bn2(self.conv2(x)))")
    made = {p.text for p in proposals(check, "residual", text)}
    assert ATTRIBUTES in made


def test_what_a_residual_holds_is_still_edited_line_by_line(check):
    text = next(p.text for p in proposals(check, "residual", APPENDED) if "layers.append(Residual(" in p.text)
    made = {p.text for name in ("deletion", "unit") for p in proposals(check, name, text)}
    assert any("layers.append(Residual(nn.Conv2d(8, 8, 3, padding=1)))" in t for t in made)
    assert not any("nn.Identity()" in t for t in made)


CONFIGURED = program(
    "self.features = make(WIDTHS)\nself.fc = nn.Linear(32, 10)",
    "return self.fc(F.adaptive_avg_pool2d(self.features(x), 1).flatten(1))",
    head="import torch\nimport torch.nn.functional as F\nfrom torch import nn\n\nWIDTHS = [16, 'M', 32]\n\n\n"
    "def make(widths):\n    layers, given = [], 1\n    for width in widths:\n        if width == 'M':\n"
    "            layers += [nn.MaxPool2d(2)]\n        else:\n"
    "            layers += [nn.Conv2d(given, width, 3, padding=1), "
    "nn.BatchNorm2d(width), nn.ReLU()]\n            given = width\n    return nn.Sequential(*layers)\n\n\n",
)


def test_widths_are_scaled_where_they_come_from(check):
    made = [p for p in proposals(check, "scale", CONFIGURED) if "WIDTHS = [8, 'M', 16]" in p.text]
    assert made
    changes = [("WIDTHS = [16, 'M', 32]", "WIDTHS = [8, 'M', 16]")]
    changes += [("self.fc = nn.Linear(32, 10)", "self.fc = nn.Linear(16, 10)")]
    assert [(e.before, e.after) for e in made[0].edits] == changes
    tried = next(Vary(Stock(), check, SMALL).raw([CONFIGURED], rng=random.Random(0), plan=Plan({"scale": 1.0})))
    assert isinstance(tried.answer, Trace)
    assert "nn.Conv2d(given, width, 3, padding=1)" in tried.text


STAGES = program(
    "self.stages = nn.Sequential(*[Step(8 if n else 1) for n in range(2)])\nself.fc = nn.Linear(512, 10)",
    "return self.fc(self.stages(x).flatten(1))",
    head="import torch\nimport torch.nn.functional as F\nfrom torch import nn\n\n\nclass Step(nn.Module):\n"
    "    def __init__(self, width):\n        super().__init__()\n"
    "        self.conv = nn.Conv2d(width, 8, 3, padding=1)\n\n"
    "    def forward(self, x):\n        return F.relu(self.conv(x))\n\n\n",
)


def test_a_number_of_blocks_changes_by_one(check):
    made = {p.text for p in proposals(check, "depth", STAGES)}
    assert any("range(3)" in t for t in made)
    assert any("range(1)" in t for t in made)


INITIALIZED = APPENDED.replace(
    "self.net = nn.Sequential(*layers)",
    "self.net = nn.Sequential(*layers)\n        for m in self.modules():\n            if isinstance(m, nn.Conv2d):\n"
    "                m.bias.data.zero_()",
)


def test_a_unit_keeps_the_bias_that_an_initialization_reads(check):
    made = {p.text for p in proposals(check, "unit", INITIALIZED)}
    assert made
    assert not any("bias=False" in t for t in made)


REUSED = program(
    "self.stem = nn.Conv2d(1, 8, 3, padding=1)\nself.mix = nn.Conv2d(8, 8, 3, padding=1)\nself.fc = nn.Linear(512, 10)",
    "x = F.relu(self.stem(x))\nx = F.relu(self.mix(x))\nx = F.relu(self.mix(x))\nreturn self.fc(x.flatten(1))",
)


def test_a_layer_that_is_called_twice_keeps_its_width(check):
    tries = Vary(Stock(), check, SMALL).raw([REUSED], rng=random.Random(0), plan=Plan({"unit": 1.0}))
    assert all(t.runs for t, _ in zip(tries, range(12), strict=False))
