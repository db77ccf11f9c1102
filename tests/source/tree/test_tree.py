"""Byte spans and edits: every byte outside an edit stays."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gi.core.errors import SourceError
from gi.source.tree.tree import Replacement, dotted, parse, site_of


def _first(text, kind):
    return next(n for n in ast.walk(parse(text).tree) if isinstance(n, kind))


def _call(source, code):
    return next(n for n in ast.walk(source.tree) if isinstance(n, ast.Call) and source.code(n) == code)


TEXTS = {
    "ascii": "x = f(1)\ny = g(2)\n",
    "two-byte letters": "é = 'ü'; x = f(1)\ny = g(2)\n",
    "astral": "s = '🙂🙂'; x = f(1)\ny = g(2)\n",
    "crlf": "x = f(1)\r\ny = g(2)\r\n",
    "cr": "x = f(1)\ry = g(2)\r",
    "mixed ends": "a = 1\r\nx = f(1)\ny = g(2)\r\n",
    "tabs": "if 1:\n\tx = f(1)\n\ty = g(2)\n",
    "form feed": "a = 1\n\f\nx = f(1)\ny = g(2)\n",
    "line separator in a string": "s = '\u2028\x85'; x = f(1)\ny = g(2)\n",
    "no newline at the end": "x = f(1)\ny = g(2)",
    "continued": "x = \\\n    f(1)\ny = g(2)\n",
    "multi-line string": "s = '''\r\n\r\n'''; x = f(1)\r\ny = g(2)\r\n",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("code", ["f(1)", "g(2)"])
def test_a_node_is_replaced_and_nothing_else(text, code):
    source = parse(text)
    edited = source.edited([source.replace(_call(source, code), "h('ö')")])
    assert edited == text.replace(code, "h('ö')")


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_no_edits_leave_the_text_as_it_is(text):
    assert parse(text).edited([]) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = (\n", r"line 1, column \d+"),
        ("x = 1\n  y = 2\n", r"line 2, column \d+"),
        ("\x00", "line"),
        ("x = '\ud800'", "surrogates"),
        ("-" * 100_000 + "1", "line"),
        ("(" * 500 + ")" * 500, "line"),
    ],
)
def test_refuses_a_text_that_does_not_parse(text, message):
    with pytest.raises(SourceError, match=message):
        parse(text)


REPLACEMENTS = [
    ([(0, 0, "a")], "aq123456789"),
    ([(10, 10, "a")], "q123456789a"),
    ([(0, 10, "")], ""),
    ([(2, 4, "a"), (4, 6, "b")], "q1ab6789"),
    ([(4, 6, "b"), (2, 4, "a")], "q1ab6789"),
    ([(2, 8, "a"), (4, 6, "b")], "q1a89"),
    ([(4, 6, "b"), (2, 8, "a")], "q1a89"),
    ([(2, 4, "a"), (2, 4, "a")], "q1a456789"),
    ([(3, 3, "a"), (3, 3, "b")], "q12ab3456789"),
    ([(3, 3, "a"), (3, 5, "b")], "q12ab56789"),
    ([(3, 5, "b"), (5, 5, "a")], "q12ba56789"),
    ([(3, 5, "b"), (4, 4, "a")], "q12b56789"),
    ([(3, 3, "\nimport a"), (3, 3, "\nimport a")], "q12\nimport a3456789"),
]


@pytest.mark.parametrize(("replacements", "after"), REPLACEMENTS)
def test_applies_replacements_in_any_order(replacements, after):
    assert parse("q123456789").edited(Replacement(*r) for r in replacements) == after


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40), st.text("xyz\n", max_size=3)), max_size=6))
def test_what_lies_outside_every_edit_stays(spans):
    text = "".join(f"{n:02d} " for n in range(14)).strip()
    replacements = [Replacement(min(a, b), max(a, b), new) for a, b, new in spans]
    edited = parse(repr(text)).edited(replacements)
    kept = [c for at, c in enumerate(repr(text)) if not any(r.start <= at < r.end for r in replacements)]
    rest = iter(edited)
    assert all(c in rest for c in kept), "the kept bytes, in order"


def test_a_site_leads_back_to_its_call_and_to_its_sum():
    source = parse("é = f(g(1)) + 2\né += 3\n")
    for node in ast.walk(source.tree):
        if isinstance(node, (ast.Call, ast.BinOp, ast.AugAssign)):
            assert source.node_at(site_of(node)) is node
    assert source.call_at((9, 9, 9, 9)) is None


@pytest.mark.parametrize(("code", "name"), [("a.b.c", "a.b.c"), ("a", "a"), ("f().b", ""), ("a[0].b", ""), ("1", "")])
def test_spells_a_chain_of_names(code, name):
    assert dotted(ast.parse(code, mode="eval").body) == name
