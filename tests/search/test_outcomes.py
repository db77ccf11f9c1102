"""Estimates of a resumed run are those of the run: what they rest on has no order."""

import random
import statistics

import pytest

from gi.search.outcomes import _RunningMean


def test_a_mean_is_the_same_in_whatever_order_its_numbers_came():
    rng = random.Random(1)
    numbers = [10 ** rng.uniform(-7, 3) for _ in range(1000)]
    found = set()
    for _ in range(5):
        mean = _RunningMean()
        rng.shuffle(numbers)
        for number in numbers:
            mean.add(number)
        found.add(mean.value)
    assert len(found) == 1
    assert found.pop() == pytest.approx(statistics.fmean(numbers), rel=1e-12)
