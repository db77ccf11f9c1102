import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gi.search.select import promotable, volume_order

SMALL = st.integers(0, 6).map(float)
CORNER = (5.0, 5.0, 5.0)
ROWS = st.lists(st.tuples(SMALL, SMALL, SMALL), min_size=1, max_size=12)
SHARE = st.sampled_from([0.1, 0.25, 1 / 3, 0.5, 1.0])


def dominates(one, other):
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


def promoted_in_turn(rows, share, violation=()):
    """Everything that goes up when one row after the other is promoted."""
    promoted = []
    while (row := promotable(rows, promoted, share, violation, reference=CORNER)) is not None:
        promoted.append(row)
    return promoted


@given(ROWS, SHARE)
def test_the_best_by_the_first_objective_is_never_stopped(rows, share):
    promoted = promoted_in_turn(rows, share)
    assert min(row[0] for row in rows) == rows[promoted[0]][0]


@given(ROWS, SHARE)
def test_no_member_of_the_first_front_waits_for_a_dominated_row(rows, share):
    promoted, different = promoted_in_turn(rows, share), set(rows)
    up = {rows[row] for row in promoted}
    if any(dominates(other, row) for row in up for other in different):
        assert {row for row in different if not any(dominates(other, row) for other in different)} <= up


@given(ROWS, SHARE, st.booleans())
def test_what_goes_up_equals_brute_force(rows, share, bounded):
    violation = [max(0.0, row[0] - 4.0) for row in rows] if bounded else [0.0] * len(rows)
    least = [row for row in range(len(rows)) if violation[row] == min(violation)]
    best = min(least, key=lambda row: (*rows[row], row))
    order = [best, *(row for row in volume_order(rows, len(rows), violation, reference=CORNER) if row != best)]
    assert promoted_in_turn(rows, share, violation) == order[: math.ceil(share * len(rows))]


@given(ROWS, SHARE, st.sets(st.integers(0, 11)))
def test_nobody_goes_up_twice_and_only_the_best_share_does(rows, share, promoted):
    row = promotable(rows, promoted, share, reference=CORNER)
    quota = promoted_in_turn(rows, share)
    assert row == next((candidate for candidate in quota if candidate not in promoted), None)


@given(ROWS, SHARE)
def test_as_a_rung_fills_the_best_so_far_has_always_gone_up(rows, share):
    promoted = set()
    for number in range(1, len(rows) + 1):
        while (row := promotable(rows[:number], promoted, share, reference=CORNER)) is not None:
            promoted.add(row)
        assert min(row[0] for row in rows[:number]) in {rows[row][0] for row in promoted}


@given(ROWS, SHARE, st.lists(st.integers(0, 11), unique=True))
def test_rows_that_go_first_wait_for_the_best_alone_and_make_no_room(rows, share, chosen):
    first = [row for row in chosen if row < len(rows)]
    promoted = []
    while (row := promotable(rows, promoted, share, reference=CORNER, first=first)) is not None:
        promoted.append(row)
    best, *others = promoted
    assert best == promoted_in_turn(rows, share)[0]
    assert len(promoted) == math.ceil(share * len(rows))
    first = [row for row in first if row != best]
    assert others[: len(first)] == first[: len(others)]


def test_within_a_front_the_most_volume_goes_first_where_ranks_would_be_mixed_up():
    rows = [(0.1, 4.8, 1.0), (1.0, 1.0, 1.0), (4.8, 0.1, 1.0), (1.1, 0.9, 1.0)]
    assert promoted_in_turn(rows, 0.5) == [0, 1]
    assert promoted_in_turn(rows, 1.0)[:2] == [0, 1]


def test_an_infeasible_row_goes_up_only_when_every_feasible_one_has():
    rows, violation = [(0.5, 1.0, 1.0), (0.6, 1.0, 1.0), (0.1, 0.1, 0.1)], [0.0, 0.0, 0.2]
    assert promoted_in_turn(rows, 1.0, violation) == [0, 1, 2]


def test_an_empty_rung_has_nobody_to_promote():
    assert promotable([], (), 0.25, reference=CORNER) is None


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1, float("nan")])
def test_refuses_a_share_that_is_none(share):
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        promotable([[1.0]], (), share, reference=(2.0,))
