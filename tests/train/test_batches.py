"""Batches gathered ahead are the batches gathered one by one."""

import pytest
import torch

from gi.train.batches import Batches
from gi.train.loop import batch_order


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(("size", "steps"), [(64, 40), (1100, 3), (7, 1)])
def test_gathering_ahead_changes_no_value_and_no_order(digits, layout, size, steps):
    batches = Batches(digits, "train", "cpu")
    order = batch_order(batches.num_samples, size, steps, 1)
    ahead = list(batches.each(order, None, layout))
    assert len(ahead) == steps
    for (images, labels), chosen in zip(ahead, order, strict=True):
        alone, same = batches.take(chosen)
        assert torch.equal(images, alone)
        assert torch.equal(labels, same)
        assert images.is_contiguous(memory_format=layout)


def test_an_augmentation_gets_one_batch_after_the_other(digits):
    batches, seen = Batches(digits, "train", "cpu"), []

    def augmentation(images):
        seen.append(len(images))
        return images

    order = batch_order(batches.num_samples, 64, 5, 1)
    for number, _ in enumerate(batches.each(order, augmentation, torch.contiguous_format), start=1):
        assert seen == [64] * number


def test_no_row_is_no_batch(digits):
    batches = Batches(digits, "train", "cpu")
    assert not list(batches.each(batch_order(batches.num_samples, 64, 5, 1)[5:], None, torch.contiguous_format))
