"""Repair keeps formulas: their numbers change, the names in them stay."""

import ast

import pytest

from gi.core.trace import Trace
from gi.core.types import Task
from gi.source.repair.formula import with_other_numbers
from gi.source.repair.repair import repaired
from gi.source.tree.tree import parse
from tests.checking import HEAD, RECIPE, InProcess

FORMULAS = [
    ("width * 31 * 31", {"width": 10}, 2250, [(10, 15, 15)], "width * 15 * 15"),
    ("width * 31 * 31", {"width": 10}, 2250, [], "width * 15 * 15"),
    ("16 * 5 * 5", {}, 16 * 9 * 7, [(16, 9, 7)], "16 * 9 * 7"),
    ("8 * 8 * 8", {}, 8 * 7 * 7, [(8, 7, 7)], "8 * 7 * 7"),
    ("8 * 13 * 13", {}, 16 * 6 * 6, [(16, 6, 6)], "16 * 6 * 6"),
    ("8 * 13**2", {}, 8 * 225, [], "8 * 15**2"),
    ("(self.width) * 49", {"self.width": 6}, 6 * 64, [], "(self.width) * 64"),
    ("2 * width * out * out", {"width": 8, "out": 14}, 1280, [(16, 10, 8)], "2 * width * 10 * 8"),
    ("width * int(x / 2) ** 2", {"width": 8, "x": 28}, 3840, [(8, 24, 20)], "width * 24 * 20"),
    ("width * f(x)", {"width": 8}, 3840, [], None),
    ("width", {"width": 8}, 16, [], None),
]


@pytest.mark.parametrize(("formula", "names", "wanted", "images", "kept"), FORMULAS)
def test_a_formula_gets_other_numbers(formula, names, wanted, images, kept):
    source = parse(formula)
    statement = source.tree.body[0]
    assert isinstance(statement, ast.Expr)
    assert with_other_numbers(source, statement.value, [names], [wanted], images) == kept
    assert ast.unparse(statement.value) == ast.unparse(ast.parse(formula)), "the tree is as it was"


def test_a_formula_holds_wherever_its_line_runs():
    node = parse("w * 4 * 4").tree.body[0].value
    assert with_other_numbers(parse("w * 4 * 4"), node, [{"w": 2}, {"w": 3}], [18, 27], []) == "w * 3 * 3"
    assert with_other_numbers(parse("w * 4 * 4"), node, [{"w": 2}, {"w": 3}], [18, 12], []) is None


def text(head, forward="return self.fc(F.relu(self.conv(x)).flatten(1))", parameters="width=10", before=""):
    return (
        f"{HEAD}{before}class Net(nn.Module):\n    def __init__(self, {parameters}):\n        super().__init__()\n"
        f"        self.conv = nn.Conv2d(3, width, 3, stride=2)\n        {head}\n\n"
        f"    def forward(self, x):\n        {forward}\n{RECIPE}"
    )


PROGRAMS = {
    "a width": (text("self.fc = nn.Linear(width * 31 * 31, 10)"), "width * 31 * 31", "width * 15 * 15"),
    "a size by its name": (
        text("self.fc = nn.Linear(width * ((side - 1) // 2) ** 2, 10)", parameters="width=10, side=64"),
        "side=64",
        "side=32",
    ),
    "a size by another name": (
        text("out = int((x - 1) / 2)\n        self.fc = nn.Linear(width * out**2, 10)", parameters="x=64, width=10"),
        "x=64",
        "x=32",
    ),
    "a view": (
        text("self.fc = nn.Linear(10 * 31 * 31, 10)", "return self.fc(self.conv(x).view(-1, 10 * 31 * 31))"),
        "10 * 31 * 31",
        "10 * 15 * 15",
    ),
    "a constant of the module": (
        text("self.fc = nn.Linear(WIDTH * 31 * 31, 10)", parameters="width=10", before="WIDTH = 10\n\n\n"),
        "WIDTH * 31 * 31",
        "WIDTH * 15 * 15",
    ),
}


@pytest.mark.parametrize(("before", "old", "new"), PROGRAMS.values(), ids=PROGRAMS)
def test_repair_changes_nothing_but_the_numbers_of_a_formula(before, old, new):
    result = repaired(before, Task((3, 32, 32), 10), InProcess())
    assert isinstance(result.answer, Trace), result.answer
    assert result.text == before.replace(old, new)


def test_a_view_to_a_named_size_needs_no_number():
    before = text(
        "self.n = width * 31 * 31\n        self.fc = nn.Linear(self.n, 10)",
        "x = self.conv(x)\n        return self.fc(x.view(-1, self.n))",
    )
    result = repaired(before, Task((3, 32, 24), 10), InProcess())
    assert result.text == before.replace("31 * 31", "15 * 11").replace("view(-1, self.n)", "view(x.size(0), -1)")
