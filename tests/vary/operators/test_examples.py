"""Every operator does what its examples say: one draw out of a few gives `after` of `before`."""

import ast
import dataclasses
import random

import pytest

from gi.vary.hosts.host import Host
from gi.vary.hosts.parent import Parent
from gi.vary.operators.proposal import Example, OperatorContext
from gi.vary.operators.table import EXAMPLES, OPERATORS, SHARES
from tests.checking import HEAD, SMALL, Stock, sequential, with_recipe

DRAWS = 300
IMPORTS = HEAD.replace("\n\n\n", "\nfrom torchvision.transforms import v2\n\n\n")
CASES = [(name, example) for name, examples in EXAMPLES.items() for example in examples]


def host(check, lines, classes="", is_recipe=False, class_shares=()):
    text = with_recipe(*lines, head=IMPORTS) if is_recipe else sequential(*lines)
    text = text.replace(HEAD, f"{HEAD}{classes}\n\n" if classes else HEAD)
    return Host(text, check.trace(text), dataclasses.replace(SMALL, class_shares=class_shares))


def lines_of(text, is_recipe):
    """The lines of the network's `nn.Sequential`, or those of the recipe that are not plain, as Python writes them."""
    if is_recipe:
        plain = set(recipe_lines(with_recipe()))
        return tuple(line for line in recipe_lines(text) if line not in plain)
    net = next(n for n in ast.parse(text).body if isinstance(n, ast.ClassDef) and n.name == "Net")
    calls = (n for n in ast.walk(net) if isinstance(n, ast.Call))
    return next(tuple(map(ast.unparse, c.args)) for c in calls if ast.unparse(c.func) == "nn.Sequential")


def recipe_lines(text):
    return [ast.unparse(s) for f in ast.parse(text).body if isinstance(f, ast.FunctionDef) for s in f.body]


def drawn(name, example, check):
    shares = example.class_shares
    here = host(check, example.before, example.host_classes, is_recipe=example.is_recipe, class_shares=shares)
    there = host(check, example.donor, example.classes) if example.donor else None
    for seed in range(DRAWS):
        context = OperatorContext(Parent(there, check) if there else Stock(), check, random.Random(seed), there)
        yield OPERATORS[name](here, context)


def test_every_operator_has_an_example():
    assert set(OPERATORS) == set(EXAMPLES) == set(SHARES)
    assert all(isinstance(e, Example) and e.before != e.after for examples in EXAMPLES.values() for e in examples)


@pytest.mark.parametrize(("name", "example"), CASES, ids=[name for name, _ in CASES])
def test_an_operator_does_what_its_example_says(name, example, check):
    texts = (lines_of(p.text, example.is_recipe) for p in drawn(name, example, check) if p is not None)
    assert any(lines == example.after for lines in texts)
