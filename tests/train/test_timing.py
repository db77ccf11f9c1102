"""The time ratio by stand-ins for processes whose costs are known: no clock."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gi.train.timed_batches import FEWEST_WINDOWS, TimedBatches
from gi.train.timing import timed

SIZE = 4
TALK_S = 1e-4


class Process:
    """Answers at a known price: so much for a batch, and for the talk about it; sometimes the machine adds to it."""

    def __init__(self, batch_s, slow=(), times=()):
        self._batch_s, self._slow, self._spent_s, self.asked = batch_s, slow, 1.0, []
        self._times = iter(times)

    def outputs(self, images, *, idle=False):
        self.asked.append((len(images) // SIZE, idle))
        price_s = TALK_S + (0.0 if idle else len(images) // SIZE * self._batch_s)
        self._spent_s += price_s * (3 if len(self.asked) in self._slow else next(self._times, 1))
        return np.zeros((len(images), 2))

    def spent_s(self):
        return self._spent_s


def measured(batch_s, reference_s=1e-3, *, validation=400, there=(), **how):
    pixels = {"train": np.zeros((80, 1, 2, 2), np.uint8), "validation": np.zeros((validation, 1, 2, 2), np.uint8)}
    program, reference = Process(batch_s, **how), Process(reference_s, times=there)
    found = timed(program, reference, TimedBatches(pixels, SIZE), lambda each: each, most_at_once=20)
    return SimpleNamespace(found=found, program=program, reference=reference)


@pytest.mark.parametrize("batch_s", [1e-5, 1e-4, 1e-3, 1e-2])
def test_what_both_use_beside_their_networks_is_taken_off(batch_s):
    assert measured(batch_s).found.ratio == pytest.approx(batch_s / 1e-3, rel=1e-6)


def test_what_a_busy_machine_adds_to_some_windows_does_not_count():
    assert measured(1e-3, slow=range(2, 12)).found.ratio == pytest.approx(1, rel=1e-6)


def test_small_networks_are_shown_many_batches_at_once_and_large_ones_few():
    small, large = measured(1e-5), measured(1.0)
    assert small.found.at_once == 6
    assert large.found.at_once == 1
    assert len(large.program.asked) == 6, "the first, and five that count"


def test_a_program_that_seems_slow_at_first_is_shown_as_many_at_once_as_any_other():
    assert measured(1e-5, slow=range(1, 6)).found.at_once == 6


@given(st.lists(st.tuples(st.sampled_from([1, 9, 12, 14, 30]), st.integers(1, 25)), max_size=6))
@example([(14, 35), (12, 1), (14, 19), (1, 1)])
def test_however_busy_the_machine_is_there_is_a_time(spells):
    times = [slower for slower, windows in spells for _ in range(windows)]
    found = measured(1e-5, validation=78 * SIZE, times=times, there=(30, 30)).found
    assert found.ratio > 0
    assert len(found.answers) > FEWEST_WINDOWS


def test_only_the_reference_network_is_asked_idle_questions():
    found = measured(1e-4)
    assert not any(idle for _, idle in found.program.asked)
    assert sum(idle for _, idle in found.reference.asked) >= 10


def test_every_answer_is_kept_for_the_comparison():
    found = measured(1e-4)
    assert len(found.found.answers) == len(found.program.asked)


def test_a_network_that_does_nothing_takes_what_can_be_told_from_nothing():
    """A quarter of the talk about a window of 6 batches."""
    assert measured(0.0).found.ratio == pytest.approx(TALK_S / 4 / 6 / 1e-3)


def test_noise_of_what_is_taken_off_makes_no_network_a_thousand_times_faster():
    """A process that talks a little faster than the one in which talk is measured."""
    honest, lucky = measured(2e-6), measured(2e-6, times=[0.6] * 80)
    assert lucky.found.ratio == pytest.approx(honest.found.ratio, rel=0.5)
