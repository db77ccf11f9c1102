"""Each operator, before and after: what it may do with one small host and one stock."""

import random

import pytest

from gi.core.types import Edit, LineType
from gi.source.tree.tree import parse
from gi.vary import Vary
from gi.vary.hosts.host import Host
from gi.vary.operators.crossover import crossover
from gi.vary.operators.cut import cut
from gi.vary.operators.deletion import deletion
from gi.vary.operators.insertion import insertion
from gi.vary.operators.proposal import OperatorContext
from gi.vary.operators.table import FOR_TWO_PARENTS, OPERATORS
from gi.vary.operators.tweak import tweak
from tests.checking import HEAD, SMALL, Stock, program, sequential

SEQUENTIAL = sequential("nn.Conv2d(1, 8, 3, padding=1)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(512, 10)")
ATTRIBUTES = program(
    "self.conv1 = nn.Conv2d(1, 8, 3)\nself.relu1 = nn.ReLU()\nself.fc = nn.Linear(288, 10)",
    "x = self.relu1(self.conv1(x))\nx = F.max_pool2d(x, 1)\nreturn self.fc(x.flatten(1))",
)
DONOR = sequential("nn.Conv2d(3, 16, 5, padding=2)", "nn.GELU()", "nn.BatchNorm2d(16)", "nn.Linear(5, 32)").replace(
    "optim.SGD(net.parameters(), lr=0.1)", "optim.Adam(net.parameters(), lr=0.01)"
)


def proposals(check, operator, host, stock=None, draws=80):
    made = Host(host, check.trace(host), SMALL)
    for seed in range(draws):
        found = operator(made, OperatorContext(stock or Stock.of(DONOR), check, random.Random(seed)))
        if found is not None:
            yield found


def edits(check, operator, host, stock=None):
    return {(e.type, e.before, e.after) for p in proposals(check, operator, host, stock) for e in p.edits}


ALONE = [name for name in OPERATORS if name not in FOR_TWO_PARENTS]
SGD, ADAM = "torch.optim.SGD(net.parameters(), lr=0.1)", "torch.optim.Adam(net.parameters(), lr=0.01)"


def test_crossover_puts_a_line_in_place_of_one_of_its_type(check):
    made = edits(check, crossover, SEQUENTIAL)
    assert (LineType.ACTIVATION, "nn.ReLU()", "nn.GELU()") in made
    assert (LineType.OPTIMIZER, SGD, ADAM) in made
    assert any(t == LineType.CONNECTION and after.startswith("nn.Conv2d(1, ") for t, _, after in made)
    assert any(before == "nn.Linear(512, 10)" and after == "nn.Linear(512, 10)" for _, before, after in made) is False


def test_crossover_renames_an_attribute_after_its_new_layer(check):
    texts = {p.text for p in proposals(check, crossover, ATTRIBUTES) if p.edits[0].after == "nn.GELU()"}
    assert len(texts) == 1
    assert "self.gelu1 = nn.GELU()" in next(iter(texts))
    assert "self.gelu1(self.conv1(x))" in next(iter(texts))
    assert "relu1" not in next(iter(texts))


def test_insertion_adds_a_line(check):
    made = edits(check, insertion, SEQUENTIAL)
    assert (LineType.ACTIVATION, "nn.ReLU()", "nn.BatchNorm2d(8)") in made
    assert {e.origin.licence for p in proposals(check, insertion, SEQUENTIAL) for e in p.edits} == {"MIT"}


def test_deletion_takes_a_line(check):
    made = edits(check, deletion, SEQUENTIAL)
    assert {before for _, before, _ in made} == {"nn.Conv2d(1, 8, 3, padding=1)", "nn.ReLU()"}
    assert {after for _, _, after in made} == {""}


def test_tweak_changes_a_number(check):
    made = edits(check, tweak, SEQUENTIAL)
    assert (LineType.CONNECTION, "nn.Conv2d(1, 8, 3, padding=1)", "nn.Conv2d(1, 16, 3, padding=1)") in made
    assert (LineType.CONNECTION, "nn.Conv2d(1, 8, 3, padding=1)", "nn.Conv2d(1, 8, 5, padding=2)") in made
    assert (LineType.CONNECTION, "nn.Conv2d(1, 8, 3, padding=1)", "nn.Conv2d(1, 8, 3, padding=1, stride=2)") in made
    assert any(before == SGD and "lr=" in after for _, before, after in made)
    assert all(before != after for _, before, after in made)
    assert not any(before == "nn.Linear(512, 10)" for _, before, _ in made), "the classes stay"


