import itertools
import random

import matplotlib
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from gi.core.objectives import OBJECTIVES
from gi.report.labels import place_labels
from gi.report.plot import PlotPoint, _generation_colours, _zero_at, draw_front


def points(count, *, zero=False, seed=0):
    rng = random.Random(seed)
    made = [
        PlotPoint(f"{n:016x}", n // 8, 10 ** rng.uniform(-2, -0.3), 10 ** rng.uniform(2, 5), n % 9 == 0)
        for n in range(count)
    ]
    return [*made, PlotPoint("f" * 16, 3, 0.0, 60_000.0, True)] if zero else made


def drawn(tmp_path, made, name="front.svg"):
    draw_front([(OBJECTIVES["params"], made)], tmp_path / name, title="digits")
    return (tmp_path / name).read_bytes()


def test_no_error_at_all_has_a_place_of_its_own_below_the_least_one(tmp_path):
    text = drawn(tmp_path, points(60, zero=True)).decode()
    assert ">0%<" in text
    assert ">0%<" not in drawn(tmp_path, points(60)).decode()
    assert _zero_at(points(60, zero=True)) < min(p.error for p in points(60))


def test_an_svg_has_its_texts_as_texts_and_is_the_same_each_time(tmp_path):
    first = drawn(tmp_path, points(60))
    assert b"Pareto front of all objectives" in first
    assert drawn(tmp_path, points(60), "again.svg") == first


@pytest.mark.parametrize(
    "made", [points(1), points(1, zero=True), [PlotPoint("a" * 16, 0, 0.0, 10.0, True)], points(400)]
)
def test_any_front_can_be_drawn(tmp_path, made):
    assert drawn(tmp_path, made, "front.png").startswith(b"\x89PNG")


def luminance(colour):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    return sum(share * c for share, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_every_generation_is_seen_on_white_and_told_apart_by_lightness():
    shades = [luminance(_generation_colours()(step / 10)) for step in range(11)]
    assert all(1.05 / (shade + 0.05) >= 2.9 for shade in shades)
    assert shades == sorted(shades, reverse=True)


@pytest.mark.parametrize("close", [1.0, 0.1, 0.01])
def test_labels_cover_neither_each_other_nor_a_point(close):
    figure = Figure(figsize=(6, 5))
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    rng = random.Random(1)
    labels = [(f"{n:08x}", (0.5 + close * (rng.random() - 0.5), 0.5 + close * (rng.random() - 0.5))) for n in range(12)]
    placed = place_labels(axes, labels, color="black")
    boxes = [text.get_window_extent() for text in axes.texts]
    assert [text.get_text() for text in axes.texts] == placed
    assert placed[0] == labels[0][0], "the first one has the first choice"
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    spots = [axes.transData.transform(point) for _, point in labels]
    assert not any(box.contains(*spot) for box in boxes for spot in spots)


def test_drawing_leaves_the_settings_of_matplotlib_alone(tmp_path):
    before = dict(matplotlib.rcParams)
    drawn(tmp_path, points(9))
    assert dict(matplotlib.rcParams) == before
