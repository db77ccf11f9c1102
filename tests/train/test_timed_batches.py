"""Each scored sample is shown once, what is timed is among it, and nothing is shown twice to be timed."""

import numpy as np
import pytest

from gi.train.timed_batches import FEWEST_WINDOWS, TimedBatches

SIZE = 4


def made(train=200, validation=83, test=None):
    """A data set whose every image says in its pixels which it is."""
    counts = {"train": train, "validation": validation} | ({"test": test} if test else {})
    pixels = {}
    for part, count in enumerate(counts.values()):
        numbers = np.arange(count, dtype=np.uint16)
        rows = np.stack([numbers // 256, numbers % 256, np.full(count, part * 2)], 1).astype(np.uint8)
        pixels[list(counts)[part]] = rows.reshape(count, 1, 1, 3)
    return TimedBatches(pixels, SIZE), pixels


def drawn(batches, at_once):
    windows = []
    while window := batches.draw(at_once):
        windows.append(window)
    return windows


@pytest.mark.parametrize("shape", [(200, 83, None), (200, 83, 41), (200, 7, None), (30, 9, 5), (3, 2, 1)])
@pytest.mark.parametrize("at_once", [1, 3])
def test_every_scored_sample_is_shown_once_and_in_its_place(shape, at_once):
    batches, pixels = made(*shape)
    timed = [batches.draw(at_once) for _ in range(3)]
    found = batches.places(1)
    for window in batches.scored_windows(timed, at_once):
        shown = batches.pixels(window)
        assert shown.shape == (len(window) * SIZE, 1, 1, 3), "a batch that is shorter would tell what it is for"
        for batch, part in zip(window, np.split(shown, len(window)), strict=True):
            if batch.split in found:
                assert not found[batch.split][batch.rows].any(), "once"
                found[batch.split][batch.rows] = 1
                assert np.array_equal(part[: len(batch.rows)], pixels[batch.split][batch.rows])
    assert all(each.all() for each in found.values())


def test_what_is_timed_is_scored_and_drawn_once():
    batches, _ = made(validation=400)
    windows = drawn(batches, 2)
    rows = np.concatenate([batch.rows for window in windows for batch in window])
    assert {batch.split for window in windows for batch in window} == {"validation"}
    assert len(set(rows.tolist())) == len(rows) == 400
    assert not {id(w) for w in windows} - {id(w) for w in batches.scored_windows(windows, 2)}


def test_too_few_scored_samples_are_joined_by_training_samples_that_cannot_be_told_from_them():
    batches, _ = made(train=200, validation=9)
    windows = drawn(batches, batches.most_at_once)
    assert len(windows) >= FEWEST_WINDOWS
    splits = [batch.split for window in windows for batch in window]
    assert set(splits) == {"train", "validation"}
    assert all(len(batch.rows) == SIZE for window in windows for batch in window)


def test_no_image_is_timed_twice_however_few_there_are():
    batches, _ = made(train=20, validation=9)
    shown = [batches.pixels(window).tobytes() for window in drawn(batches, 1)]
    assert len(shown) >= FEWEST_WINDOWS
    assert len(set(shown)) == len(shown)


def test_the_order_is_drawn_anew_each_time():
    orders = []
    for _ in range(2):
        batches, _ = made(validation=400)
        windows = drawn(batches, 1)
        orders.append([int(w[0].rows[0]) for w in windows])
        assert batches.scored_windows(windows, 1) != windows
    assert orders[0] != orders[1]
