"""Imports that begin a function are read as if they stood at the top, where both mean the same."""

import ast

import pytest

from gi.source.gate.gate import refusals
from gi.source.gate.hoisting import hoisted
from tests.attacks.programs import program

LOCAL = "    from torchvision.transforms import v2\n"


def with_local_import(line=LOCAL):
    return program().replace("def recipe(net, steps):\n", f"def recipe(net, steps):\n{line}")


def test_an_allowed_import_that_begins_the_recipe_passes():
    assert "def recipe(net, steps):\n    from" in with_local_import()
    assert refusals(with_local_import()) == ()


@pytest.mark.parametrize("line", ["    import os\n", "    from torch import os\n", "    from torch import *\n"])
def test_what_may_not_be_imported_at_the_top_may_not_be_imported_there(line):
    assert {refusal.rule for refusal in refusals(with_local_import(line))} & {"import", "name", "syntax", "attribute"}


@pytest.mark.parametrize(
    "rest",
    [
        "v2 = 1",
        "def v2(): pass",
        "import v2",
        "def f(v2): pass",
        "def f():\n    global v2",
        "try:\n    pass\nexcept ValueError as v2:\n    pass",
        "f = lambda v2: v2",
        "[v2 for v2 in (1, 2)]",
    ],
)
def test_a_name_that_is_bound_again_keeps_its_import_where_it_is(rest):
    text = f"def recipe(net, steps):\n{LOCAL}    return v2\n{rest}\n"
    assert ast.dump(hoisted(ast.parse(text))) == ast.dump(ast.parse(text))


def test_an_import_in_a_branch_stays():
    text = f"def f():\n    if 1:\n    {LOCAL}    return 1\n"
    assert ast.dump(hoisted(ast.parse(text))) == ast.dump(ast.parse(text))
