from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gi.core.alignment import aligned_pairs


def equal(one, other):
    return float(one == other)


@pytest.mark.parametrize(
    ("ours", "theirs", "pairs"),
    [
        ("", "abc", []),
        ("abc", "abc", [(0, 0), (1, 1), (2, 2)]),
        ("abc", "axbc", [(0, 0), (1, 2), (2, 3)]),
        ("abc", "c", [(2, 0)]),
        ("ab", "ba", [(1, 0)]),  # one pair is the most
        ("a", "aa", [(0, 0)]),
        ("aa", "a", [(0, 0)]),
        ("ab", "xy", []),
    ],
)
def test_pairs_what_is_alike_in_the_order_of_both(ours, theirs, pairs):
    assert aligned_pairs(ours, theirs, equal) == pairs


@given(st.lists(st.lists(st.sampled_from([-1.0, 0.0, 0.25, 0.5, 1.0]), min_size=3, max_size=3), max_size=4))
def test_the_sum_is_the_largest_of_all_pairings(table):
    ours, theirs = range(len(table)), range(3)
    pairs = aligned_pairs(ours, theirs, lambda i, j: table[i][j])
    assert all(table[i][j] > 0 for i, j in pairs)
    assert all(a < c and b < d for (a, b), (c, d) in pairwise(pairs))
    best = max(
        sum(max(table[i][j], 0.0) for i, j in zip(some, others, strict=True))
        for size in range(min(len(table), 3) + 1)
        for some in combinations(ours, size)
        for others in combinations(theirs, size)
    )
    assert sum(table[i][j] for i, j in pairs) == pytest.approx(best)
