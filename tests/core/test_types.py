import math

import pytest

from gi.core.objectives import OBJECTIVES, Objective

READ = [
    ("error", 0.0314, "3.14%"), ("params", 650, "650"), ("params", 12_345, "12.3k"), ("time", 0.2345, "0.234"),
    ("macs", 4.57e6, "4.57M"), ("size", 1_234, "1.23k"), ("train_time", 0.4213, "0.421s"),
    ("train_time", 0.004, "0.004s"), ("train_time", 12.34, "12.3s"), ("train_time", 185.0, "3m05s"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value", "text"), READ)
def test_a_value_is_read_by_its_objective(key, value, text):
    assert OBJECTIVES[key].text(value) == text


@pytest.mark.parametrize(
    ("key", "difference", "noise", "text"),
    [
        ("error", -0.0052, 0.0031, "-0.52% ± 0.31"),
        ("error", 0.01, 0.0, "+1.00%"),
        ("params", 1_234, 0.0, "+1.23k"),
        ("time", 0.0131, 0.002, "+0.013 ± 0.002"),
    ],
)
def test_a_difference_is_read_with_its_sign_and_noise(key, difference, noise, text):
    assert OBJECTIVES[key].change_text(difference, noise) == text


def test_only_a_share_is_read_with_its_deviation():
    assert OBJECTIVES["error"].mean_text([0.04, 0.05]) == "4.50% ± 0.71"
    assert OBJECTIVES["params"].mean_text([1000, 2000]) == "1.5k"
    assert [OBJECTIVES[key].mean_text([]) for key in ("error", "params")] == ["-", "-"]


TICKS = [("error", 0.05, "5%"), ("params", 1e5, "100k"), ("time", 0.5, "0.5")]


@pytest.mark.parametrize(("key", "value", "text"), TICKS)
def test_a_tick_has_no_digit_that_says_nothing(key, value, text):
    assert OBJECTIVES[key].tick_text(value) == text


def test_selection_sees_logarithmic_objectives_in_decades_and_others_as_they_are():
    assert OBJECTIVES["params"].scaled(1000) == pytest.approx(3)
    assert OBJECTIVES["macs"].scaled(0.0) == pytest.approx(-6)
    assert OBJECTIVES["time"].scaled(0.0) == OBJECTIVES["time"].scaled(0.01) == pytest.approx(math.log10(0.05))
    assert OBJECTIVES["error"].scaled(0.01) == pytest.approx(-2)
    assert OBJECTIVES["error"].scaled(0.0) == pytest.approx(-4)
    assert Objective("loss", "nats").scaled(0.2) == 0.2
    assert Objective("gain", "nats").scaled(-0.2) == -0.2


def test_only_a_bounded_objective_makes_infeasible():
    assert OBJECTIVES["error"].excess(0.5, 0.2) == pytest.approx(0.3)
    assert OBJECTIVES["error"].excess(0.1, 0.2) == 0.0
    assert OBJECTIVES["params"].excess(5000, 100) == 0.0


def test_every_objective_has_a_label_for_an_axis():
    assert all(objective.axis for objective in OBJECTIVES.values())
