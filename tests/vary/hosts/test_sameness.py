"""Edits that would change nothing are seen before anything is checked."""

import pytest

from gi.core.types import LineType
from gi.vary.hosts.host import Host
from gi.vary.hosts.sameness import is_idle, same_as_function, same_function, same_layer, same_pixel
from gi.vary.operators.proposal import editable
from tests.checking import SMALL, program, sequential


def gene(check, layer):
    is_dense = "Linear" in layer
    before, after = ([], ["nn.Flatten()", "nn.Linear(64, 10)"]) if not is_dense else (["nn.Flatten()"], [])
    text = sequential(*before, layer, *after)
    return Host(text, check.trace(text), SMALL).genes[len(before)]


@pytest.mark.parametrize(
    ("layer", "code", "same"),
    [
        ("nn.Conv2d(1, 8, kernel_size=3, stride=1, padding=1)", "nn.Conv2d(1, 8, 3, padding=1)", True),
        ("nn.Conv2d(1, 8, 3)", "nn.Conv2d(1, 8, 3, bias=True)", True),
        ("nn.Conv2d(1, 8, 3)", "nn.Conv2d(1, 8, 3, bias=False)", False),
        ("nn.Conv2d(1, 2 * 4, 3)", "nn.Conv2d(1, 8, 3)", True),
        ("nn.MaxPool2d(kernel_size=2, stride=2)", "nn.MaxPool2d(2, stride=2)", True),
        ("nn.MaxPool2d(2)", "nn.MaxPool2d(2, stride=1)", False),
        ("nn.ReLU(inplace=True)", "nn.ReLU()", True),
        ("nn.ReLU()", "nn.GELU()", False),
        ("nn.Linear(64, 10)", "nn.Linear(64, 10, bias=True)", True),
    ],
)
def test_tells_whether_a_call_builds_the_same_layer(check, layer, code, same):
    found = gene(check, layer)
    symbol = f"torch.{code.partition('(')[0]}"
    assert same_layer(found, symbol, code, check.signature(symbol)) is same


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("F.max_pool2d(x, 2)", "F.max_pool2d(x, kernel_size=2)", True),
        ("F.max_pool2d(x, 2)", "F.max_pool2d(x, 3)", False),
        ("F.max_pool2d(x, 2)", "F.max_pool2d(x, 2, padding=0)", True),
    ],
)
def test_tells_whether_a_function_is_called_with_the_same_settings(check, one, other, same):
    assert same_function(one, other, check.signature("torch.nn.functional.max_pool2d")) is same


def test_a_relu_next_to_a_relu_is_idle(check):
    text = sequential("nn.Conv2d(1, 8, 3)", "nn.ReLU()", "nn.MaxPool2d(2)", "nn.Flatten()", "nn.Linear(72, 10)")
    genes = Host(text, check.trace(text), SMALL).genes
    assert [is_idle("torch.nn.ReLU", genes, g) for g in genes] == [True, True, True, True, False]
    assert not is_idle("torch.nn.Tanh", genes, genes[1])


@pytest.mark.parametrize("pool", ["nn.AvgPool2d(1, stride=1)", "nn.AdaptiveAvgPool2d(1), nn.MaxPool2d(1)"])
def test_a_pool_that_does_nothing_is_left_alone(check, pool):
    text = program(
        f"self.net = nn.Sequential(nn.Conv2d(1, 8, 3), {pool})\nself.fc = nn.Linear({8 if 'Max' in pool else 288}, 10)",
        "return self.fc(self.net(x).flatten(1))",
    )
    host = Host(text, check.trace(text), SMALL)
    pools = [g for g in editable(host, place=True) if g.type == LineType.POOLING]
    assert [g.symbol for g in pools] == (["torch.nn.AdaptiveAvgPool2d"] if "Max" in pool else [])


def test_a_pool_to_one_pixel_is_no_other_for_a_pool_that_gives_one(check):
    text = program(
        "self.conv = nn.Conv2d(1, 8, 3)\nself.fc = nn.Linear(8, 10)",
        "return self.fc(F.avg_pool2d(self.conv(x), 6).flatten(1))",
    )
    pool = Host(text, check.trace(text), SMALL).genes[1]
    layer, function = check.signature("torch.nn.AvgPool2d"), check.signature("torch.nn.functional.avg_pool2d")
    assert same_pixel(pool, "torch.nn.AdaptiveAvgPool2d", "nn.AdaptiveAvgPool2d((1, 1))")
    assert not same_pixel(pool, "torch.nn.AdaptiveMaxPool2d", "nn.AdaptiveMaxPool2d(1)")
    assert same_as_function(pool, "torch.nn.AvgPool2d", "nn.AvgPool2d(6)", layer, function)
    assert not same_as_function(pool, "torch.nn.AvgPool2d", "nn.AvgPool2d(3)", layer, function)
