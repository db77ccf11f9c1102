"""The literals behind an expression, in the ways that people pass widths on."""

import ast

import pytest

from gi.source.tree.literals import repetitions, whole_numbers
from gi.source.tree.tree import parse

BLOCK = (
    "class Block:\n    expansion = 4\n    def __init__(self, planes, stride=1):\n        w(planes * self.expansion)\n"
)
WIDTHS = {
    "a number": ("w(16)", [16]),
    "a name": ("def f():\n    width = 16\n    w(width)", [16]),
    "a name of the module": ("WIDTH = 16\ndef f():\n    w(WIDTH)", [16]),
    "a default and an argument": ("def f(width=8):\n    w(width)\nf(16)\nf(width=32)", [8, 16, 32]),
    "an attribute": ("class N:\n    def __init__(self):\n        self.width = 16\n        w(self.width)", [16]),
    "a class's argument": ("class N:\n    def __init__(self, a, width):\n        w(width)\nN(1, 16)", [16]),
    "a class that is handed on": (f"{BLOCK}def make(block, planes):\n    block(planes)\nmake(Block, 64)", [64]),
    "a loop over a list": ("for width in [8, 'M', 16]:\n    w(width)", [8, 16]),
    "a configuration by name": (
        "CFG = {'a': [8, 16]}\ndef f(name):\n    for width in CFG[name]:\n        w(width)",
        [8, 16],
    ),
    "a key": ("CFG = {'widths': [8], 'blocks': [3]}\ndef f():\n    for n in CFG['widths']:\n        w(n)", [8]),
    "a place in a tuple": ("for t, width, n in [(1, 16, 2), (6, 24, 3)]:\n    w(width)", [16, 24]),
    "two lists at once": ("for width, n in zip([8, 16], [2, 3]):\n    w(width)", [8, 16]),
    "a numbered list": ("for i, width in enumerate([8, 16]):\n    w(width)", [8, 16]),
    "a comprehension": (
        "def f():\n    widths = [2 * n for n in (8, 16)]\n    for width in widths:\n        w(width)",
        [8, 16],
    ),
    "the larger factor": ("def f(k=4):\n    w(k * 64)", [64]),
    "a sum": ("def f(width=16):\n    width += 8\n    w(width)", [8, 16]),
    "what divides": ("def f(width=16):\n    w(width // 4)", [16]),
    "what multiplies in place": ("def f(width=16):\n    width *= 2\n    w(width)", [16]),
    "a choice": ("def f(small):\n    w(8 if small else 16)", [8, 16]),
    "a rounded width": ("def f(width=16, by=0.5):\n    w(int(width * by))", [16]),
    "a name that it makes anew": ("def f(width=16):\n    width = width * 2\n    w(width)", [16]),
    "nothing": ("def f(width):\n    w(width)", []),
    "true and false": ("w(True)", []),
}


def width_of(source):
    calls = [n for n in ast.walk(source.tree) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "w"]
    return calls[0].args[0]


@pytest.mark.parametrize(("text", "numbers"), WIDTHS.values(), ids=WIDTHS)
def test_a_width_comes_from_literals(text, numbers):
    source = parse(text + "\n")
    found = [n.value for n in whole_numbers(source, width_of(source))]
    assert sorted(found) == sorted({*numbers} if text.startswith("CFG") else numbers)


COUNTS = {
    "a range": ("def f(n):\n    for _ in range(n):\n        pass\nf(3)", [3]),
    "a list": ("def f(n=2):\n    return [2] + [1] * (n - 1)", [1, 2]),
    "one of several": ("def f(blocks):\n    for _ in range(blocks[1]):\n        pass\nf([2, 5])", [5]),
    "none": ("x = 2 * 3", []),
}


@pytest.mark.parametrize(("text", "numbers"), COUNTS.values(), ids=COUNTS)
def test_finds_how_often_something_is_built(text, numbers):
    assert sorted(n.value for n in repetitions(parse(text + "\n"))) == numbers


def test_leaves_out_what_is_to_be_avoided():
    source = parse("def f(n, growth=12):\n    for _ in range(n):\n        pass\n    w(n * growth)\nf(16)\n")
    counts = repetitions(source)
    assert [n.value for n in counts] == [16]
    assert [n.value for n in whole_numbers(source, width_of(source), counts)] == [12]
