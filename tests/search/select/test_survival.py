import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gi.search.select import crowding, ranks, survivors

SMALL = st.integers(0, 4).map(float)


def matrices(columns: int, max_rows: int = 12) -> st.SearchStrategy[list[list[float]]]:
    return st.lists(st.lists(SMALL, min_size=columns, max_size=columns), min_size=1, max_size=max_rows)


def dominates(a: list[float], b: list[float]) -> bool:
    return all(x <= y for x, y in zip(a, b, strict=True)) and any(x < y for x, y in zip(a, b, strict=True))


def brute_force_ranks(rows: list[list[float]]) -> list[int]:
    found: dict[int, int] = {}
    rank = 0
    while len(found) < len(rows):
        left = [i for i in range(len(rows)) if i not in found]
        front = [i for i in left if not any(dominates(rows[j], rows[i]) for j in left)]
        found.update(dict.fromkeys(front, rank))
        rank += 1
    return [found[i] for i in range(len(rows))]


@given(st.one_of(matrices(2), matrices(3)))
def test_ranks_equal_brute_force(rows):
    assert ranks(rows) == brute_force_ranks(rows)


def constrained(rows: list[list[float]], violation: list[float]) -> list[int]:
    """Ranks by constraint domination, from its definition."""

    def beats(a: int, b: int) -> bool:
        if violation[a] or violation[b]:
            return violation[a] < violation[b]
        return dominates(rows[a], rows[b])

    found: dict[int, int] = {}
    while len(found) < len(rows):
        left = [i for i in range(len(rows)) if i not in found]
        front = [i for i in left if not any(beats(j, i) for j in left)]
        found.update(dict.fromkeys(front, max(found.values(), default=-1) + 1))
    return [found[i] for i in range(len(rows))]


@given(matrices(3), st.data())
def test_ranks_with_a_violation_equal_brute_force_and_the_feasible_survive_first(rows, data):
    violation = data.draw(st.lists(st.sampled_from([0.0, 0.0, 1.0, 2.0]), min_size=len(rows), max_size=len(rows)))
    assert ranks(rows, violation) == constrained(rows, violation)
    different = len({tuple(row) for row in rows})
    kept = survivors(rows, different, violation)
    assert [ranks(rows, violation)[i] for i in kept] == sorted(ranks(rows, violation)[i] for i in kept)


@pytest.mark.parametrize("bad", [[1.0], [0.0, -1.0], [0.0, float("nan")]])
def test_refuses_a_violation_that_is_none(bad):
    with pytest.raises(ValueError, match="expected 2 numbers of at least 0"):
        ranks([[1.0], [2.0]], bad)


@given(matrices(3), st.integers(1, 14))
def test_survivors_are_different_rows_sorted_by_rank_as_long_as_there_are_any(rows, k):
    kept = survivors(rows, k)
    different = len({tuple(row) for row in rows})
    assert len(kept) == len(set(kept)) == min(k, len(rows))
    assert len({tuple(rows[i]) for i in kept}) == min(k, different)
    head = [ranks(rows)[i] for i in kept[:different]]
    assert head == sorted(head)


@given(matrices(2), st.integers(1, 12))
def test_survivors_do_not_depend_on_the_global_random_generators(rows, k):
    random.seed(1)
    np.random.seed(1)
    before = survivors(rows, k), random.getstate(), np.random.get_state()[1].tolist()
    random.seed(1)
    np.random.seed(1)
    assert (survivors(rows, k), random.getstate(), np.random.get_state()[1].tolist()) == before


def test_crowding_is_infinite_at_the_ends_and_the_mean_gap_between():
    assert crowding([[0, 4], [1, 2], [4, 0]]) == [float("inf"), 1.0, float("inf")]


def test_the_splitting_front_keeps_its_ends_and_what_is_least_crowded():
    front = [[0, 10], [1, 9], [2, 8], [6, 4], [10, 0]]
    assert sorted(survivors(front, 3)) == [0, 3, 4]


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
    assert survivors(rows, k) == kept


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("ask", [ranks, crowding, lambda rows: survivors(rows, 1)])
def test_refuses_a_value_that_is_not_finite(bad, ask):
    with pytest.raises(ValueError, match=r"row 1 .* must be finite"):
        ask([[1.0, 2.0], [bad, 1.0]])


def test_refuses_a_flat_list():
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        ranks([1.0, 2.0, 3.0])
