"""The standard kernels as one picture: all tiles in one array of pixels, with texts drawn over it."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np

from gi.kernels.mining.exhibits import Exhibit, Room
from gi.kernels.records import Floats

LEGEND = (
    "Large: the centre of a class, with its share of the kernels and the networks that have most of it. "
    "Small: the real kernels nearest to it. Red is positive, blue negative, each kernel on its own scale."
)
_COLUMNS = 4
_MARGIN, _TITLE, _HEADING = 16, 56, 30  # in pixels, like the following
_CELL_WIDTH, _CELL_HEIGHT = 262, 86
_CENTRE, _SMALL, _GAP = 66, 27, 6
_LONGEST_NAME = 26
_DPI = 100
_POINTS = 72 / _DPI


@dataclass(frozen=True, slots=True)
class _Text:
    left: int
    top: int
    text: str
    size: int = 9
    weight: str = "normal"
    colour: str = "#444444"


def poster(rooms: Sequence[Room], title: str) -> bytes:
    """The rooms as the bytes of a PNG file."""
    rows = [-(-len(room.exhibits) // _COLUMNS) for room in rooms]
    height = _TITLE + sum(_HEADING + count * _CELL_HEIGHT for count in rows) + _MARGIN
    canvas = np.ones((height, 2 * _MARGIN + _COLUMNS * _CELL_WIDTH, 3), np.float32)
    texts = [_Text(_MARGIN, 8, title, 14, "bold", "black"), _Text(_MARGIN, 32, LEGEND)]
    top = _TITLE
    for room, count in zip(rooms, rows, strict=True):
        texts.append(_Text(_MARGIN, top + 4, room.heading, 12, "bold", "black"))
        for n, exhibit in enumerate(room.exhibits):
            row, column = divmod(n, _COLUMNS)
            place = (_MARGIN + column * _CELL_WIDTH, top + _HEADING + row * _CELL_HEIGHT)
            texts += _hung(canvas, exhibit, *place)
        top += _HEADING + count * _CELL_HEIGHT
    return _rendered(canvas, texts)


def tile(kernel: Floats) -> Floats:
    """(h, w, 3) colours of 0..1: red for positive, blue for negative values, white for zero."""
    level = np.clip(kernel / max(float(np.abs(kernel).max()), 1e-9), -1, 1)
    return np.stack([1 - np.maximum(-level, 0), 1 - np.abs(level), 1 - np.maximum(level, 0)], axis=-1)


def _hung(canvas: Floats, exhibit: Exhibit, left: int, top: int) -> Iterator[_Text]:
    """Draws one class, and yields its texts."""
    _paste(canvas, exhibit.centre, left, top, _CENTRE)
    right = left + _CENTRE + _GAP
    for n, kernel in enumerate(exhibit.nearest):
        _paste(canvas, kernel, right + n * (_SMALL + _GAP), top + _CENTRE - _SMALL, _SMALL)
    yield _Text(right, top - 2, f"class {exhibit.number}, {exhibit.share:.1%}", 10, "bold", "black")
    for n, (name, share) in enumerate(exhibit.networks[:2]):
        yield _Text(right, top + 11 + 12 * n, f"{_shortened(name)} {share:.0%}")


def _paste(canvas: Floats, kernel: Floats, left: int, top: int, side: int) -> None:
    """Draws a kernel into a square of `side`, keeping its proportions, with a frame."""
    height, width = (max(1, round(side * size / max(kernel.shape))) for size in kernel.shape)
    rows, columns = (np.arange(size) * of // size for size, of in zip((height, width), kernel.shape, strict=True))
    canvas[top - 1 : top + height + 1, left - 1 : left + width + 1] = 0.6
    canvas[top : top + height, left : left + width] = tile(kernel)[rows[:, None], columns]


def _shortened(name: str) -> str:
    stem = PurePath(name).name.removesuffix(".onnx")
    return stem if len(stem) <= _LONGEST_NAME else f"{stem[: _LONGEST_NAME - 1]}…"


def _rendered(canvas: Floats, texts: Sequence[_Text]) -> bytes:
    from matplotlib.figure import Figure

    height, width = canvas.shape[:2]
    figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI)
    figure.figimage(canvas)
    for each in texts:
        figure.text(
            each.left / width, 1 - each.top / height, each.text, fontsize=each.size * _POINTS, weight=each.weight,
            color=each.colour, va="top", parse_math=False,  # a "$" in a file name must not start a formula
        )  # fmt: skip
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
