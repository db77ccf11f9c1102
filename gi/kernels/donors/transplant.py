"""Assigns donor channels to target channels, and cuts the weights accordingly. No torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from gi.kernels.donors.donors import IMAGE, DonorLayer, Floats, Ints, Link
from gi.kernels.donors.matching import Match
from gi.kernels.donors.target import IMAGE_NUMBER, Target, TargetLayer

MOST_SHARES = 8  # parts of a target that is wider than its donors


@dataclass(frozen=True, eq=False)
class Share:
    """One donor's part of the target: by layer number, the donor channel of each target channel, -1 for none."""

    match: Match
    channels: dict[int, Ints]


@dataclass(frozen=True, eq=False)
class LayerPiece:
    """One donor's piece of one target layer: `rows` x `columns` of its weight are `donor_rows` x `donor_columns`.

    `dropped` is whether the donor's layer has input channels without a place in the target.
    """

    number: int
    donor: str
    layer: DonorLayer
    rows: Ints
    columns: Ints
    donor_rows: Ints
    donor_columns: Ints

    @property
    def dropped(self) -> bool:
        """Whether some input channels of the donor's layer were not transplanted."""
        return not self.layer.depthwise and len(self.columns) < self.layer.num_inputs

    def weight(self, size: tuple[int, int]) -> Floats:
        """(rows, columns, *size): the donor's kernels, zero-padded to `size`."""
        chosen = self.layer.weight[self.donor_rows]
        taken = chosen if self.layer.depthwise else chosen[:, self.donor_columns]
        margins = [(0, 0), (0, 0), *(((s - k) // 2,) * 2 for s, k in zip(size, taken.shape[2:], strict=True))]
        return np.asarray(np.pad(taken, margins), dtype=np.float32)


def adapted(match: Match, image_channels: int) -> Match:
    """The match with stand-ins that read the image adapted to the target's number of image channels.

    A grey image gets the sum over the donor's channels, each channel of a colour image an equal part of it.
    """
    layers = {number: _reading(layer, image_channels) for number, layer in match.layers.items()}
    return replace(match, layers=layers)


def _reading(layer: DonorLayer, channels: int) -> DonorLayer:
    if layer.sources != {IMAGE} or layer.num_inputs == channels or layer.groups > 1:
        return layer
    total = layer.weight.sum(axis=1, keepdims=True)
    weight = np.repeat(total / channels, channels, axis=1)
    return replace(layer, weight=weight.astype(np.float32), links=(Link(0, channels, IMAGE),))


def shares(target: Target, matches: Sequence[Match], activity: Sequence[Mapping[int, Floats]]) -> list[Share]:
    """Divides the target's channels among the donors of `matches`, and chooses the donors' channels.

    One donor fills a target that is not wider; in a wider one each donor fills a connected part, and donors are reused
    if there are more parts. `activity` has, for each match, the deviations of output channels by layer number, where
    measured.
    """
    parts = num_parts(target, matches[0])
    places = {root: np.array_split(np.arange(_width(target, root)), parts) for root in set(target.ties.values())}
    portions = []
    for n in range(parts):
        match, deviation = matches[n % len(matches)], activity[n % len(matches)]
        sizes = {root: len(split[n]) for root, split in places.items()}
        chosen = most_important(target, match, sizes, deviation)
        channels = {}
        for number, kept in chosen.items():
            filled = np.full(target.layers[number - 1].width, -1, np.int64)
            filled[places[target.ties[number]][n][: len(kept)]] = kept
            channels[number] = filled
        portions.append(Share(match, channels))
    return portions


def num_parts(target: Target, match: Match) -> int:
    """The number of donors with the widths of this match that the target takes, by the largest ratio of widths."""
    ratios = [target.layers[number - 1].width / layer.width for number, layer in match.layers.items()]
    return min(MOST_SHARES, max(map(ceil, ratios)))


def _width(target: Target, number: int) -> int:
    return target.layers[number - 1].width


def most_important(
    target: Target, match: Match, sizes: Mapping[int, int], activity: Mapping[int, Floats]
) -> dict[int, Ints]:
    """The donor's channels to keep in each layer, ascending; `sizes` has their number by tie group.

    From the last layer to the first, so that a channel is weighted by the kept channels that read it: its deviation
    times the norm of the weights that read it.
    """
    kept: dict[int, Ints] = {}
    groups: dict[int, list[int]] = {}
    for number in match.layers:
        groups.setdefault(target.ties[number], []).append(number)
    for root in sorted(groups, reverse=True):
        worth = sum(_worth(target, match, number, kept, activity) for number in groups[root])
        best = np.sort(np.argsort(-np.asarray(worth), kind="stable")[: sizes[root]])
        kept.update(dict.fromkeys(groups[root], best))
    return kept


def _worth(
    target: Target, match: Match, number: int, kept: Mapping[int, Ints], activity: Mapping[int, Floats]
) -> Floats:
    layer = match.layers[number]
    inside = [(match.layers[c.number], kept.get(c.number)) for c in target.consumers(number) if c.number in kept]
    # If no kept layer reads it, all its readers in the donor count.
    readers = inside or [(reader, None) for reader in match.donor.consumers(layer.id)]
    squares = np.zeros(layer.width, np.float32)
    for reader, rows in readers:
        if not reader.depthwise:
            squares += _read_squares(reader, rows, layer)
    reading = np.sqrt(squares) if squares.any() else np.ones(layer.width)
    # Without a measurement, the norm of the channel's weights is used.
    deviation = activity.get(number)
    return np.asarray(reading * (np.linalg.norm(layer.weight.reshape(layer.width, -1), axis=1)
                                 if deviation is None else deviation))  # fmt: skip


def _read_squares(reader: DonorLayer, rows: Ints | None, layer: DonorLayer) -> Floats:
    """The squared norm of the weights with which `reader` reads each output channel of `layer`, (out,)."""
    weight = reader.weight if rows is None else reader.weight[rows]
    columns = reader.inputs_from(layer.id, np.arange(layer.width))
    squares = np.zeros(layer.width, np.float32)
    here = (columns >= 0) & (columns < weight.shape[1])
    squares[here] = (weight[:, columns[here]] ** 2).sum(axis=(0, 2, 3))
    return squares


def blocks(target: Target, share: Share) -> list[LayerPiece]:
    """The weight pieces of a share, in the order of the target's layers."""
    pieces = []
    for layer in target.layers:
        if layer.number in share.match.layers:
            donor_layer, channels = share.match.layers[layer.number], share.channels[layer.number]
            rows = np.flatnonzero(channels >= 0)
            arrives = _arriving(layer, donor_layer, share)
            columns = np.flatnonzero(arrives >= 0)
            name = share.match.donor.name
            pieces.append(LayerPiece(layer.number, name, donor_layer, rows, columns, channels[rows], arrives[columns]))
    return pieces


def _arriving(layer: TargetLayer, stand_in: DonorLayer, share: Share) -> Ints:
    """For each input channel of a target layer the matching input channel of its stand-in, -1 for none."""
    arrives = np.full(layer.source_layers.shape[1], -1, np.int64)
    for numbers, channels in zip(layer.source_layers, layer.source_channels, strict=True):
        for number in np.unique(numbers):
            # The first source of a sum wins: each input channel of the target takes one of the
            # stand-in's.
            here = np.flatnonzero((numbers == number) & (arrives < 0))
            if number == IMAGE_NUMBER:
                arrives[here] = stand_in.inputs_from(IMAGE, channels[here])
            elif number in share.channels:
                theirs = share.channels[int(number)][channels[here]]
                arrives[here] = stand_in.inputs_from(share.match.layers[int(number)].id, theirs)
    return arrives
