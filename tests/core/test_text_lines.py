import ast

import pytest

from gi.core.text_lines import python_lines, whole_lines

TEXTS = ["", "\n", "a", "a\n", "a\r\nb\rc\n\n", "a\x0cb\n\x0c\nc\u2028d\x85e\x1cf\n"]


@pytest.mark.parametrize("text", TEXTS)
def test_whole_lines_joined_are_the_text(text):
    assert "".join(whole_lines(text)) == text
    assert [line.rstrip("\r\n") for line in whole_lines(text)] == python_lines(text)


def test_lines_are_those_that_ast_counts():
    text = 'x = """a\x0cb\u2028c\x1cd"""\n\x0c\ny = 1\r\nz = 2\r'
    lines = python_lines(text)
    for statement in ast.parse(text).body:
        assert ast.unparse(statement).split()[0] in lines[statement.lineno - 1]
    assert len(lines) == 4
