"""Lines are put beside statements and statements taken out, whatever line ends and depths the text uses."""

import ast

import pytest

from gi.source.tree.statements import delete_statements, insert_after, insert_before
from gi.source.tree.tree import parse

INSERTED = [
    ("a = 1\nb = 2\n", "a = 1\nnew\nb = 2\n", "new\na = 1\nb = 2\n"),
    ("a = 1", "a = 1\nnew", "new\na = 1"),
    ("a = 1\r\nb = 2\r\n", "a = 1\r\nnew\r\nb = 2\r\n", "new\r\na = 1\r\nb = 2\r\n"),
    ("a = 1  # why\nb = 2\n", "a = 1  # why\nnew\nb = 2\n", "new\na = 1  # why\nb = 2\n"),
    ("if 1:\n\ta = 1\n\tb = 2\n", "if 1:\n\ta = 1\n\tnew\n\tb = 2\n", "if 1:\n\tnew\n\ta = 1\n\tb = 2\n"),
    ("a = 1; b = 2\n", "a = 1; new; b = 2\n", "new\na = 1; b = 2\n"),
    ("b = 2; a = 1\n", "b = 2; a = 1; new\n", "b = 2; new; a = 1\n"),
    ("for i in z: a = 1\n", "for i in z: a = 1; new\n", "for i in z: new; a = 1\n"),
    ("a = (1,\n     2)\nb = 2\n", "a = (1,\n     2)\nnew\nb = 2\n", "new\na = (1,\n     2)\nb = 2\n"),
]


@pytest.mark.parametrize(("text", "after", "before"), INSERTED)
def test_a_line_is_put_below_and_above_a_statement(text, after, before):
    source = parse(text)
    statement = next(n for n in ast.walk(source.tree) if isinstance(n, ast.Assign) and n.targets[0].id == "a")
    assert source.edited([insert_after(source, statement, "new")]) == after
    assert source.edited([insert_before(source, statement, "new")]) == before


DELETED = [
    ("a = 1\nb = 2\n", "b = 2\n"),
    ("b = 2\na = 1", "b = 2\n"),
    ("b = 2\r\na = 1\r\nc = 3\r\n", "b = 2\r\nc = 3\r\n"),
    ("a = 1  # why\nb = 2\n", "b = 2\n"),
    ("a = 1; b = 2\n", "pass; b = 2\n"),
    ("b = 2; a = 1\n", "b = 2; pass\n"),
    ("if 1:\n    a = 1\nb = 2\n", "if 1:\n    pass\nb = 2\n"),
    ("if 1: a = 1\n", "if 1: pass\n"),
    ("if 1:\n    a = 1\n    b = 2\n", "if 1:\n    b = 2\n"),
    ("a = (1,\n     2)\nb = 2\n", "b = 2\n"),
    ("try:\n    b = 2\nfinally:\n    a = 1\n", "try:\n    b = 2\nfinally:\n    pass\n"),
]


@pytest.mark.parametrize(("text", "after"), DELETED)
def test_a_statement_goes_with_its_line(text, after):
    source = parse(text)
    statement = next(n for n in ast.walk(source.tree) if isinstance(n, ast.Assign) and n.targets[0].id == "a")
    assert source.edited(delete_statements(source, [statement])) == after


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("if 1:\n    a = 1\n    a = 2\nb = 2\n", "if 1:\n    pass\nb = 2\n"),
        ("if 1:\n    a = 1\n    b = 2\n    a = 2\n", "if 1:\n    b = 2\n"),
        ("if 1:\n    a = 1\nelse:\n    a = 2\n", "if 1:\n    pass\nelse:\n    pass\n"),
    ],
)
def test_a_body_that_loses_every_statement_gets_a_pass(text, after):
    source = parse(text)
    going = [n for n in ast.walk(source.tree) if isinstance(n, ast.Assign) and n.targets[0].id == "a"]
    assert source.edited(delete_statements(source, going)) == after


def test_what_is_put_below_a_statement_stays_when_the_statement_goes():
    source = parse("b = 2\na = 1\nc = 3\n")
    statement = source.tree.body[1]
    replacements = [insert_after(source, statement, "new"), *delete_statements(source, [statement])]
    assert source.edited(replacements) == "b = 2\nnew\nc = 3\n"


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_lines_that_follow_each_other_go_together_from_the_first_one_on(newline):
    source = parse(newline.join(["import a", "import b", "from c import (", "    d,", ")", "x = 1", ""]))
    assert source.edited(delete_statements(source, source.tree.body[:3])) == f"x = 1{newline}"
    assert source.edited(delete_statements(source, source.tree.body[1:3])) == f"import a{newline}x = 1{newline}"
