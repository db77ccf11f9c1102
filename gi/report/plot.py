"""Plots of the front: error against parameters, and error against time."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gi.core.files import write_whole
from gi.core.objectives import OBJECTIVES, Objective
from gi.core.quoting import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.figure import Figure

_INK, _MUTED, _FRONT, _GRID = "#1c2733", "#5b6b7b", "#c8442c", "#e4e8ec"
_ERROR = OBJECTIVES["error"]


@dataclass(frozen=True, slots=True)
class PlotPoint:
    """One evaluated individual in a plot."""

    id: str
    generation: int
    error: float
    cost: float
    on_front: bool


def draw_front(
    panels: Sequence[tuple[Objective, Sequence[PlotPoint]]], path: Path, *, title: str, error_axis: str = _ERROR.axis
) -> None:
    """Writes a PNG with one panel of validation error against cost for each (objective, points).

    `error_axis` is the label of the error, which may be by another metric.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4 * len(panels), 5.0), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)  # without pyplot, which looks for a display and keeps global state
    figure.suptitle(shown(title), color=_INK, fontsize=13, x=0.01, ha="left", parse_math=False)  # a "$" is a "$"
    for number, (objective, points) in enumerate(panels, 1):
        axes = figure.add_subplot(1, len(panels), number)
        dots = _draw_panel(axes, objective, points)
        if number == 1:
            axes.set_ylabel(error_axis, color=_MUTED)
    _add_colorbar(figure, axes, dots)
    # A viewer that watches the file never reads half a picture.
    write_whole(path, lambda file: figure.savefig(file, format="png"))


def _draw_panel(axes: "Axes", objective: Objective, points: Sequence[PlotPoint]) -> "PathCollection":
    others, front = [p for p in points if not p.on_front], [p for p in points if p.on_front]
    # Errors and costs of a front span decades: on a linear axis the small networks lie on one line.
    axes.set_xscale("log")
    axes.set_yscale("log")
    dots = axes.scatter(
        [p.cost for p in others], [_seen(p.error) for p in others], c=[p.generation for p in others],
        cmap="viridis_r", s=14, alpha=0.55, lw=0,
    )  # fmt: skip
    stairs = _staircase(front)
    # Steps, not lines: between two members no network was found.
    axes.step([p.cost for p in stairs], [_seen(p.error) for p in stairs], where="post", color=_FRONT, lw=1.4, alpha=0.8)
    axes.scatter(
        [p.cost for p in front], [_seen(p.error) for p in front], s=46, color=_FRONT, edgecolors="white", lw=0.8,
        zorder=3, label="Pareto front of all objectives",
    )  # fmt: skip
    _label(axes, stairs)
    _dress(axes, objective)
    return dots


def _add_colorbar(figure: "Figure", axes: "Axes", dots: "PathCollection") -> None:
    """Adds the scale of generations; one generation alone has no range to show."""
    shades = dots.get_array()
    if shades is not None and len(shades) and shades.max() > shades.min():
        bar = figure.colorbar(dots, ax=axes, pad=0.01, aspect=40)
        bar.set_label("generation", color=_MUTED)
        bar.ax.tick_params(colors=_MUTED)


def _seen(error: float) -> float:
    """The error as a logarithmic axis can show it: none is drawn at a hundredth of a percent."""
    return max(error, _ERROR.least)


def _staircase(front: Sequence[PlotPoint]) -> list[PlotPoint]:
    """The front members that no other one beats in this panel's two figures, cheapest first."""
    kept: list[PlotPoint] = []
    # Dominated in these two figures it may be on the front all the same, by the third.
    for point in sorted(front, key=lambda p: (p.cost, p.error)):
        if not kept or point.error < kept[-1].error:
            kept.append(point)
    return kept


def _label(axes: "Axes", stairs: Sequence[PlotPoint]) -> None:
    """Labels both ends of the staircase with their ids."""
    for point, side in ((stairs[0], "left"), (stairs[-1], "right")) if stairs else ():
        axes.annotate(
            point.id[:8], (point.cost, _seen(point.error)), xytext=(0, -9), textcoords="offset points", ha=side,
            va="top", fontsize=8, family="monospace", color=_INK,
        )  # fmt: skip


def _dress(axes: "Axes", objective: Objective) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_xlabel(objective.axis, color=_MUTED)
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: _ERROR.tick_text(y)))
    axes.yaxis.set_minor_formatter(NullFormatter())
    if objective.figure != "count":  # counts span decades, ratios do not
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: objective.tick_text(x)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.margins(0.07, 0.12)
    axes.grid(True, which="major", color=_GRID, lw=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_MUTED)
    axes.tick_params(colors=_MUTED, which="both")
    axes.legend(loc="upper right", frameon=False, labelcolor=_INK)
