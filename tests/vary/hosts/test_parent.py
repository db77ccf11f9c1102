"""Crossover with another file: what the other parent wrote itself comes along, with all that it uses."""

import random

from gi.core.types import LineType
from gi.vary import CROSSED, Vary
from gi.vary.hosts.host import Host
from gi.vary.hosts.parent import Parent
from gi.vary.hosts.parent_line import is_parent_line, parent_line
from gi.vary.variation import Plan
from tests.checking import SMALL, Stock, program, sequential

DONOR = program(
    "self.stem = nn.Conv2d(1, 8, 3, padding=1)\nself.one = Unit(8, 8)\nself.two = Unit(8, 16, stride=2)\n"
    "self.fc = nn.Linear(256, 10)",
    "return self.fc(self.two(self.one(self.stem(x))).flatten(1))",
    head="""import math

import torch
from torch import nn

SLOPE = 0.2
UNUSED = 3


def half(width):
    return math.ceil(width / 2)


class Leaky(nn.Module):
    def forward(self, x):
        return torch.where(x > 0, x, SLOPE * x)


class Unit(nn.Module):
    def __init__(self, width, out, stride=1):
        super().__init__()
        self.down = nn.Conv2d(width, half(out), 1)
        self.up = nn.Conv2d(half(out), out, 3, stride, 1)
        self.act = Leaky()

    def forward(self, x):
        return self.act(self.up(self.down(x)))


""",
)
HOST = sequential("nn.Conv2d(1, 8, 3, padding=1)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(512, 10)")
OF_UNIT = parent_line(DONOR[: DONOR.index("class Unit(")].count("\n") + 1)
BLOCKS = Plan({"block": 1.0}, parent_share=1.0)


def tries(check, host=HOST, donor=DONOR, plan=BLOCKS, count=12):
    vary = Vary(Stock(), check, SMALL)
    return [next(vary.raw([host, donor], rng=random.Random(seed), plan=plan)) for seed in range(count)]


def test_a_class_of_the_other_parent_crosses_over_with_all_that_it_uses(check):
    accepted = [t for t in tries(check) if t.verdict.accepted and "Unit(" in t.edits[0].after]
    assert len(accepted) >= 3
    for tried in accepted:
        assert all(tried.text.count(f"{line}\n") == 1 for line in ("import math", "SLOPE = 0.2", "def half(width):"))
        assert tried.text.count("class Unit(") == tried.text.count("class Leaky(") == 1
        assert "UNUSED" not in tried.text
        assert [(e.operator, e.type, e.origin) for e in tried.edits] == [("block", LineType.BLOCK, OF_UNIT)]


def test_what_means_something_else_in_the_host_is_renamed(check):
    head = "SLOPE = 8\n\n\ndef half(width):\n    return 7\n\n\n"
    host = HOST.replace("class Net", f"{head}class Net").replace("Conv2d(1, 8", "Conv2d(1, SLOPE")
    texts = [t.text for t in tries(check, host=host) if t.verdict.accepted and "Unit(" in t.edits[0].after]
    assert texts
    assert all("def half1(width)" in t and "SLOPE1 = 0.2" in t and "SLOPE1 * x" in t for t in texts)
    assert all(head in t and "Conv2d(1, SLOPE" in t for t in texts)


def test_a_class_that_both_parents_have_is_not_brought_twice(check):
    other = DONOR.replace("nn.Conv2d(1, 8, 3, padding=1)", "nn.Conv2d(1, 8, 5, padding=2)")
    made = tries(check, host=DONOR, donor=other, count=8)
    assert any(t.verdict.accepted for t in made)
    assert all(t.text.count("class Unit(") == 1 for t in made)


def test_the_network_itself_is_no_block(check):
    parent = Parent(Host(DONOR, check.trace(DONOR), SMALL), check)
    drawn = {parent.sample(random.Random(seed), LineType.BLOCK).symbol for seed in range(12)}
    assert drawn == {"Unit", "Leaky"}


def test_a_parent_without_classes_of_its_own_gives_no_block(check):
    parent = Parent(Host(HOST, check.trace(HOST), SMALL), check)
    assert parent.sample(random.Random(0), LineType.BLOCK) is None


def test_blocks_are_among_what_joins_two_parents(check):
    assert {"block", "cut"} <= {t.edits[0].operator for t in tries(check, plan=CROSSED, count=40)}


SWISH = program(
    "self.conv = nn.Conv2d(1, 8, 5, padding=2)\nself.fc = nn.Linear(512, 10)",
    "return self.fc(swish(self.conv(x)).flatten(1))",
    head="import torch\nfrom torch import nn\n\nBETA = 1.5\n\n\ndef swish(x):\n"
    "    return x * torch.sigmoid(BETA * x)\n\n\n",
)
F_IMPORT = "import torch.nn.functional as F\nfrom torch"
CALLS = program(
    "self.conv = nn.Conv2d(1, 8, 3, padding=1)\nself.fc = nn.Linear(512, 10)",
    "x = F.relu(self.conv(x))\nreturn self.fc(x.flatten(1))",
)


def test_an_activation_function_of_the_other_parent_crosses_over_with_its_constants(check):
    made = tries(check, host=CALLS, donor=SWISH, plan=Plan({"crossover": 1.0}, parent_share=1.0), count=30)
    crossed = [t for t in made if t.edits[0].after == "swish(self.conv(x))"]
    assert crossed
    assert all(t.verdict.accepted for t in crossed)
    assert all(t.text.count("BETA = 1.5") == t.text.count("def swish(x):") == 1 for t in crossed)


def test_a_function_is_not_put_into_itself(check):
    host = SWISH.replace("swish(self.conv(x))", "F.relu(swish(self.conv(x)))").replace("from torch", F_IMPORT, 1)
    made = tries(check, host=host, donor=SWISH, plan=Plan({"crossover": 1.0}, parent_share=1.0), count=20)
    assert any(t.edits[0].after == "swish(swish(self.conv(x)))" for t in made)
    assert not any("torch.sigmoid" in t.edits[0].before for t in made if "swish(" in t.edits[0].after)


def test_a_line_of_the_other_parent_tells_where_it_stood(check):
    for tried in tries(check, plan=CROSSED, count=20):
        for edit in tried.edits:
            assert (edit.origin is None) == (not edit.after)
            if edit.origin:
                assert is_parent_line(edit)
                assert 0 < edit.origin.line <= DONOR.count("\n")
