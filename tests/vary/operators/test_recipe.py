"""Edits of recipes: what each operator may make of one, and that whatever it makes builds and trains a step."""

import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gi.core.types import LineType, Task
from gi.trace.program.candidate import load
from gi.trace.program.recipe import make_recipe
from gi.vary import Vary
from gi.vary.hosts.host import Host
from gi.vary.operators.augmentation import augmentation, offers
from gi.vary.operators.insertion import insertion
from gi.vary.operators.proposal import OperatorContext
from gi.vary.operators.recipe_crossover import recipe_crossover
from gi.vary.operators.schedule import schedule
from gi.vary.operators.table import OPERATORS
from gi.vary.operators.tweak import recipe_tweak
from tests.checking import HEAD, SEEDS, SMALL, InProcess, Stock, with_recipe

CHECK = InProcess()
STOCK = Stock.of(*SEEDS.values())
COLOUR = Task((3, 12, 16), 10)
CYCLE = "scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=steps)"
SGD = "optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)"
V2 = HEAD.replace("\n\n\n", "\nfrom torchvision.transforms import v2\n\n\n")


def host(*lines, task=SMALL):
    text = with_recipe(*lines, head=V2)
    text = Vary(Stock(), CHECK, task).fitted(text)[0]
    return Host(text, CHECK.trace(text, task), task)


def made(operator, where, other=None, stock=STOCK, draws=120):
    """The after-texts of every part that some draw changed, by the part's type."""
    found = {}
    for seed in range(draws):
        proposal = operator(where, OperatorContext(stock, CHECK, random.Random(seed), other))
        for edit in proposal.edits if proposal else ():
            found.setdefault(edit.type, set()).add(edit.after)
    return found


def trained_a_step(text, task):
    module = load(text)
    torch.manual_seed(0)
    net = module.Net()
    recipe = make_recipe(module, net, 20, task.input_shape)
    images = torch.rand(8, *task.input_shape)
    images = recipe.augmentation(images) if recipe.augmentation else images
    loss = recipe.loss(net(images), torch.arange(8))
    loss.backward()
    recipe.optimizer.step()
    if recipe.scheduler is not None:
        recipe.scheduler.step()
    return bool(torch.isfinite(loss)) and all(torch.isfinite(p).all() for p in net.parameters())


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(SEEDS)),
    st.sampled_from(sorted(SEEDS)),
    st.sampled_from([schedule, augmentation, recipe_tweak, recipe_crossover]),
    st.sampled_from([SMALL, COLOUR]),
    st.integers(0, 9999),
)
def test_every_edit_of_a_recipe_trains_a_step(name, donor, operator, task, seed):
    texts = [Vary(Stock(), CHECK, task).fitted(SEEDS[n])[0] for n in (name, donor)]
    first, second = (Host(text, CHECK.trace(text, task), task) for text in texts)
    proposal = operator(first, OperatorContext(STOCK, CHECK, random.Random(seed), second))
    if proposal is not None:
        assert all(e.before != e.after for e in proposal.edits)
        assert CHECK.trace(proposal.text, task).num_params == first.trace.num_params
        assert trained_a_step(proposal.text, task)


def test_optimizer_and_schedule_change_together():
    pairs = set()
    for seed in range(60):
        proposal = schedule(host(SGD, CYCLE), OperatorContext(STOCK, CHECK, random.Random(seed)))
        text = proposal.text if proposal else f"{SGD}\n{CYCLE}"
        rate = float(text.partition(", lr=")[2].partition(",")[0].rstrip(")\n").partition(")")[0])
        if "max_lr=" in text:
            assert f"max_lr={rate}" in text
        assert 0.02 <= rate <= 0.4 if "optim.SGD(" in text else 0.001 <= rate <= 0.03
        pairs |= {(o, s) for o in ("SGD", "AdamW") for s in ("OneCycle", "Cosine") if f"{o}(" in text and s in text}
    assert len(pairs) == 4


def test_a_pair_of_the_second_parent_comes_whole():
    other = host("rate = 0.03", "optimizer = torch.optim.Adagrad(net.parameters(), lr=rate)",
                 "scheduler = torch.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=steps)")  # fmt: skip
    found = made(schedule, host(SGD), other, draws=40)
    assert "torch.optim.Adagrad(net.parameters(), lr=0.03)" in found[LineType.OPTIMIZER]
    assert "torch.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=steps)" in found[LineType.SCHEDULER]


def test_parameter_groups_stay():
    groups = "[{'params': net.parameters(), 'weight_decay': 0.1}]"
    found = made(schedule, host(f"optimizer = torch.optim.SGD({groups}, lr=0.1)"), draws=40)
    assert all(groups in text for text in found[LineType.OPTIMIZER])


