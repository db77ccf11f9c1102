"""Encodes pairs of input channel and producing channel as few segments."""

import numpy as np

from gi.kernels.channels.producers import THROUGH, ranks
from gi.kernels.records import Ints, Segment


def segments(layer: int, rows: Ints, numbers: Ints, firsts: Ints, layers: Ints) -> list[Segment]:
    """The segments of `layer`, whose input channels `rows` are fed by the channels `numbers`.

    `firsts` are the numbers of the first channels of the layers `layers`, ascending.
    """
    through, numbers = numbers // THROUGH, numbers % THROUGH
    source = np.searchsorted(firsts, numbers, side="right") - 1
    channel = numbers - firsts[source]
    pieces: list[Segment] = []
    keys = source * 2 + through
    for key in np.unique(keys):
        ours = keys == key
        pieces += _of_one_source(layer, int(layers[key // 2]), rows[ours], channel[ours], through=bool(key % 2))
    return pieces


def _of_one_source(layer: int, source: int, rows: Ints, channels: Ints, *, through: bool) -> list[Segment]:
    rank = ranks(rows)
    return [
        Segment(layer, start, length, step, source, source_start, stride, through)
        for nth in range(int(rank.max()) + 1)
        for start, length, step, source_start, stride in _shortest(rows[rank == nth], channels[rank == nth])
    ]


Run = tuple[int, int, int, int, int]


def _shortest(rows: Ints, channels: Ints) -> list[Run]:
    """Runs of (row, channel) pairs in order of rows or of channels, whichever gives fewer, as for a channel shuffle."""
    by_row = _runs(rows, channels)
    if len(by_row) <= 1:
        return by_row
    order = np.lexsort((rows, channels))
    by_channel = _runs(rows[order], channels[order])
    return by_channel if len(by_channel) < len(by_row) else by_row


def _runs(rows: Ints, channels: Ints) -> list[Run]:
    """Maximal runs with constant steps of row and channel."""
    steps = list(zip(np.diff(rows).tolist(), np.diff(channels).tolist(), strict=True))
    starts = list(zip(rows.tolist(), channels.tolist(), strict=True))
    runs: list[Run] = []
    at = 0
    while at < len(starts):
        end = at
        while end < len(steps) and steps[end] == steps[at] and steps[at][0] > 0:  # ordered by channel, rows may fall
            end += 1
        step, stride = steps[at] if end > at else (1, 1)
        runs.append((starts[at][0], end - at + 1, step, starts[at][1], stride))
        at = end + 1
    return runs
