import pytest
from hypothesis import given
from hypothesis import strategies as st

from gi.search.select import contributions, hopeful_order, hypervolume, ranks, survivors, volume_order, volume_survivors

SMALL = st.integers(0, 6).map(float)
CORNER = (5.0, 5.0, 5.0)  # rows with a 5 or 6 lie beyond it
ROWS = st.lists(st.tuples(SMALL, SMALL, SMALL), min_size=1, max_size=12)


def violations(rows):
    return [max(0.0, row[0] - 4.0) for row in rows]


def without_dominated(rows):
    return [row for row, rank in zip(rows, ranks(rows), strict=True) if rank == 0]


@given(ROWS)
def test_a_contribution_is_what_the_volume_loses_without_the_row(rows):
    front = without_dominated(rows)
    found = dict(zip(rows, contributions(rows, CORNER), strict=True))
    for row in set(rows):
        others = [other for other in front if other != row]
        repeated = rows.count(row) > 1
        lost = hypervolume(front, CORNER) - hypervolume(others, CORNER) if row in front and not repeated else 0.0
        assert found[row] == pytest.approx(lost)


def greedy(rows, violation):
    """The order from its definition: front by front, each time the row whose addition gives the most volume."""
    rank, order = ranks(rows, violation), []
    first = [row for row in range(len(rows)) if rows[row] not in rows[:row]]
    for front in sorted(set(rank)):
        left, taken = [row for row in first if rank[row] == front], []
        while left:
            volume = {row: hypervolume([rows[r] for r in [*taken, row]], CORNER) for row in left}
            best = max(left, key=lambda row: (volume[row], -row))
            if volume[best] == hypervolume([rows[r] for r in taken], CORNER):
                break
            left.remove(best)
            taken.append(best)
        order.append((taken, left))
    return order


@given(ROWS, st.booleans())
def test_the_order_equals_the_greedy_choice_by_brute_force(rows, bounded):
    violation = violations(rows) if bounded else []
    order = volume_order(rows, len(rows), violation, reference=CORNER)
    for inside, beyond in greedy(rows, violation):
        assert order[: len(inside)] == inside
        assert sorted(order[len(inside) : len(inside) + len(beyond)]) == beyond
        order = order[len(inside) + len(beyond) :]
    assert len(set(rows)) + len(order) == len(rows)  # the rest repeats what has its place


@given(ROWS, st.integers(0, 13), st.integers(0, 13), st.booleans())
def test_fewer_rows_are_the_first_of_more(rows, few, many, bounded):
    violation = violations(rows) if bounded else []
    for order in (volume_order, volume_survivors):
        chosen = order(rows, max(few, many), violation, reference=CORNER)
        assert order(rows, min(few, many), violation, reference=CORNER) == chosen[: min(few, many)]
        assert len(chosen) == len(set(chosen)) == min(len(rows), max(few, many))


@given(ROWS, st.integers(1, 13), st.booleans())
def test_survivors_are_sorted_by_rank_with_the_best_by_the_first_objective_among_them(rows, k, bounded):
    violation = violations(rows) if bounded else [0.0] * len(rows)
    kept = volume_survivors(rows, k, violation, reference=CORNER)
    rank, different = ranks(rows, violation), len(set(rows))
    head = [rank[row] for row in kept[:different]]
    assert head == sorted(head)
    best = min(rows[row][0] for row in range(len(rows)) if violation[row] == min(violation))
    assert rows[kept[0]][0] == best


def test_the_best_by_the_first_objective_survives_however_little_it_adds():
    rows = [(0.1, 4.9, 4.9), (2.0, 0.5, 0.5), (0.5, 2.0, 2.0), (3.0, 0.4, 0.4)]
    assert volume_order(rows, 2, reference=CORNER) == [1, 2]
    assert volume_survivors(rows, 2, reference=CORNER) == [0, 1]


def test_of_rows_beyond_the_reference_the_least_crowded_come_first_and_all_before_a_dominated_row():
    front = [(0.0, 10.0), (1.0, 9.0), (2.0, 8.0), (6.0, 3.5), (4.0, 4.0)]
    assert volume_order([*front, (4.5, 4.5)], 6, reference=(5.0, 5.0)) == [4, 0, 3, 2, 1, 5]


@pytest.mark.parametrize(
    ("rows", "k", "kept"),
    [
        ([[1, 1]] * 3 + [[2, 2]], 2, [0, 3]),
        ([[1, 1]] * 3, 2, [0, 1]),
        ([[0, 3], [0, 3], [0, 3], [3, 0]], 2, [0, 3]),
        ([[5.0, 5.0]], 4, [0]),
        ([], 4, []),
    ],
)
def test_copies_do_not_crowd_others_out(rows, k, kept):
    assert volume_order(rows, k, reference=(4.0, 4.0)) == volume_survivors(rows, k, reference=(4.0, 4.0)) == kept


def test_keeps_more_volume_of_a_long_front_than_crowding():
    front = [[x / 40, (1 - x / 40) ** 3] for x in range(41)]
    by_volume, by_crowding = volume_order(front, 4, reference=(1.1, 1.1)), survivors(front, 4)
    kept = [hypervolume([front[row] for row in rows], (1.1, 1.1)) for rows in (by_volume, by_crowding)]
    assert kept[0] > 1.2 * kept[1]


@pytest.mark.parametrize("ask", [volume_order, volume_survivors])
def test_refuses_what_cannot_be_ordered(ask):
    with pytest.raises(ValueError, match=r"row 1 .* must be finite"):
        ask([[1.0, 2.0], [float("nan"), 1.0]], 1, reference=(3.0, 3.0))
    with pytest.raises(ValueError, match="has 3 values: expected 2"):
        ask([[1.0, 2.0]], 1, reference=(3.0, 3.0, 3.0))
    with pytest.raises(ValueError, match="expected 1 numbers of at least 0"):
        ask([[1.0, 2.0]], 1, [-1.0], reference=(3.0, 3.0))


def test_nobody_contributes_nothing():
    assert contributions([], (1.0, 1.0)) == []


@given(ROWS, st.integers(1, 12))
def test_with_hopes_of_what_was_measured_the_order_is_that_of_volumes_behind_the_best(rows, k):
    order = hopeful_order(rows, rows, k, reference=CORNER)
    taken = order[:1]
    assert rows[order[0]][0] == min(row[0] for row in rows)
    for row in order[1:]:
        volume = {r: hypervolume([rows[n] for n in [*taken, r]], CORNER) for r in range(len(rows)) if r not in taken}
        assert volume[row] == pytest.approx(max(volume.values()))
        taken.append(row)
    if len(order) < k:  # nobody adds anything more
        assert hypervolume([rows[n] for n in order], CORNER) == pytest.approx(hypervolume(rows, CORNER))


def test_a_row_that_may_be_better_than_it_was_measured_goes_with_the_lucky_one():
    measured, hopes = [(1.0, 1.0), (1.1, 2.0), (1.5, 3.0)], [(0.8, 1.0), (0.9, 2.0), (1.3, 3.0)]
    assert hopeful_order(measured, hopes, 3, reference=(5.0, 5.0)) == [0, 1]
    assert hopeful_order(measured, measured, 3, reference=(5.0, 5.0)) == [0]