def test_a_recipe_of_its_own_making_is_left_alone():
    own = "optimizer = own(net)"
    text = with_recipe(own, head=V2 + "def own(net):\n    return torch.optim.SGD(net.parameters(), lr=0.1)\n\n\n")
    assert made(schedule, Host(text, CHECK.trace(text), SMALL), draws=20) == {}


def test_augmentation_grows_up_to_three_steps_and_covers_last():
    where, depth = host(), 0
    for seed in range(12):
        proposal = augmentation(where, OperatorContext(STOCK, CHECK, random.Random(seed)))
        if proposal is not None:
            where = Host(proposal.text, CHECK.trace(proposal.text), SMALL)
            code = proposal.edits[0].after
            depth = max(depth, code.count("v2.Random") + code.count("v2.ColorJitter"))
            assert "RandomErasing" not in code or code.rstrip("])").rpartition("v2.")[2].startswith("RandomErasing")
    assert depth == 3


def test_the_second_parents_augmentation_comes_whole():
    other = host("augmentation = v2.Compose([v2.RandomRotation(20), v2.RandomGrayscale()])")
    assert "v2.Compose([v2.RandomRotation(20), v2.RandomGrayscale()])" in made(augmentation, host(), other, draws=40)[
        LineType.AUGMENTATION
    ]  # fmt: skip


def test_offers_fit_the_images():
    assert "torchvision.transforms.v2.RandomCrop((12, 16), padding=1)" in offers(COLOUR)
    assert any("saturation" in call for call in offers(COLOUR))
    assert not any("saturation" in call for call in offers(SMALL))


def test_strengths_rates_and_settings_are_tweaked():
    lines = SGD, CYCLE, "augmentation = v2.Compose([v2.RandomCrop((8, 8), padding=1), v2.RandomRotation(10)])"
    found = made(recipe_tweak, host(*lines), draws=300)
    assert {"nn.CrossEntropyLoss(label_smoothing=0.1)"} == found[LineType.LOSS]
    assert "v2.RandomRotation(20.0)" in found[LineType.AUGMENTATION]
    assert "v2.RandomCrop((8, 8), padding=2)" in found[LineType.AUGMENTATION]
    optimizers, schedules = found[LineType.OPTIMIZER], found[LineType.SCHEDULER]
    assert all("lr=0.1" in text for text in optimizers), "the schedule sets the rate"
    assert any("weight_decay=0.0005" in text for text in optimizers)
    assert any("max_lr=0.2" in text for text in schedules)
    assert any("pct_start=0.1" in text for text in schedules)


@pytest.mark.parametrize(
    ("line", "rates"),
    [
        ("optimizer = torch.optim.Adam(net.parameters(), lr=0.002)", ("lr=0.002", "max_lr=0.002")),
        ("optimizer = torch.optim.Adam(net.parameters(), lr=5.0)", ("lr=0.005", "max_lr=0.005")),
    ],
)
def test_a_borrowed_optimizer_has_a_rate_that_fits_and_the_schedule_follows(line, rates):
    stock = Stock.of(with_recipe(line))
    texts = [recipe_crossover(host(SGD, CYCLE), OperatorContext(stock, CHECK, random.Random(n))) for n in range(30)]
    adam = next(p.text for p in texts if p is not None and "Adam(" in p.text)
    assert all(f"{rate}" in adam for rate in rates)


def test_a_borrowed_schedule_keeps_the_hosts_rate():
    stock = Stock.of(with_recipe(CYCLE.replace("0.1", "0.9")))
    adam = host(
        "optimizer = torch.optim.Adam(net.parameters(), lr=0.003)",
        "scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)",
    )
    found = made(recipe_crossover, adam, stock=stock, draws=30)
    assert all("max_lr=0.003" in text for text in found[LineType.SCHEDULER])


def test_an_inserted_schedule_takes_the_hosts_rate():
    stock = Stock.of(with_recipe(CYCLE))
    found = made(insertion, host("optimizer = torch.optim.Adam(net.parameters(), lr=0.003)"), stock=stock, draws=60)
    assert found[LineType.SCHEDULER]
    assert all("max_lr=0.003" in text for text in found[LineType.SCHEDULER])


def test_a_loss_of_log_probabilities_goes_to_networks_that_give_them():
    stock = Stock.of(with_recipe("loss = nn.NLLLoss()"))
    assert LineType.LOSS not in made(recipe_crossover, host(SGD), stock=stock, draws=40)


def test_the_operators_are_in_the_table():
    assert {"schedule", "augmentation"} <= set(OPERATORS)
