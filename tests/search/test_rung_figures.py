import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gi.search.rung_figures import FloatRows, RungFigures

FLOATS = st.floats(allow_nan=False)
ROWS = st.lists(st.tuples(FLOATS, FLOATS, FLOATS), max_size=20)


@given(ROWS)
def test_rows_are_those_that_were_appended(rows):
    kept = FloatRows(3)
    for row in rows:
        kept.append(row)
    assert [kept[n] for n in range(len(kept))] == rows
    assert kept.matrix().shape == (len(rows), 3)
    assert list(map(tuple, kept.matrix().tolist())) == rows


@given(ROWS, FLOATS)
def test_a_replaced_row_leaves_the_others_as_they_were(rows, new):
    kept = FloatRows(3)
    for row in rows:
        kept.append(row)
    for place in range(len(rows)):
        kept.replace(place, (new, new, new))
        assert [kept[n] for n in range(len(rows))] == [(new,) * 3] * (place + 1) + rows[place + 1 :]


def test_a_matrix_is_a_copy_so_that_rows_may_be_added_while_it_is_used():
    kept = FloatRows(1)
    kept.append((1.0,))
    matrix = kept.matrix()
    kept.append((2.0,))
    matrix[0] = 9.0
    assert kept.matrix().tolist() == [[1.0], [2.0]]
    kept.clear()
    assert not len(kept)


def test_figures_are_those_of_each_individual_in_order_of_arrival():
    figures = RungFigures(2)
    assert figures.least == (math.inf, math.inf)
    assert not figures
    figures.add("a", (0.3, 10.0), params=7.0, macs=70.0, train_s=1.5, excess=0.0)
    figures.add("b", (0.1, 20.0), params=8.0, macs=80.0, train_s=2.5, excess=0.25)
    assert list(figures) == ["a", "b"]
    assert "b" in figures
    assert figures.values("b") == (0.1, 20.0)
    assert (figures.params("a"), figures.macs("b"), figures.train_s("a"), figures.excess("b")) == (7.0, 80.0, 1.5, 0.25)
    assert figures.least == (0.1, 10.0)
    assert figures.values_from(1) == [(0.1, 20.0)]
    assert figures.excess_from(0) == [0.0, 0.25]
    with pytest.raises(KeyError):
        figures.values("c")


def test_one_that_comes_again_keeps_its_place():
    figures = RungFigures(1)
    for id_, value in (("a", 3.0), ("b", 2.0), ("a", 1.0)):
        figures.add(id_, (value,), params=value, macs=value, train_s=value, excess=value)
    assert list(figures) == ["a", "b"]
    assert figures.values_from(0) == [(1.0,), (2.0,)]
    assert figures.params("a") == 1.0