def test_a_start_factor_stays_a_factor(check):
    host = SEQUENTIAL.replace(
        "return optimizer, None,",
        "scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=1.0, total_iters=steps)\n"
        "    return optimizer, scheduler,",
    )
    made = {m.text for m in proposals(check, tweak, host, draws=150)}
    assert any("start_factor=1.0" not in text for text in made), "it is tweaked"
    assert all(check.trace(text).num_params for text in made), "a start factor of nothing, or above 1, would stop it"


def test_cut_joins_two_programs(check):
    host, other = (Host(text, check.trace(text), SMALL) for text in (SEQUENTIAL, _fitted_donor(check)))
    made = [cut(host, OperatorContext(Stock(), check, random.Random(seed), other)) for seed in range(30)]
    texts = {m.text for m in made if m is not None}
    assert any("nn.Conv2d(1, 8, 3, padding=1)" in t and "nn.GELU()" in t for t in texts), "the head of one"
    assert any("nn.BatchNorm2d(" in t for t in texts)
    assert all(e.operator in ("cut", "insertion") for m in made if m for e in m.edits)


def _fitted_donor(check):
    return Vary(Stock(), check, SMALL).fitted(DONOR)[0]


@pytest.mark.parametrize("name", ALONE)
@pytest.mark.parametrize("host", [SEQUENTIAL, ATTRIBUTES], ids=["sequential", "attributes"])
def test_an_edit_leaves_the_other_lines_alone(check, name, host):
    for made in proposals(check, OPERATORS[name], host, draws=40):
        parse(made.text)
        before, after = host.splitlines(), made.text.splitlines()
        assert len(set(before) - set(after)) <= 4
        assert all(isinstance(e, Edit) and e.operator == name for e in made.edits)


@pytest.mark.parametrize("name", ALONE)
def test_an_operator_draws_from_its_rng_alone(check, name):
    one, other = (
        [(p.text, p.edits) for p in proposals(check, OPERATORS[name], ATTRIBUTES, draws=25)] for _ in range(2)
    )
    assert one == other


@pytest.mark.parametrize("name", ["crossover", "insertion"])
def test_an_empty_stock_gives_nothing(check, name):
    assert not list(proposals(check, OPERATORS[name], SEQUENTIAL, Stock(), draws=10))


def test_genes_stand_in_order_of_use(check):
    text = ATTRIBUTES.replace("x.flatten(1)", "torch.flatten(x, 1)")
    host = Host(text, check.trace(text), SMALL)
    assert [g.type for g in host.genes] == [
        LineType.CONNECTION,
        LineType.ACTIVATION,
        LineType.POOLING,
        LineType.RESHAPE,
        LineType.CONNECTION,
    ]
    assert host.classifier is host.genes[-1]
    assert [p.type for p in host.parts] == [
        LineType.OPTIMIZER,
        LineType.SCHEDULER,
        LineType.LOSS,
        LineType.AUGMENTATION,
    ]
    assert [p.is_empty for p in host.parts] == [False, True, False, True]


def test_an_ingredient_of_a_host_carries_the_values_of_its_run(check):
    text = program(
        "w = 8\nself.c = nn.Conv2d(1, w, 3)\nself.fc = nn.Linear(w * 36, 10)", "return self.fc(self.c(x).flatten(1))"
    )
    host = Host(text, check.trace(text), SMALL)
    assert host.ingredient(host.genes[0]).call == "torch.nn.Conv2d(1, 8, 3)"


def test_deletion_keeps_what_brings_a_width_down_again(check):
    text = program(
        "self.net = nn.Sequential(*[Wide(w) for w in (2, 4)])\nself.fc = nn.Linear(256, 10)",
        "return self.fc(self.net(torch.cat([x, x], 1)).flatten(1))",
        head=HEAD + "class Wide(nn.Module):\n    def __init__(self, width):\n        super().__init__()\n"
        "        self.up = nn.Conv2d(width, 6 * width, 1)\n        self.down = nn.Conv2d(6 * width, 2 * width, 1)\n"
        "        self.act = nn.ReLU()\n\n    def forward(self, x):\n"
        "        return self.act(self.down(self.up(x)))\n\n\n",
    ).replace("nn.Linear(256", "nn.Linear(512")
    gone = {before for _, before, _ in edits(check, deletion, text)}
    assert any("6 * width, 1" in before for before in gone)
    assert not any("2 * width, 1" in before for before in gone)
