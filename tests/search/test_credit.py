"""Shares of operators follow what succeeded lately, and none dies."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gi.core.types import Edit, LineType, Origin
from gi.search.credit import FLOOR, HALF_LIFE, Credit, adapted_shares, credits_of, donor_weights, success_ratios

SHARES = {"cut": 0.2, "crossover": 0.3, "tweak": 0.4, "deletion": 0.1}
NAMES = sorted(SHARES)


def credit(operator, success, donor=""):
    return Credit(operator, LineType.CONNECTION, success, donor)


def drawn(rates, count, seed=0):
    rng = random.Random(seed)
    return [credit(name, rng.random() < rates[name]) for name in rng.choices(NAMES, k=count)]


CREDITS = st.lists(st.builds(credit, st.sampled_from([*NAMES, "gone"]), st.booleans()), max_size=300)


@given(CREDITS)
def test_no_share_falls_below_the_floor_and_the_sum_stays(credits):
    made = adapted_shares(SHARES, credits)
    assert list(made) == list(SHARES)
    assert sum(made.values()) == pytest.approx(sum(SHARES.values()))
    assert all(made[name] >= FLOOR * SHARES[name] for name in SHARES)


@given(CREDITS, st.sampled_from(NAMES))
def test_one_more_success_never_lowers_an_operators_share(credits, name):
    failed, won = (adapted_shares(SHARES, [*credits, credit(name, success)]) for success in (False, True))
    assert won[name] >= failed[name] - 1e-12


@pytest.mark.parametrize("credits", [[], drawn(dict.fromkeys(NAMES, 0.0), 90), drawn(dict.fromkeys(NAMES, 1.0), 90)])
def test_where_nothing_tells_operators_apart_shares_stay(credits):
    assert adapted_shares(SHARES, credits) == pytest.approx(SHARES)


def test_what_succeeds_is_drawn_oftener_and_what_succeeded_long_ago_is_forgotten():
    early = drawn({"cut": 0.02, "crossover": 0.05, "tweak": 0.05, "deletion": 0.4}, 300)
    late = drawn({"cut": 0.3, "crossover": 0.05, "tweak": 0.05, "deletion": 0.02}, 600)
    first, then = adapted_shares(SHARES, early), adapted_shares(SHARES, [*early, *late])
    assert first["deletion"] > 2 * SHARES["deletion"]
    assert first["cut"] < 0.7 * SHARES["cut"]
    assert then["cut"] > 1.5 * SHARES["cut"]
    assert then["deletion"] < SHARES["deletion"]


def test_a_single_success_moves_little():
    made = adapted_shares(SHARES, [*[credit("tweak", False)] * 20, credit("cut", True)])
    assert made["cut"] < 2.5 * SHARES["cut"]


def test_a_credit_halves_with_its_age():
    old = [credit("cut", True), *[credit("crossover", False)] * HALF_LIFE]
    ratios = success_ratios([(c.operator, c.success) for c in old])
    weights = [0.5 ** (age / HALF_LIFE) for age in range(HALF_LIFE + 1)]
    average = 0.5 / sum(weights)
    assert ratios["cut"] == pytest.approx((8 * average + 0.5) / 8.5 / average)


def test_edits_of_one_operator_and_type_are_one_credit():
    origin = Origin("torchvision==0.28.0", "", "models/resnet.py", 3, "BSD-3-Clause")
    edits = [
        Edit("cut", LineType.CONNECTION, 3, "a", "b", origin),
        Edit("cut", LineType.CONNECTION, 4, "a", "b", origin),
        Edit("cut", LineType.ACTIVATION, 5, "a", ""),
        Edit("tweak", LineType.OPTIMIZER, 9, "a", "b"),
    ]
    assert credits_of(edits, success=True) == (
        Credit("cut", LineType.CONNECTION, True, "torchvision==0.28.0"),
        Credit("cut", LineType.ACTIVATION, True),
        Credit("tweak", LineType.OPTIMIZER, True),
    )


def test_donors_that_lead_to_survivors_are_taken_more_readily():
    credits = [credit("crossover", n % 2 == 0, "good") for n in range(60)]
    credits += [credit("crossover", False, "poor") for _ in range(60)] + [credit("tweak", True)] * 9
    weights = donor_weights(credits)
    assert weights == {"good": 1.0, "poor": FLOOR}
    assert donor_weights([]) == {}
