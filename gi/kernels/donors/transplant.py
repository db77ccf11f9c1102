"""Which of a donor's channels go where in a target, and the pieces of weight that follow from it. No torch."""

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
    """One donor's part of the target: for each layer's number the donor channel of each target channel, -1 for none."""

    match: Match
    channels: dict[int, Ints]


@dataclass(frozen=True, eq=False)
class LayerPiece:
    """One donor's piece of one target layer: `rows` x `columns` of its weight are `donor_rows` x `donor_columns`.

    `dropped` says whether the donor's layer has input channels that found no place.
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
        """Whether the donor's layer had inputs that did not come along."""
        return not self.layer.depthwise and len(self.columns) < self.layer.num_inputs

    def weight(self, size: tuple[int, int]) -> Floats:
        """(rows, columns, *size): the donor's kernels, in the middle of larger ones where need be."""
        chosen = self.layer.weight[self.donor_rows]
        taken = chosen if self.layer.depthwise else chosen[:, self.donor_columns]
        margins = [(0, 0), (0, 0), *(((s - k) // 2,) * 2 for s, k in zip(size, taken.shape[2:], strict=True))]
        return np.asarray(np.pad(taken, margins), dtype=np.float32)


def adapted(match: Match, image_channels: int) -> Match:
    """The match with every stand-in that reads the image made to read as many channels as the target's image has.

    Grey takes the sum over the donor's channels, colour an equal part of each of the donor's grey.
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
    """Divides the target's channels among the donors of `matches` and chooses which of theirs come along.

    One donor fills a target that is not wider; of a wider one each donor fills a part, connected in itself, and where
    the donors do not reach they are taken again. `activity` has, for each match, the deviation of each output channel
    by number, where it was measured.
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
    """How many donors of the widths of this match the target takes, by the layer that is widest beside its own."""
    ratios = [target.layers[number - 1].width / layer.width for number, layer in match.layers.items()]
    return min(MOST_SHARES, max(map(ceil, ratios)))


def _width(target: Target, number: int) -> int:
    return target.layers[number - 1].width


def most_important(
    target: Target, match: Match, sizes: Mapping[int, int], activity: Mapping[int, Floats]
) -> dict[int, Ints]:
    """The donor's channels to keep in each layer, ascending; `sizes` says how many by tie group.

    From the last layer to the first, so that a channel counts by what the channels kept after it read from it: its
    deviation times the norm of the weights that read it.
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
    # Where nothing that is kept reads a layer, all of its readers in the donor count.
    readers = inside or [(reader, None) for reader in match.donor.consumers(layer.id)]
    squares = np.zeros(layer.width, np.float32)
    for reader, rows in readers:
        if not reader.depthwise:
            squares += _read_squares(reader, rows, layer)
    reading = np.sqrt(squares) if squares.any() else np.ones(layer.width)
    # What was not measured is taken to deviate as its weights' norm.
    deviation = activity.get(number)
    return np.asarray(reading * (np.linalg.norm(layer.weight.reshape(layer.width, -1), axis=1)
                                 if deviation is None else deviation))  # fmt: skip


def _read_squares(reader: DonorLayer, rows: Ints | None, layer: DonorLayer) -> Floats:
    """The squared norm of what `reader` reads from each output channel of `layer`."""
    weight = reader.weight if rows is None else reader.weight[rows]
    columns = reader.inputs_from(layer.id, np.arange(layer.width))
    squares = np.zeros(layer.width, np.float32)
    here = (columns >= 0) & (columns < weight.shape[1])
    squares[here] = (weight[:, columns[here]] ** 2).sum(axis=(0, 2, 3))
    return squares


def blocks(target: Target, share: Share) -> list[LayerPiece]:
    """The pieces of weight that a share puts into the target, in the order of its layers."""
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
    """For each input channel of a target layer the input channel of its stand-in that it is, -1 for none."""
    arrives = np.full(layer.source_layers.shape[1], -1, np.int64)
    for numbers, channels in zip(layer.source_layers, layer.source_channels, strict=True):
        for number in np.unique(numbers):
            # Of a sum, the first source wins: one input channel of the stand-in goes to each of the
            # target's.
            here = np.flatnonzero((numbers == number) & (arrives < 0))
            if number == IMAGE_NUMBER:
                arrives[here] = stand_in.inputs_from(IMAGE, channels[here])
            elif number in share.channels:
                theirs = share.channels[int(number)][channels[here]]
                arrives[here] = stand_in.inputs_from(share.match.layers[int(number)].id, theirs)
    return arrives
