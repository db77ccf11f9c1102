"""Labels of points in a plot, placed where they cover neither each other nor a point."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

_SIDES = (("left", "bottom"), ("right", "top"), ("left", "top"), ("right", "bottom"))
_DISTANCES = (6, 14, 24)  # points between a label and its point; a farther one has a line to it
_LINED = 14


def place_labels(axes: "Axes", labels: Sequence[tuple[str, tuple[float, float]]], *, color: str) -> list[str]:
    """Draws each text beside its point (x, y), in this order; returns the texts that fitted.

    A label lies within the axes and covers neither another label nor a labelled point. The figure must have been laid
    out; labels do not change its layout.
    """
    taken = [_around(axes, point) for _, point in labels]
    placed = []
    for text, point in labels:
        for annotation in _tries(axes, text, point, color):
            box = annotation.get_window_extent()
            inside = axes.bbox.containsx(box.x0) and axes.bbox.containsx(box.x1)
            inside = inside and axes.bbox.containsy(box.y0) and axes.bbox.containsy(box.y1)
            if inside and not any(box.overlaps(other) for other in taken):
                taken.append(box)
                placed.append(text)
                break
            annotation.remove()
    return placed


def _tries(axes: "Axes", text: str, point: tuple[float, float], color: str) -> Iterator["Annotation"]:
    for distance in _DISTANCES:
        for horizontal, vertical in _SIDES:
            right, up = 1 if horizontal == "left" else -1, 1 if vertical == "bottom" else -1
            arrow = {"arrowstyle": "-", "color": color, "lw": 0.6, "shrinkB": 4} if distance >= _LINED else None
            annotation = axes.annotate(
                text, point, xytext=(right * distance, up * distance), textcoords="offset points", ha=horizontal,
                va=vertical, fontsize=8, family="monospace", color=color, arrowprops=arrow, parse_math=False,
            )  # fmt: skip
            annotation.set_in_layout(False)  # else the axes would shrink to make room for it
            yield annotation


def _around(axes: "Axes", point: tuple[float, float]) -> "Bbox":
    """The square in display coordinates around a point's mark."""
    from matplotlib.transforms import Bbox

    x, y = axes.transData.transform(point)
    half = 4 * axes.figure.dpi / 72
    return Bbox.from_extents(x - half, y - half, x + half, y + half)
