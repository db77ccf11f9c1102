import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gi.core.objectives import OBJECTIVES
from gi.search.select import boxed, hopeful, ranks, survivors

THREE = [OBJECTIVES[key] for key in ("error", "params", "time")]


def boxed_error(error, samples, best=0.0):
    return float(boxed([[error, 10, 1.0], [best, 10, 1.0]], THREE, samples)[0, 0])


@given(st.floats(0, 1), st.integers(1, 100_000), st.floats(0, 1))
def test_a_boxed_error_is_about_one_deviation_away_at_most_at_every_level(error, samples, best):
    box = boxed_error(error, samples, min(best, error))
    assert 0 <= box <= 1
    assert abs(box - error) <= math.sqrt(error * (1 - error) / samples) + 1.5 / samples


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 100_000))
def test_boxes_keep_the_order(one, other, samples):
    low, high = sorted((one, other))
    assert boxed_error(low, samples) <= boxed_error(high, samples)


def test_one_binomial_deviation_decides_nothing_and_three_decide():
    for error in (0.01, 0.1, 0.5):
        deviation = math.sqrt(error * (1 - error) / 10_000)
        levels = [boxed_error(error + steps * deviation, 10_000) for steps in (0, 1, 2, 3, 4)]
        assert 4 <= len(set(levels)) <= 5
        assert len({boxed_error(error + tenth * deviation / 10, 10_000) for tenth in range(10)}) <= 2


@pytest.mark.parametrize("samples", [20, 100, 10_000])
def test_no_error_at_all_is_a_part_of_a_sample(samples):
    assert boxed_error(0.0, samples) * samples == pytest.approx(0.375, rel=0.05)


@given(st.integers(0, 5000), st.floats(0, 0.99))
def test_within_a_deviation_of_the_best_is_as_good_as_it(wrong, part):
    best, width = wrong / 5000, 0.5 / math.sqrt(5000)
    near = math.sin(min(math.asin(math.sqrt((wrong + 0.375) / 5000.75)) + part * width, math.pi / 2)) ** 2
    error = max((near * 5000.75 - 0.375) / 5000, best)
    assert boxed_error(error, 5000, best) == boxed_error(best, 5000, best)


def test_times_within_five_percent_share_a_box_and_counts_are_exact():
    times = boxed([[0.1, 1000 + n, 2.0 * 1.01**n] for n in range(11)], THREE, 1000)
    assert times[:, 1].tolist() == [1000 + n for n in range(11)]
    assert len(set(times[:, 2].tolist())) in (3, 4)
    assert np.abs(np.log(times[:, 2] / [2.0 * 1.01**n for n in range(11)])).max() <= math.log(1.05) / 2 + 1e-9


def test_near_twins_are_one_row_to_survival():
    rows = [[0.0101, 1000, 0.500], [0.0100, 1000, 0.501], [0.0300, 100, 0.2]]
    assert ranks(rows) == [0, 0, 0]
    assert survivors(boxed(rows, THREE, 10_000), 2) == [0, 2]


def test_a_time_of_nothing_and_no_rows_have_boxes_too():
    assert boxed([[1.0, 0, 0.0]], THREE, 10)[0, 2] == pytest.approx(1e-6, rel=0.05)
    assert len(boxed([], THREE, 10)) == 0


def test_refuses_no_samples_and_no_numbers():
    with pytest.raises(ValueError, match="samples is 0"):
        boxed([[0.1, 1, 1]], THREE, 0)
    with pytest.raises(ValueError, match="must be finite"):
        boxed([[float("nan"), 1, 1]], THREE, 10)


@given(st.integers(0, 5000), st.floats(0.1, 100))
def test_a_hope_is_one_deviation_below_what_was_measured_and_counts_are_exact(wrong, time):
    error = wrong / 5000
    (hoped,) = hopeful([[error, 10, time]], THREE, 5000).tolist()
    assert 0 <= hoped[0] <= max(error, 0.375 / 5000)
    assert error - hoped[0] <= math.sqrt(error * (1 - error) / 5000) + 1.5 / 5000
    assert hoped[1:] == [10, pytest.approx(time / 1.05)]
