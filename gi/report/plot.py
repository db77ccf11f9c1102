"""Plots of the front: error against parameters, and error against time."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gi.core.files import write_whole
from gi.core.objectives import OBJECTIVES, Objective
from gi.core.quoting import shown
from gi.report.labels import place_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.colors import Colormap, Normalize
    from matplotlib.figure import Figure

_INK, _MUTED, _FRONT, _GRID = "#1c2733", "#5b6b7b", "#c8442c", "#e4e8ec"
_ERROR = OBJECTIVES["error"]
_LIGHTEST = 0.6  # of viridis, whose lightest colours vanish on white: contrast 3:1 there, 1.1:1 at its end
_BELOW = 2.0  # the least error divided by this is where a logarithmic axis shows an error of 0


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
    """Writes a picture with one panel of validation error against cost for each (objective, points).

    `path` ends in .png or .svg. `error_axis` is the label of the error, which may be by another metric.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4 * len(panels), 5.0), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)  # without pyplot, which looks for a display and keeps global state
    figure.suptitle(shown(title), color=_INK, fontsize=13, x=0.01, ha="left", parse_math=False)  # a "$" is a "$"
    # One scale for all panels: a generation has one colour.
    generations = [point.generation for _, points in panels for point in points]
    norm = Normalize(0, max(generations, default=0) or 1)
    drawn = []
    for number, (objective, points) in enumerate(panels, 1):
        axes = figure.add_subplot(1, len(panels), number)
        dots = _draw_panel(axes, objective, points, norm)
        drawn.append((axes, _staircase([p for p in points if p.on_front]), _zero_at(points)))
        if number == 1:
            axes.set_ylabel(error_axis, color=_MUTED)
    if max(generations, default=0):  # one generation alone has no range to show
        _add_colorbar(figure, axes, dots)
    # The positions of the axes are known only after layout.
    figure.draw_without_rendering()
    for axes, stairs, zero_at in drawn:
        ends = [*stairs[:1], *stairs[:0:-1]]  # the ends of the front get labels first
        place_labels(axes, [(p.id[:8], (p.cost, _seen(p.error, zero_at))) for p in ends], color=_INK)
    form = path.suffix.lower().lstrip(".")
    # Texts of an SVG stay texts, and the same front gives the same file.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "gi"}):
        metadata = {"Date": None} if form == "svg" else None
        # A viewer that watches the file never reads a partial picture.
        write_whole(path, lambda file: figure.savefig(file, format=form, metadata=metadata))


def _draw_panel(axes: "Axes", objective: Objective, points: Sequence[PlotPoint], norm: "Normalize") -> "PathCollection":
    others, front = [p for p in points if not p.on_front], [p for p in points if p.on_front]
    zero_at = _zero_at(points)
    # Errors and costs of a front span decades: on a linear axis the small networks lie on one line.
    axes.set_xscale("log")
    axes.set_yscale("log")
    dots = axes.scatter(
        [p.cost for p in others], [_seen(p.error, zero_at) for p in others], c=[p.generation for p in others],
        cmap=_generation_colours(), norm=norm, s=16, alpha=0.8, lw=0,
    )  # fmt: skip
    stairs = _staircase(front)
    # Steps, not lines: between two members no network was found.
    axes.step(
        [p.cost for p in stairs], [_seen(p.error, zero_at) for p in stairs], where="post", color=_FRONT, lw=1.4,
        alpha=0.8,
    )  # fmt: skip
    axes.scatter(
        [p.cost for p in front], [_seen(p.error, zero_at) for p in front], s=46, color=_FRONT, edgecolors="white",
        lw=0.8, zorder=3, label="Pareto front of all objectives",
    )  # fmt: skip
    _dress(axes, objective, points, zero_at)
    return dots


def _generation_colours() -> "Colormap":
    """A colour map with later generations darker, all dark enough on white; it works by lightness alone, too."""
    import matplotlib
    from matplotlib.colors import ListedColormap

    steps = 256
    viridis = matplotlib.colormaps["viridis"]
    return ListedColormap([viridis(_LIGHTEST * (1 - step / (steps - 1))) for step in range(steps)], "generations")


def _add_colorbar(figure: "Figure", axes: "Axes", dots: "PathCollection") -> None:
    """Adds the colour scale of generations, with integer ticks."""
    from matplotlib.ticker import MaxNLocator

    bar = figure.colorbar(dots, ax=axes, pad=0.01, aspect=40, ticks=MaxNLocator(integer=True))
    bar.set_label("generation", color=_MUTED)
    bar.ax.tick_params(colors=_MUTED)


def _zero_at(points: Sequence[PlotPoint]) -> float:
    """The position of an error of 0 on the logarithmic axis: below every other error, at a tick labelled 0%."""
    return min((p.error for p in points if p.error > 0), default=_ERROR.least) / _BELOW


def _seen(error: float, zero_at: float) -> float:
    return error if error > 0 else zero_at


def _staircase(front: Sequence[PlotPoint]) -> list[PlotPoint]:
    """The front members that no other one dominates in this panel's two figures, cheapest first."""
    kept: list[PlotPoint] = []
    # One that is dominated in these two figures may be on the front by a third objective.
    for point in sorted(front, key=lambda p: (p.cost, p.error)):
        if not kept or point.error < kept[-1].error:
            kept.append(point)
    return kept


def _dress(axes: "Axes", objective: Objective, points: Sequence[PlotPoint], zero_at: float) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    axes.set_xlabel(objective.axis, color=_MUTED)
    if objective.figure != "count":  # counts span decades, ratios do not
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: objective.tick_text(x)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.margins(0.07, 0.12)
    ticks = _error_ticks([p.error for p in points if p.error > 0])
    if any(p.error <= 0 for p in points):
        # A dashed line separates the position of 0 from the logarithmic scale above.
        axes.axhline(zero_at * _BELOW**0.5, color=_MUTED, lw=0.8, ls=(0, (4, 3)))
        ticks = [zero_at, *(tick for tick in ticks if tick > zero_at * _BELOW**0.5)]
    low, high = axes.get_ylim()
    axes.set_yticks(ticks, ["0%" if tick == zero_at else _ERROR.tick_text(tick) for tick in ticks])
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylim(low, high)
    axes.grid(True, which="major", color=_GRID, lw=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_MUTED)
    axes.tick_params(colors=_MUTED, which="both")
    # Above the axes: within them it would cover points.
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), frameon=False, labelcolor=_INK)


def _error_ticks(errors: Sequence[float]) -> list[float]:
    """1, 2 and 5 of each decade that the errors span, and one on either side."""
    from matplotlib.ticker import LogLocator

    if not errors:
        return [_ERROR.least]
    low, high = min(errors), max(errors)
    ticks = [float(tick) for tick in LogLocator(subs=(1.0, 2.0, 5.0)).tick_values(low, high)]
    return [tick for tick in ticks if low / 2 <= tick <= min(high * 2, 1.0)]
