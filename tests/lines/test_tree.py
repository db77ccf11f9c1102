"""Parsing: syntax, nesting, and where an error is."""

import ast
import sys

import pytest

from gi.core.errors import SourceError
from gi.lines.layout import CstLayout, Text, layout
from gi.lines.tree import calls_in_source_order, parse
from gi.lines.typed import typed_lines

HEAD = "from torch import nn\n"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("x = (\n", "1:5"),
        ("print 1\n", "1:1"),
        ("x = 1\n  y = 2\n", "2:"),
        ("x = 1\ny = $\n", "2:"),
        ("def f(:\n", "1:7"),
        ("x = '''\n", "1:"),
        ("x = 1\r\ny = )\r\n", "2:5"),
        ("x = 1\x00\n", "1:"),
        ("x = '\ud800'\n", "1:"),
        ("try:\n  pass\n", "2:"),
    ],
)
def test_a_syntax_error_has_line_and_column_in_one_line(text, place):
    with pytest.raises(SourceError, match=rf"^{place}") as caught:
        typed_lines(text)
    assert "\n" not in str(caught.value)


DEEP = {
    "brackets": "x = " + "(" * 50_000 + ")" * 50_000,
    "lists": "x = " + "[" * 300 + "]" * 300,
    "signs": "x = " + "-" * 50_000 + "1",
    "not": "x = " + "not " * 50_000 + "1",
    "attributes": "x = a" + ".b" * 50_000,
    "calls": "x = a" + "()" * 50_000,
    "additions": "x = " + "1+" * 20_000 + "1",
    "and": "x = " + "a and " * 50_000 + "1",
    "or over lines": "x = (" + "a or\n" * 50_000 + "1)",
    "strings": "x = (" + "'a' " * 50_000 + ")",
    "strings without spaces": "x = " + "'a'" * 50_000,
    "lambdas": "x = " + "lambda: " * 20_000 + "1",
    "choices": "x = " + "1 if 1 else " * 20_000 + "1",
    "elif": "if 1: pass\n" + "elif 1: pass\n" * 50_000,
    "levels": "".join(" " * i + "if 1:\n" for i in range(150)) + " " * 150 + "pass",
    "in syntax that the running Python does not know": "type X[**P = int] = " + "a and " * 50_000 + "1\nt''\n",
    "in a broken file": "x = " + "(" * 50_000,
    "f-strings": "x = " + "f'{" * 5_000 + "1" + "}'" * 5_000,
    "inside an f-string": "x = f'{" + "(" * 50_000 + ")" * 50_000 + "}'",
    "inside an f-string beside newer syntax": "type X = int\nx = f'{" + "not " * 50_000 + "1}'",
}


@pytest.mark.parametrize("case", DEEP)
def test_deep_nesting_is_refused_not_crashed_on(case):
    with pytest.raises(SourceError, match=r"^\d+:\d+: "):
        typed_lines(DEEP[case])


@pytest.mark.parametrize(
    "text",
    [
        "x = [" + "1, " * 50_000 + "]",
        "x = {" + "'a': 'b',\n" * 5_000 + "}",
        "x = [" + "a and b,\n" * 3_000 + "]",
        "a and b\n" * 3_000,
        "'a'\n" * 3_000,
        "x = " + "(" * 60 + ")" * 60,
        "if x: pass\n" + "elif y: a = 1\n" * 600,
        "x = 1" + " + 1" * 600,
        "if x:\n    a = 1\n" * 3_000,
        "# it's " * 5_000 + "\n" + '"""' + "don't and \n" * 3_000 + '"""\n',
    ],
)
def test_long_is_not_deep(text):
    assert typed_lines(HEAD + text + "\nnn.ReLU()\n")


@pytest.mark.parametrize(
    "text",
    [
        "\fnn.ReLU()\n",
        "if x:\n\tnn.ReLU()\n",
        "if x:\n\f\tnn.ReLU()",
        "nn.ReLU() \\\n  \n",
        "type X = int\nnn.ReLU()\n",
        "def f[T](x: T) -> T: return nn.ReLU()\n",
        "x = f'{a!r:>{w}}' f\"{f'{b}'}\"; nn.ReLU()\n",
        "try:\n  nn.ReLU()\nexcept* E:\n  pass\n",
        "match x:\n  case [1, *_] | {'a': b} if nn.ReLU(): pass\n",
        "async def f():\n  return [await nn.ReLU() async for x in y]\n",
        "with (a as b, nn.ReLU() as c): pass\n",
        "def f(a, /, b, *, c): return nn.ReLU()\n",
        "é = nn.ReLU()  # ü\n",
        "x: int = nn.ReLU()\n",
        "del x; global y; nn.ReLU(); pass",
        "print(x := nn.ReLU())",
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_reads_all_syntax_and_line_ends(text, end):
    found = typed_lines((HEAD + text).replace("\n", end))
    assert [call.symbol for line in found for call in line.calls] == ["torch.nn.ReLU"]


def test_a_byte_order_mark_in_the_text_does_not_matter():
    assert typed_lines("\ufefffrom torch import nn\nnn.ReLU()")[0].line == 2


def test_a_lone_carriage_return_ends_a_line():
    assert [line.line for line in typed_lines("from torch import nn\rnn.ReLU()\rnn.GELU()\r")] == [2, 3]


NEWER = HEAD + "type X = int\nx = é(nn.ReLU(), [\n    nn.GELU()])\nif nn.SiLU():\n    y = nn.Tanh()\n"


def test_without_pythons_own_tree_the_places_are_the_same():
    module, _ = parse(NEWER)
    calls = calls_in_source_order(module)
    text = Text(NEWER)
    own = layout(text, module, calls, ast.parse(NEWER.replace("type X = int", "type_X = int")))
    provider = CstLayout(text, module, calls)
    for number in range(len(calls)):
        assert provider.place(number).call == own.place(number).call
        assert provider.place(number).func_end == own.place(number).func_end


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python knows the syntax")
def test_syntax_newer_than_the_running_python_is_read():
    assert [(line.line, line.code) for line in typed_lines(NEWER)] == [
        (3, "x = é(nn.ReLU(), [\n    nn.GELU()])"),
        (5, "if nn.SiLU():"),
        (6, "y = nn.Tanh()"),
    ]
