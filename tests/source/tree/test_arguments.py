"""A call with other arguments, before and after."""

import ast

import pytest

from gi.source.tree.arguments import given_arguments, with_arguments
from gi.source.tree.tree import parse

NAMES = ["in_channels", "out_channels", "kernel_size", "stride", "padding"]
CHANGED = [
    ("Conv2d(1, 8, 3)", {"out_channels": "16"}, "Conv2d(1, 16, 3)"),
    ("Conv2d(1, 8, kernel_size=3)", {"kernel_size": "5"}, "Conv2d(1, 8, kernel_size=5)"),
    ("Conv2d(1, 8, 3)", {"stride": "2", "padding": "1"}, "Conv2d(1, 8, 3, stride=2, padding=1)"),
    ("Conv2d(1, 8, 3, stride=2)", {"stride": None}, "Conv2d(1, 8, 3)"),
    ("Conv2d(1, 8, 3, 2, 1)", {"stride": None}, "Conv2d(1, 8, 3, 1, 1)"),
    ("Conv2d(1,\n    width(8), 3)", {"stride": "2"}, "Conv2d(1, width(8), 3, stride=2)"),
    ("Conv2d(1, 8, *sizes)", {"stride": "2"}, None),
    ("Conv2d(1, 8, **more)", {"stride": "2"}, None),
]


def call_of(text):
    source = parse(text + "\n")
    return source, next(n for n in ast.walk(source.tree) if isinstance(n, ast.Call))


@pytest.mark.parametrize(("text", "values", "after"), CHANGED)
def test_writes_a_call_with_other_arguments(text, values, after):
    assert with_arguments(*call_of(text), NAMES, values) == after


def test_gives_the_arguments_by_parameter():
    assert given_arguments(*call_of("Conv2d(1, 8, stride=s)"), NAMES) == {
        "in_channels": "1",
        "out_channels": "8",
        "stride": "s",
    }


def test_refuses_more_arguments_than_there_are_parameters():
    assert given_arguments(*call_of("Conv2d(1, 8)"), ["a"]) is None
