"""Numbers that know the places of the text that they came through, and programs that run as before."""

import ast
import copy
import json
import pickle

import pytest

from gi.trace.numbers.marks import ADDED, AT
from gi.trace.numbers.scope import numbers
from gi.trace.numbers.tracked_int import Number, Routes, mended, route


def run(text, **names):
    routes = Routes()
    names |= {AT: routes.at, ADDED: routes.added}
    exec(compile(ast.fix_missing_locations(routes.points.followed(ast.parse(text))), "<candidate>", "exec"), names)
    return names, routes


def lines(routes, value):
    return [routes.points.sites[e.point][0] for e in route(value)]


WAYS = {
    "an argument": ("def f(a):\n    return a\nx = f(3)", [3, 2]),
    "a default": ("def f(a=3):\n    return a\nx = f()", [1, 2]),
    "a loop over a list": ("for a in [1, 3]:\n    pass\nx = a", [1, 3]),
    "tuples in a list": ("for a, b in [(1, 2), (2, 3)]:\n    x = b", [1, 2]),
    "a dictionary": ("widths = {'a': 3}\nx = widths['a']", [1, 2]),
    "an attribute": ("class A:\n    width = 3\nx = A().width", [2, 3]),
    "a choice": ("x = 3 if True else 4", [1]),
    "a keyword": ("def f(**given):\n    return given['a']\nx = f(a=3)", [3, 2]),
}


@pytest.mark.parametrize(("text", "way"), WAYS.values(), ids=WAYS)
def test_a_number_knows_its_way(text, way):
    names, routes = run(text)
    assert names["x"] == 3
    assert list(reversed(lines(routes, names["x"])))[: len(way)][0] == way[0]
    assert set(lines(routes, names["x"])) <= set(way) | {len(text.split("\n"))}


def test_arithmetic_begins_a_new_way_and_is_noted():
    names, routes = run("a = 3\nx = 2 * a")
    assert names["x"] == 6
    assert lines(routes, names["x"]) == [2]
    assert routes.evaluations[0][0].derives


def test_what_is_added_in_place_can_be_mended_by_its_last_part():
    names, _routes = run("x = 8\nx += 4")
    evaluation = route(names["x"])[0]
    evaluation.wanted.add(14)
    assert evaluation.value == 4
    assert evaluation.mended() == {6}
    assert mended(names["x"]) == 14


def test_lists_grow_in_place():
    names, _ = run("a = []\nb = a\nmore = [1]\nb += more")
    assert names["a"] == [1]
    assert names["a"] is names["b"]


def test_a_function_s_names_are_told_with_their_numbers():
    names, _routes = run("def f(width, flag=True):\n    half = width // 2\n    return half\nx = f(8)")
    scope = route(names["x"])[-1].scope
    assert dict(numbers(scope)) == {"width": 8}
    assert dict(numbers(route(names["x"])[-2].scope)) == {"width": 8, "half": 4}


@pytest.mark.parametrize("text", ["x = True", "x = 1.5", "x = 'a'", "x = None", "x = [1][0:1]"])
def test_other_values_stay_what_they_are(text):
    plain: dict[str, object] = {}
    exec(text, plain)
    names, _ = run(text)
    assert names["x"] == plain["x"]
    assert type(names["x"]) is type(plain["x"])


def test_a_program_that_tells_int_from_its_subclasses_runs_unmarked():
    names, _ = run("x = type(3) == int")
    assert names["x"] is True


def test_a_number_is_an_int_to_everybody_else():
    names, _ = run("x = 3")
    number = names["x"]
    assert type(number) is Number
    assert json.dumps(number) == repr(number) == f"{number}" == "3"
    assert copy.deepcopy(number) is number
    assert type(pickle.loads(pickle.dumps(number))) is int
    assert {3: "a"}[number] == "a"


def test_nothing_is_followed_once_the_network_is_built():
    names, routes = run("def f():\n    return 3\nx = f()")
    routes.over = True
    assert type(names["f"]()) is int
