"""Imports that begin a function, and names in expressions, are read as the plain statements that mean the same."""

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


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("return (y := f(x)) + g(y)", "y = f(x)\nreturn y + g(y)"),
        ("x = h((y := f(x)), (z := y + 1))", "y = f(x)\nz = y + 1\nx = h(y, z)"),
        ("g((y := f((z := x))))", "z = x\ny = f(z)\ng(y)"),
        ("if (n := len(x)) > 1:\n    pass\nelif (m := n):\n    pass", "n = len(x)\nif n > 1:\n    pass\nelse:\n"
         "    m = n\n    if m:\n        pass"),
        ("for i in (y := f(x)):\n    g((z := i))", "y = f(x)\nfor i in y:\n    z = i\n    g(z)"),
        ("x: int = (y := 1)", "y = 1\nx: int = y"),
    ],
)  # fmt: skip
def test_a_name_in_an_expression_is_read_as_an_assignment_before_its_statement(before, after):
    indented = "\n".join("    " + line for line in before.splitlines())
    (function,) = hoisted(ast.parse(f"def function(x):\n{indented}\n")).body
    assert "\n".join(ast.unparse(statement) for statement in function.body) == ast.unparse(ast.parse(after))


@pytest.mark.parametrize(
    "text",
    [
        "y = 1\ng((y := f(x)))",  # bound twice: what is read before is another value
        "g(lambda: (y := 1))",  # evaluated later
        "g([(y := i) for i in x])",  # evaluated many times
        "a[(y := 0)] = 1",  # evaluated after the value
        "for a[(y := x)] in b:\n    x = c",  # evaluated in every round
        "x += (y := 1)",  # evaluated after the target was read
        "while (y := f(x)):\n    pass",
        "def f(a=(y := 1)): pass",
    ],
)
def test_a_name_whose_value_is_computed_at_another_moment_stays(text):
    assert ast.dump(hoisted(ast.parse(text))) == ast.dump(ast.parse(text))
    assert any(refusal.rule == "syntax" for refusal in refusals(text))


@pytest.mark.parametrize(
    ("init", "line"),
    [
        ("self.a = (kept := torch.zeros(3))", "x"),
        ("kept = [(t := torch.zeros(3))]\nself.a = kept", "x"),
        ("self.f = (it := iter([1, 2]))", "x"),
        ("self.a = 1", "(m := torch.os).system('true') or x"),
        ("self.a = 1", "(f := getattr)(x, 'data')"),
        ("self.a = 1", "x if (c := x.__class__) else x"),
        ("self.a = 1", "[x for _ in (z := zip([1], [2]))][0] + len(list(z))"),
        ("self.a = []", "x if (self.a.append((y := x))) is None else y"),
        ("self.a = []", "x if (kept := self.a).append(x) is None else x"),
    ],
)
def test_a_rule_is_not_evaded_by_a_name_in_an_expression(init, line):
    text = program(init=init, forward=f"x = {line}")
    ast.parse(text)
    assert refusals(text)
