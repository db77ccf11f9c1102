import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gi.core.objectives import OBJECTIVES, Objective
from gi.search.select import hypervolume, reference_point, scaled, violations, worst_ordinary

COORDINATE = st.floats(0, 10, allow_nan=False)
THREE = [OBJECTIVES[key] for key in ("error", "params", "time")]


def points(columns: int, most: int) -> st.SearchStrategy[list[list[float]]]:
    return st.lists(st.lists(COORDINATE, min_size=columns, max_size=columns), min_size=1, max_size=most)


def staircase(rows: list[list[float]], corner: tuple[float, float]) -> float:
    """The 2-D hypervolume in closed form: strips from left to right under the falling staircase."""
    area, top = 0.0, corner[1]
    for x, y in sorted(rows):
        if x < corner[0] and y < top:
            area += (corner[0] - x) * (top - y)
            top = y
    return area


def inclusion_exclusion(rows: list[list[float]], corner: tuple[float, ...]) -> float:
    """The volume of a union of boxes from its intersections."""
    total = 0.0
    for size in range(1, len(rows) + 1):
        for chosen in itertools.combinations(rows, size):
            sides = [max(0.0, c - max(col)) for c, col in zip(corner, zip(*chosen, strict=True), strict=True)]
            total += (-1) ** (size + 1) * math.prod(sides)
    return total


@given(points(2, 10))
def test_equals_the_closed_form_in_two_dimensions(rows):
    assert hypervolume(rows, (8.0, 7.0)) == pytest.approx(staircase(rows, (8.0, 7.0)), abs=1e-9)


@given(points(3, 5))
def test_equals_inclusion_and_exclusion_in_three_dimensions(rows):
    assert hypervolume(rows, (8.0, 7.0, 6.0)) == pytest.approx(inclusion_exclusion(rows, (8.0, 7.0, 6.0)), abs=1e-9)


def test_logarithmic_objectives_count_in_decades():
    assert hypervolume([[0.5, 1_000, 0.1]], (5.0, 100_000, 1.0), THREE) == pytest.approx(1 * 2 * 1)


def test_what_lies_beyond_the_reference_adds_nothing():
    assert hypervolume([[0.5, 0.5], [2.0, 0.1]], (1.0, 1.0)) == pytest.approx(0.25)
    assert hypervolume([[2.0, 2.0]], (1.0, 1.0)) == 0.0
    assert hypervolume([], (1.0, 1.0)) == 0.0


def test_scaling_keeps_zero_counts_finite():
    assert scaled([[0.0, 0, 0], [0.1, 1, 10]], THREE) == pytest.approx(
        np.array([[-4, 2, math.log10(0.05)], [-1, 2, 1]])
    )


def test_networks_below_a_hundred_parameters_count_alike():
    params = OBJECTIVES["params"]
    assert scaled([[0], [4], [100], [1000]], [params]).ravel() == pytest.approx([2, 2, 2, 3])
    assert params.decades(4) == pytest.approx(math.log10(4)), "a plot shows what there is"


def test_the_reference_point_is_the_objectives_own_or_the_worst_with_a_margin():
    linear = Objective("loss", "nats")
    values = [[0.3, 1_000, 0.5, 2.0], [0.1, 50_000, 0.25, 4.0]]
    assert reference_point(values, [*THREE, linear]) == pytest.approx((1.0, 100_000, 1.0, 4.4))


def test_a_bounded_objectives_reference_lies_a_margin_over_the_worst_ordinary_seed_and_never_beyond_its_own():
    bounded = [Objective("error", "share", reference=1.0, bounded=True), Objective("params", "", log=True)]
    values = [[0.9, 100], [0.2, 100], [0.1, 100]]
    assert reference_point(values, bounded, values[1:]) == pytest.approx((0.255, 200))
    assert reference_point(values, bounded, [[0.9, 100]]) == pytest.approx((1.0, 200))
    assert reference_point(values, bounded) == pytest.approx((1.0, 200))


# The validation errors of the seed programs on digits.
DIGITS = (
    *(0.024, 0.042, 0.028, 0.021, 0.024, 0.031, 0.045, 0.042, 0.077),
    *(0.017, 0.021, 0.021, 0.021, 0.028, 0.045, 0.376, 0.045, 0.146),
)


@pytest.mark.parametrize(
    ("errors", "worst"),
    [
        ([0.3], 0.3),
        ([0.02, 0.03], 0.03),
        ([0.02, 0.4], 0.04),
        ([0.4, 0.02], 0.04),
        ([0.05] * 6, 0.05),
        ([0.05] * 5 + [0.06], 0.06),
        ([0.05] * 5 + [0.9], 0.1),
        ([0.02, 0.021, 0.022, 0.023, 0.9], 0.044),
        ([0.1, 0.2, 0.3, 0.4, 0.5], 0.5),
        ([0.0, 0.0, 0.0], 0.0),
        ([0.9] * 4, 0.9),
        (DIGITS, 0.028 + 3 * 1.4826 * 0.007),
    ],
)
def test_one_misfit_among_the_seeds_does_not_decide_what_is_ordinary(errors, worst):
    assert worst_ordinary(errors) == pytest.approx(worst)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_at_least_half_of_the_seeds_are_ordinary_and_nothing_beyond_the_worst_is(errors):
    worst = worst_ordinary(errors)
    assert sum(error <= worst for error in errors) >= len(errors) / 2
    assert worst <= max(errors)


def test_only_what_lies_beyond_a_bounded_reference_is_infeasible():
    bounded = [Objective("error", "share", bounded=True), Objective("params", "", log=True)]
    values = [[0.2, 10], [0.3, 10], [0.1, 10_000], [0.25, 1]]
    assert violations(values, (0.25, 100), bounded) == pytest.approx([0, 0.05, 0, 0])
    assert violations(values, (0.25, 100), [Objective("error", "share"), bounded[1]]) == [0, 0, 0, 0]
    assert violations([], (0.25, 100), bounded) == []


def test_refuses_a_reference_point_of_nobody():
    with pytest.raises(ValueError, match="at least one individual"):
        reference_point([], THREE)


def test_refuses_a_reference_point_of_another_width():
    with pytest.raises(ValueError, match="has 3 values: expected 2"):
        hypervolume([[1.0, 1.0]], (2.0, 2.0, 2.0))


def test_refuses_a_nan():
    with pytest.raises(ValueError, match="must be finite"):
        hypervolume([[1.0, math.nan]], (2.0, 2.0))
