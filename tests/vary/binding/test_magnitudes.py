"""Numbers move by steps that a training feels, inside the bounds of their parameter."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gi.vary.binding.magnitudes import MAGNITUDES, moved, strengthened


def odds(value):
    return value / (1 - value)


@given(st.sampled_from(sorted(MAGNITUDES)), st.floats(0, 1), st.integers(0, 999))
def test_a_number_moves_by_a_factor_of_about_one_and_a_half_to_three(name, at, seed):
    known = MAGNITUDES[name]
    value = known.low * (known.high / known.low) ** at
    new = moved(name, value, random.Random(seed))
    assert new is not None
    assert known.low <= new <= known.high
    scale = odds if known.is_share and value < 1 else float
    assert 1.3 < max(scale(new) / scale(value), scale(value) / scale(new)) < 3.4


@pytest.mark.parametrize(
    ("name", "value", "reached"),
    [
        ("lr", 0.01, {0.0033, 0.005, 0.0067, 0.015, 0.02, 0.03}),
        ("momentum", 0.9, {0.75, 0.82, 0.86, 0.931, 0.947, 0.964}),
        ("p", 0.5, {0.25, 0.33, 0.4, 0.6, 0.67, 0.75}),
        ("start_factor", 1.0, {0.33, 0.5, 0.67}),
        ("weight_decay", 0.0, {5e-05}),
        ("unheard_of", 4.0, {1.3, 2.0, 2.7, 6.0, 8.0, 12.0}),
    ],
)
def test_what_a_number_may_become(name, value, reached):
    assert {moved(name, value, random.Random(seed)) for seed in range(80)} == reached


@pytest.mark.parametrize(
    ("name", "value", "reached"),
    [
        ("padding", 2, {1, 3, 4, 6}),
        ("degrees", 10, {3.3, 5.0, 6.7, 15.0, 20.0, 30.0}),
        ("translate", (0.1, 0.2), {(0.034, 0.067), (0.05, 0.1), (0.065, 0.13), (0.15, 0.3), (0.2, 0.4)}),
        ("scale", (0.9, 1.1), {(0.967, 1.033), (0.95, 1.05), (0.933, 1.067), (0.85, 1.15), (0.8, 1.2), (0.7, 1.3)}),
        ("scale", (0.02, 0.3), {(0.02, 0.1), (0.02, 0.15), (0.02, 0.2), (0.02, 0.45), (0.02, 0.6), (0.02, 0.9)}),
        ("kernel_size", 3, {None}),
        ("value", "random", {None}),
        ("inplace", True, {None}),
        ("sigma", (0.1, 1.0), {(0.033, 0.33), (0.05, 0.5), (0.067, 0.67), (0.15, 1.5), (0.2, 2.0), (0.3, 3.0)}),
    ],
)
def test_strengths_of_image_transforms(name, value, reached):
    found = {strengthened(name, value, random.Random(seed), side=28) for seed in range(80)}
    assert found == reached


def test_padding_stays_below_a_quarter_of_the_image():
    assert {strengthened("padding", 2, random.Random(seed), side=8) for seed in range(30)} == {1}
    assert strengthened("padding", 1, random.Random(0), side=4) is None


def test_no_strength_is_infinite():
    for name, known in MAGNITUDES.items():
        value = known.high
        for seed in range(20):
            value = moved(name, value, random.Random(seed))
            assert math.isfinite(value)
