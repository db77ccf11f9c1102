"""Blocks as lines: where they may go, what they are built with there, and what they bring along."""

import dataclasses
import random

import pytest

from gi.core.types import Block, Ingredient, LineType, Origin
from gi.source.tree.tree import parse
from gi.vary import Vary
from gi.vary.hosts.host import Host
from gi.vary.operators.blocks import block
from gi.vary.operators.proposal import OperatorContext
from gi.vary.variation import Plan
from tests.checking import SMALL, Stock, program, sequential

ORIGIN = Origin("https://example.org/nets", "1" * 40, "blocks.py", 9, "MIT")
SOURCE = '''import torch
import torch.nn as nn


def near(width):
    """The padding that keeps the size."""
    return width // 2


class Twin(nn.Module):
    def __init__(self, dim, out, step=1, norm=nn.BatchNorm2d):
        super().__init__()
        self.conv = nn.Conv2d(dim, out, 3, step, near(3))
        self.norm = norm(out)

    def forward(self, x):
        return torch.relu(self.norm(self.conv(x)))
'''
TWIN = Block(
    name="Twin",
    source=SOURCE,
    arguments=(("dim", "channels_in"), ("out", "channels_out"), ("step", "stride"), ("norm", "nn.BatchNorm2d")),
    channels_in="dim",
    channels_out="out",
    stride="step",
    factor=1.0,
    input="image",
    keeps_channels=False,
    channels_step=1,
    size_step=1,
    least_size=1,
    size_factor=1.0,
    params=37056,
    origin=ORIGIN,
)
HOST = sequential(
    "nn.Conv2d(1, 8, 3, padding=1)", "nn.ReLU()", "nn.Conv2d(8, 16, 3, 2, 1)", "nn.Flatten()", "nn.Linear(256, 10)"
)
LOOP = program(
    "layers, width = [], 1\nfor planes in (4, 8):\n    layers += [nn.Conv2d(width, planes, 3, padding=1), nn.ReLU()]\n"
    "    width = planes\nself.layers = nn.Sequential(*layers)\nself.fc = nn.Linear(512, 10)",
    "return self.fc(self.layers(x).flatten(1))",
)


def stock(made=TWIN):
    return Stock(Ingredient(LineType.BLOCK, made.name, "", "", (), made.origin, made.source, made))


def proposals(check, host=HOST, made=TWIN, draws=40):
    place = Host(host, check.trace(host), SMALL)
    found = (block(place, OperatorContext(stock(made), check, random.Random(seed))) for seed in range(draws))
    return [p for p in found if p is not None]


def edits(check, **given):
    return {(e.before, e.after) for p in proposals(check, **given) for e in p.edits}


def test_a_block_goes_behind_genes_and_into_connections_places(check):
    assert edits(check) == {
        ("", "Twin(dim=8, out=8, step=1, norm=nn.BatchNorm2d)"),
        ("", "Twin(dim=16, out=16, step=1, norm=nn.BatchNorm2d)"),
        ("nn.Conv2d(8, 16, 3, 2, 1)", "Twin(dim=8, out=16, step=2, norm=nn.BatchNorm2d)"),
    }


def test_every_proposal_runs_as_it_stands_and_tells_its_origin(check):
    for found in proposals(check):
        trace = check.trace(found.text)
        assert not trace.fixes
        assert not trace.no_gradient
        assert found.text.count("def near(width)") == 1
        assert [(e.operator, e.type, e.origin) for e in found.edits] == [("block", LineType.BLOCK, ORIGIN)]


def test_its_class_is_the_hosts_from_then_on(check):
    once = proposals(check)[0]
    host = Host(once.text, check.trace(once.text), SMALL)
    inner = [g for g in host.genes if g.call.lineno in range(host.source.classes["Twin"].lineno, 40)]
    assert {g.type for g in inner} >= {LineType.CONNECTION, LineType.ACTIVATION}
    again = proposals(check, host=once.text)
    assert all(p.text.count("class Twin") == 1 for p in again)
    assert any(p.text.count("Twin(") > 1 for p in again)


def test_another_class_of_its_name_stays_what_it_is(check):
    host = HOST.replace("class Net", "class Twin(nn.Module):\n    pass\n\n\nclass Net")
    assert all("= Twin1(" in p.text or " Twin1(" in p.text for p in proposals(check, host=host))


def test_a_line_that_builds_several_layers_gets_the_hosts_expressions(check):
    made = edits(check, host=LOOP)
    assert ("", "Twin(dim=planes, out=planes, step=1, norm=nn.BatchNorm2d)") in made
    for found in proposals(check, host=LOOP):
        assert not check.trace(found.text).fixes


@pytest.mark.parametrize(
    ("change", "befores"),
    [
        ({"keeps_channels": True}, {""}),
        ({"channels_out": None, "arguments": (("dim", "channels_in"), ("out", "channels_in"))}, {""}),
        ({"channels_out": None, "factor": 2.0}, set()),
        ({"stride": None, "arguments": (("dim", "channels_in"), ("out", "channels_out"))}, {""}),
        ({"size_factor": 0.5}, set()),
        ({"least_size": 16}, set()),
        ({"size_step": 16}, set()),
        ({"channels_step": 32}, set()),
        ({"input": "tokens"}, set()),
        ({"params": 900_000_000}, set()),
        ({"arguments": (("dim", "channels_in"), ("out", "channels_out // 64"))}, set()),
    ],
)
def test_a_block_that_does_not_fit_is_not_put_in(check, change, befores):
    assert {before for before, _ in edits(check, made=dataclasses.replace(TWIN, **change))} == befores


def test_a_stock_without_blocks_gives_nothing(check):
    place = Host(HOST, check.trace(HOST), SMALL)
    assert block(place, OperatorContext(Stock(), check, random.Random(0))) is None


def test_variation_accepts_what_the_operator_makes(check):
    vary, plan = Vary(stock(), check, SMALL), Plan({"block": 1.0})
    tried = [next(vary.raw([HOST], rng=random.Random(seed), plan=plan)) for seed in range(10)]
    assert all(t.verdict.accepted for t in tried), [t.verdict for t in tried]
    assert all(parse(t.text).classes["Twin"] for t in tried)
