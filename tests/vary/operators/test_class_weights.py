"""Weights of classes: what they are, where they are offered, and that a program with them is another program."""

import dataclasses
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gi.core.trace import Trace
from gi.core.types import Task
from gi.source.repair.repair import repair
from gi.vary import SHARES, Vary
from gi.vary.operators.class_weights import class_weights, has_uneven_classes, weighed, weights
from gi.vary.operators.proposal import OperatorContext
from tests.checking import SEEDS, SMALL, Stock, with_recipe
from tests.vary.operators.test_examples import host

LOSS = ("loss = nn.CrossEntropyLoss()",)


def proposals(check, lines, shares):
    here = host(check, lines, is_recipe=True, class_shares=shares)
    made = [class_weights(here, OperatorContext(Stock(), check, random.Random(seed))) for seed in range(20)]
    return {one.edits[0].after for one in made if one is not None}


@given(st.lists(st.integers(1, 1000), min_size=2, max_size=10), st.sampled_from([0.5, 1.0]))
def test_a_sample_weighs_one_in_the_mean_and_the_rarest_most(counts, power):
    shares = [count / sum(counts) for count in counts]
    each = weights(shares, power)
    assert sum(s * w for s, w in zip(shares, each, strict=True)) == pytest.approx(1, rel=0.01)
    assert max(each) == each[counts.index(min(counts))]
    if power == 1:
        assert max(s * w for s, w in zip(shares, each, strict=True)) == pytest.approx(1 / len(counts), rel=0.01)


def test_the_loss_gets_whole_or_half_weights(check):
    shares = (0.02, *[0.1] * 8, 0.18)
    assert proposals(check, LOSS, shares) == {
        f"nn.CrossEntropyLoss(weight=torch.tensor({weights(shares, power)}))" for power in (1.0, 0.5)
    }


@pytest.mark.parametrize(
    ("lines", "shares"),
    [
        (LOSS, ()),
        (LOSS, (0.1,) * 10),
        (LOSS, (0.0, *[0.1] * 8, 0.2)),
        (("loss = nn.MultiMarginLoss()",), (0.02, *[0.1] * 8, 0.18)),
        (("loss = nn.CrossEntropyLoss(torch.ones(10))",), (0.02, *[0.1] * 8, 0.18)),
    ],
    ids=["nothing known", "even", "a class without samples", "another loss", "a weight by position"],
)
def test_nothing_is_weighed_where_that_means_nothing(check, lines, shares):
    assert proposals(check, lines, shares) == set()


def test_offspring_get_class_weights_on_an_uneven_set_alone(check):
    uneven = dataclasses.replace(SMALL, class_shares=(0.02, *[0.1] * 8, 0.18))
    assert has_uneven_classes(uneven)
    parent = with_recipe(*LOSS)
    for task, offered in ((uneven, True), (SMALL, False)):
        vary = Vary(Stock(), check, task)
        children = [
            vary([parent], rng=random.Random(seed), shares=dict.fromkeys(SHARES, 0.0) | {"class_weights": 1.0})
            for seed in range(3 if offered else 0)
        ]
        assert all("weight=torch.tensor(" in child.text for child in children)
        assert all(child.fingerprint != check.trace(parent).fingerprint for child in children)


@pytest.mark.parametrize("name", SEEDS)
def test_each_seed_program_can_count_classes_alike(check, name):
    uneven = Task((1, 28, 28), 2, class_shares=(0.25, 0.75))
    text = repair(weighed(SEEDS[name], uneven), uneven, check)
    assert text.count("weight=torch.tensor([2.0, 0.667])") == 1
    assert isinstance(check(text, uneven), Trace)
    assert weighed(text, uneven) == text
    assert weighed(SEEDS[name], Task((1, 28, 28), 10)) == SEEDS[name]


def test_a_loss_without_class_weights_stays_as_it_is():
    text = with_recipe("loss = nn.MultiMarginLoss()")
    assert weighed(text, Task((1, 28, 28), 2, class_shares=(0.25, 0.75))) == text
