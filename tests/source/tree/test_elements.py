"""Elements come and go with their commas and parentheses."""

import ast

import pytest

from gi.source.tree.elements import delete_element, insert_element_after, insert_element_before
from gi.source.tree.tree import parse


def _call(source):
    return next(n for n in ast.walk(source.tree) if isinstance(n, ast.Call))


ELEMENTS = [
    ("f(a, b, c)", 0, "f(b, c)"),
    ("f(a, b, c)", 1, "f(a, c)"),
    ("f(a, b, c)", 2, "f(a, b)"),
    ("f(a,)", 0, "f()"),
    ("f(a)", 0, "f()"),
    ("f(\n    a,\n    b,\n)", 0, "f(\n    b,\n)"),
    ("f(\n    a,\n    b,\n)", 1, "f(\n    a,\n)"),
    ("f((a), b)", 0, "f(b)"),
    ("f(a, (b))", 1, "f(a)"),
    ("f((a))", 0, "f()"),
]


@pytest.mark.parametrize(("text", "index", "after"), ELEMENTS)
def test_an_element_goes_with_its_comma(text, index, after):
    source = parse(text)
    arguments = _call(source).args
    assert source.edited([delete_element(source, arguments[index], arguments)]) == after


@pytest.mark.parametrize(
    ("text", "after", "before"),
    [
        ("f(a)", "f(a, new)", "f(new, a)"),
        ("f(\n    a,\n)", "f(\n    a,\n    new,\n)", "f(\n    new,\n    a,\n)"),
        ("f(\r\n\ta,\r\n)", "f(\r\n\ta,\r\n\tnew,\r\n)", "f(\r\n\tnew,\r\n\ta,\r\n)"),
        ("f((a))", "f((a), new)", "f(new, (a))"),
        ("f((a), b)", "f((a), new, b)", "f(new, (a), b)"),
    ],
)
def test_an_element_is_put_behind_and_in_front_of_another(text, after, before):
    source = parse(text)
    element = _call(source).args[0]
    assert source.edited([insert_element_after(source, element, "new")]) == after
    assert source.edited([insert_element_before(source, element, "new")]) == before
