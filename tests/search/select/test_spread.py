import pytest
from hypothesis import given
from hypothesis import strategies as st

from gi.search.select import spread

LINE = [[float(n), 100.0 - n] for n in range(101)]


def test_the_best_by_each_objective_come_first_then_what_is_farthest_from_them():
    assert spread(LINE, 2) == [0, 100]
    assert spread(LINE, 3) == [0, 50, 100]
    assert spread(LINE, 5) == [0, 25, 50, 75, 100]


def test_a_small_front_is_taken_whole():
    assert spread(LINE[:7], 16) == list(range(7))
    assert spread([], 16) == []


def test_columns_weigh_the_same_whatever_their_unit():
    assert spread([[x, 1e6 * y] for x, y in LINE], 3) == [0, 50, 100]


def test_an_objective_that_is_equal_throughout_counts_nothing():
    assert spread([[x, y, 7.0] for x, y in LINE], 3) == [0, 50, 100]


@given(st.lists(st.tuples(*[st.floats(0, 1)] * 3), min_size=1, max_size=30, unique=True), st.integers(1, 12))
def test_as_many_different_rows_as_asked_for(rows, most):
    chosen = spread(rows, most)
    assert chosen == sorted(set(chosen))
    assert len(chosen) == min(most, len(rows))


def test_refuses_a_value_that_is_not_finite():
    with pytest.raises(ValueError, match="must be finite"):
        spread([[0.0], [float("nan")]], 1)
