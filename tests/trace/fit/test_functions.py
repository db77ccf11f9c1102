"""What a function needs its arguments to be, and where what does not fit is mended."""

import pytest
import torch
from torch import nn

from gi.trace.fit.data_flow import DataFlow
from gi.trace.fit.functions import function_misfits, made_to_fit
from gi.trace.fit.misfit import Misfit

IMAGE, FLAT, ODD = (3, 8, 14, 14), (3, 64), (3, 6, 5, 5)


FUNCTIONS = [
    ("view", IMAGE, (-1, 1568), {}, None),
    ("view", IMAGE, (-1, 7), {}, Misfit("view", value=(-1, 1568))),
    ("view", IMAGE, (3, 7), {}, Misfit("view", value=(-1, 1568))),
    ("reshape", IMAGE, ((-1, 7),), {}, Misfit("view", value=(-1, 1568))),
    ("view", IMAGE, (-1,), {}, None),
    ("view", IMAGE, (3, 8, 196), {}, None),
    ("view", IMAGE, (21, 7), {}, None),
    ("max_pool2d", IMAGE, (2,), {}, None),
    ("max_pool2d", FLAT, (2,), {}, Misfit("remove")),
    ("max_pool2d", ODD, (6,), {}, Misfit("argument", "ceil_mode", -1, True)),
    ("max_pool2d", ODD, (6,), {"ceil_mode": True}, None),
    ("max_pool2d", (3, 6, 1, 1), (2,), {}, Misfit("remove", "ceil_mode")),
    ("max_pool2d", ODD, (9, 2), {}, Misfit("remove")),
    ("max_pool2d", ODD, (6,), {"padding": 1}, None),
    ("avg_pool2d", FLAT, (), {"kernel_size": 2}, Misfit("remove")),
    ("adaptive_avg_pool2d", FLAT, (1,), {}, Misfit("remove")),
    ("adaptive_avg_pool2d", IMAGE, (1,), {}, None),
    ("dropout2d", FLAT, (), {}, None),
    ("relu", FLAT, (), {}, None),
]


@pytest.mark.parametrize(("name", "shape", "arguments", "settings", "expected"), FUNCTIONS)
def test_a_function_is_told_what_it_needs(name, shape, arguments, settings, expected):
    x = torch.empty(*shape, device="meta")
    assert function_misfits(name, (x, *arguments), settings, 3, DataFlow()) == ([expected] if expected else [])


WIDTHS = [
    ((3, 8, 14, 14), (3, 8, 14, 14), None),
    ((3, 8, 14, 14), (3, 1, 14, 14), None),
    ((3, 8, 14, 14), (3, 8, 1, 1), None),
    ((3, 8, 14, 14), (3, 16, 14, 14), ("project", "right", (16, 8, 1))),
    ((3, 8, 14, 14), (3, 16, 7, 7), ("project", "left", (8, 16, 2))),
    ((3, 16, 7, 7), (3, 8, 14, 14), ("project", "right", (8, 16, 2))),
    ((3, 8, 14, 14), (3, 8, 9, 9), ("resize", "left", (9, 9))),
    ((3, 8, 14, 14), (3, 8, 7, 7), ("resize", "left", (7, 7))),
    ((3, 8, 14, 14), (3, 9, 1, 1), ("project", "right", (9, 8, 1))),
    ((3, 8), (3, 9), ("project", "right", (9, 8, 0))),
    ((3, 5, 8), (3, 5, 9), ("project", "right", (9, 8, 0))),
    ((3, 8), (3, 1), None),
]


@pytest.mark.parametrize("name", ["add", "__mul__", "sub"])
@pytest.mark.parametrize(("left", "right", "expected"), WIDTHS)
def test_two_maps_that_do_not_add_up_are_brought_together(left, right, expected, name):
    a, b = torch.empty(*left, device="meta"), torch.empty(*right, device="meta")
    found = function_misfits(name, (a, b), {}, 3, DataFlow())
    assert [(m.kind, m.name, m.value) for m in found] == ([expected] if expected else [])
    if found:
        kept = b if found[0].name == "left" else a
        assert made_to_fit(found, getattr(torch, name.strip("_")), (a, b), {}).shape == kept.shape


def run(layers, x, flow):
    for layer in layers:
        after = layer(x)
        flow.note(type(layer).__name__, after, [x], layer)
        x = after
    return x


def test_a_window_that_loses_the_border_is_mended_where_it_stands():
    with torch.device("meta"):
        x, flow = torch.empty(3, 8, 14, 14), DataFlow()
        layers = [nn.Conv2d(8, 8, 5, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 2)]
        found = function_misfits("__iadd__", (run(layers, x, flow), x), {}, 3, flow)
    assert {(m.layer, m.name, m.value) for m in found[:-2]} == {
        (layers[0], "padding", 2),
        (layers[2], "padding", "same"),
    }
    assert found[-2] == Misfit("resize", "right", value=(11, 11))  # where no padding can be written
    assert found[-1] == Misfit("becomes", value=(3, 8, 14, 14))


def test_a_sum_of_two_sizes_is_mended_by_a_stride():
    with torch.device("meta"):
        x, flow = torch.empty(3, 8, 14, 14), DataFlow()
        left = [nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 3, padding=1)]
        right = [nn.Conv2d(8, 8, 1, stride=2)]
        found = function_misfits("add", (run(left, x, flow), run(right, x, flow)), {}, 3, flow)
    assert [(m.kind, m.layer, m.value) for m in found] == [("stride", left[1], 2), ("resize", None, (7, 7))]


def test_a_gate_gets_the_width_of_its_image():
    with torch.device("meta"):
        x, flow = torch.empty(3, 8, 14, 14), DataFlow()
        flow.note("input", x, [])
        layers = [nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 2, 1), nn.ReLU(), nn.Conv2d(2, 6, 1), nn.Sigmoid()]
        found = function_misfits("mul", (x, run(layers, x, flow)), {}, 3, flow)
    assert found[0] == Misfit("argument", "out_channels", 1, 8, layers[3])


def test_a_view_gets_the_features_that_it_has_room_for():
    with torch.device("meta"):
        x, flow = torch.empty(3, 8), DataFlow()
        layers = [nn.Linear(8, 6), nn.Sigmoid()]
        found = function_misfits("view", (run(layers, x, flow), 3, 8, 1, 1), {}, 3, flow)
    assert found == [Misfit("argument", "out_features", 1, 8, layers[0]), Misfit("becomes", value=(3, 8, 1, 1))]


def test_the_elements_of_a_concatenation_are_pooled_to_the_smallest():
    with torch.device("meta"):
        tensors = [torch.empty(3, 4, 7, 7), torch.empty(3, 8, 14, 14)]
    found = function_misfits("cat", (tensors, 1), {}, 3, DataFlow())
    assert found == [Misfit("resize", value=(7, 7))]
    assert made_to_fit(found, torch.cat, (tensors, 1), {}).shape == (3, 12, 7, 7)
