"""Dead code: what nothing uses goes, what may be used stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gi.source.identity.dead_code import without_dead_code
from gi.source.tree.tree import parse
from tests.checking import SEEDS, program

GONE = {
    "an attribute that is never read": (
        "self.a = nn.ReLU()\nself.b = nn.GELU()",
        "return self.b(x)",
        "self.a = nn.ReLU()",
    ),
    "a chain of them": ("a = nn.ReLU()\nself.a = nn.Sequential(a)", "return x", "a = nn.ReLU()"),
    "a local name": ("self.b = nn.ReLU()", "y = x + 1\nreturn self.b(x)", "y = x + 1"),
    "a name that becomes itself": ("self.b = nn.ReLU()", "x = x\nreturn self.b(x)", "x = x"),
}


@pytest.mark.parametrize(("init", "forward", "line"), GONE.values(), ids=GONE)
def test_drops_what_nothing_uses(init, forward, line):
    before = program(init, forward)
    assert line in before
    assert line not in without_dead_code(before)


KEPT = {
    "what is read": ("self.a = nn.ReLU()", "return self.a(x)"),
    "what is read by a constant name": ("self.a = nn.ReLU()", 'return getattr(self, "a")(x)'),
    "what is read by a computed name": ("self.a1 = nn.ReLU()", 'return getattr(self, f"a{1}")(x)'),
    "children": ("self.a = nn.ReLU()", "for layer in self.children():\n    x = layer(x)\nreturn x"),
    "settings": ("self.a = 3", "return x"),
    "a tuple": ("self.b = nn.ReLU()", "y, z = x.chunk(2)\nreturn self.b(y)"),
    "a name that a nested function reads": ("y = 1\nself.b = lambda x: x + y", "return self.b(x)"),
    "a running sum": ("n = 0\nn += 1\nself.b = nn.ReLU()", "return self.b(x)"),
}


@pytest.mark.parametrize(("init", "forward"), KEPT.values(), ids=KEPT)
def test_keeps_what_may_be_used(init, forward):
    text = program(init, forward).replace("import torch.nn.functional as F\n", "")
    assert without_dead_code(text) == text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import os\nimport re\nprint(re)\n", "import re\nprint(re)\n"),
        ("from __future__ import annotations\n", "from __future__ import annotations\n"),
        ("from a import *\n", "from a import *\n"),
        ("import a.b\nprint(a)\n", "import a.b\nprint(a)\n"),
        ("def f():\n    return g()\n\n\ndef g():\n    return 1\n", "pass\n"),
        ("N = 3\nM = [1, 2]\nprint(M)\n", "M = [1, 2]\nprint(M)\n"),
        ("N = f()\n", "N = f()\n"),
        ("@register\ndef f():\n    return 1\n", "@register\ndef f():\n    return 1\n"),
        ("def recipe(n):\n    for i in n:\n        a = 1\n        b = 2\n    return n\n", None),
        ("def recipe(n):\n    a = 1\n", "def recipe(n):\n    pass\n"),
    ],
)
def test_drops_definitions_of_the_module(before, after):
    kept = without_dead_code(before)
    expected = "def recipe(n):\n    for i in n:\n        pass\n    return n\n" if after is None else after
    assert kept.strip() == expected.strip()


def test_spares_what_was_dead_before():
    before = program("self.a = nn.ReLU()\nself.b = nn.GELU()", "return self.b(x)")
    after = before.replace("return self.b(x)", "return x")
    kept = without_dead_code(after, before=before)
    assert "self.a = nn.ReLU()" in kept
    assert "self.b" not in kept
    assert "functional as F" in kept


@pytest.mark.parametrize("text", SEEDS.values(), ids=SEEDS)
def test_seed_programs_hold_nothing_dead(text):
    assert without_dead_code(text) == text


@given(st.lists(st.sampled_from(["a = 1", "b = a", "c = b", "a = c", "d = d", "print(a)"]), max_size=8), st.booleans())
def test_what_is_left_parses_and_holds_nothing_dead(lines, nested):
    body = "".join(f"        {line}\n" for line in lines) or "        pass\n"
    text = f"def recipe():\n    {'for i in z' if nested else 'if z'}:\n{body}"
    kept = without_dead_code(text)
    parse(kept)
    assert without_dead_code(kept) == kept


BLOCK = """

def half(x):
    return x / 2


class Block(nn.Module):
    def forward(self, x):
        return half(x)
"""


def test_a_block_goes_with_its_last_line_and_takes_along_what_it_used():
    used = program("self.a = Block()", "return self.a(x)") + BLOCK
    unused = used.replace("self.a = Block()", "pass").replace("return self.a(x)", "return x")
    assert "class Block" in without_dead_code(used)
    kept = without_dead_code(unused, before=used)
    assert "class Block" not in kept
    assert "def half" not in kept


def test_a_module_class_stays_where_the_entry_is_unknown_or_it_was_unused_before():
    text = program("pass", "return x") + BLOCK
    assert "class Block" in without_dead_code(text, entry="Other")
    assert "class Net" not in without_dead_code(text, entry="Block()")
    assert "class Block" in without_dead_code(text.replace("pass", "a = 1"), before=text)
