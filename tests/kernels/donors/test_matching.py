import numpy as np
import torch
from torch import nn

from gi.kernels.donors.matching import embeds, matches
from gi.kernels.donors.transplant import adapted, blocks, most_important, shares
from gi.kernels.seed.trace import traced
from tests.kernels.donor_nets import donor, stack

IMAGES = torch.randn(4, 3, 16, 16)


def target(*widths, **options):
    return traced(stack(*widths, **options), IMAGES)


def test_takes_the_donor_whose_chain_covers_the_target():
    short, long = donor("short", stack(8)), donor("long", stack(8, 8, 8), first_id=100)
    found = matches(target(4, 4, 4), [short, long])
    assert [match.donor.name for match in found] == ["long", "short"]
    assert sorted(found[0].layers) == [1, 2, 3]


def test_stops_the_chain_where_a_kernel_size_differs():
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 1), nn.ReLU(), nn.Conv2d(8, 8, 3))
    found = matches(target(4, 4, 4), [donor("mixed", net)])
    assert sorted(found[0].layers) == [1]


def test_finds_nothing_in_a_donor_that_does_not_start_at_the_image():
    inner = donor("inner", stack(8, 8))
    cut = type(inner)("cut", inner.layers[1:])
    assert matches(target(4, 4), [cut]) == []


def test_a_small_kernel_stands_in_the_middle_of_a_larger_one():
    assert embeds((3, 3), (5, 5))
    assert not embeds((1, 1), (3, 3))
    assert not embeds((4, 4), (5, 5))
    found = matches(target(4, kernel=5), [donor("small", stack(8))])
    part = blocks(target(4, kernel=5), shares(target(4, kernel=5), found, [{}])[0])[0]
    weight = part.weight((5, 5))
    assert weight.shape == (4, 3, 5, 5)
    assert not weight[:, :, 0].any()
    np.testing.assert_array_equal(weight[:, :, 1:4, 1:4], found[0].layers[1].weight[part.donor_rows])


def test_grey_takes_the_sum_of_a_colour_donors_filters():
    grey = traced(stack(4, image=1), IMAGES[:, :1])
    match = adapted(matches(grey, [donor("colour", stack(8))])[0], 1)
    original = donor("colour", stack(8))
    assert match.layers[1].weight.shape == (8, 1, 3, 3)
    assert original.layers[0].weight.shape == (8, 3, 3, 3)


def test_what_reads_sixteen_channels_has_not_seen_images():
    events = donor("events", stack(8, 8, image=16))
    assert matches(target(4, 4), [events]) == []
    sixteen = traced(stack(4, 4, image=16), torch.randn(2, 16, 16, 16))
    assert len(matches(sixteen, [events])) == 1


def test_keeps_the_channels_that_the_kept_ones_read_most():
    net = stack(6, 4)
    with torch.no_grad():
        net[3].weight[:, [1, 4]] *= 100
    found = matches(target(2, 2), [donor("d", net)])[0]
    ones = {1: np.ones(6, np.float32), 2: np.ones(4, np.float32)}
    assert most_important(target(2, 2), found, {1: 2, 2: 2}, ones)[1].tolist() == [1, 4]


def test_a_wider_target_takes_each_donor_in_a_block_of_its_own():
    wide = target(16, 16)
    found = matches(wide, [donor("a", stack(8, 8)), donor("b", stack(8, 8), first_id=50)])
    parts = shares(wide, found, [{}, {}])
    assert [part.match.donor.name for part in parts] == ["a", "b"]
    rows = [blocks(wide, part)[1] for part in parts]
    assert rows[0].rows.tolist() == rows[0].columns.tolist() == list(range(8))
    assert rows[1].rows.tolist() == rows[1].columns.tolist() == list(range(8, 16))


def test_a_single_donor_is_taken_twice_where_the_target_is_wider():
    wide = target(12, 12)
    parts = shares(wide, matches(wide, [donor("a", stack(6, 6))]), [{}])
    assert [part.match.donor.name for part in parts] == ["a", "a"]


class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, padding=1)
        self.inner = nn.Conv2d(width, width, 3, padding=1)
        self.last = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x):
        x = self.stem(x).relu()
        x = x + self.inner(x)
        return self.last(x)


def test_layers_whose_outputs_are_added_are_tied():
    found = traced(Residual(4), IMAGES)
    assert found.ties == {1: 1, 2: 1, 3: 3}
    assert found.layers[2].sources == (1, 2)


class Shuffle(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 6, 1), nn.Conv2d(6, 2, 1)

    def forward(self, x):
        x = self.first(x)
        return self.second(x.view(len(x), 2, 3, 16, 16).transpose(1, 2).reshape(len(x), 6, 16, 16))


def test_a_channel_shuffle_is_followed():
    assert traced(Shuffle(), IMAGES).layers[1].source_channels.tolist() == [[0, 3, 1, 4, 2, 5]]


def test_a_network_without_convolutions_has_no_match():
    dense = traced(nn.Sequential(nn.Flatten(), nn.Linear(768, 4)), IMAGES)
    assert dense.layers == ()
    assert matches(dense, [donor("a", stack(4))]) == []
