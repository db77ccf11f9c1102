"""Lines, spans, code and names of typed calls."""

import ast
from textwrap import dedent

import libcst as cst
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from libcst.metadata import MetadataWrapper, PositionProvider

from gi.lines import lines_json, typed_lines
from gi.lines.layout import Text, layout
from gi.lines.tree import calls_in_source_order, parse

HEAD = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n"


def lines(text):
    return typed_lines(HEAD + dedent(text))


def code(text):
    return [line.code for line in lines(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = nn.ReLU()", ["x = nn.ReLU()"]),
        ("nn.ReLU(); nn.GELU()", ["nn.ReLU()", "nn.GELU()"]),
        ("if x: y.append(nn.ReLU())", ["y.append(nn.ReLU())"]),
        ("if F.relu(x): y.append(nn.ReLU())", ["if F.relu(x):", "y.append(nn.ReLU())"]),
        ("for a in F.relu(x):\n    pass", ["for a in F.relu(x):"]),
        ("class A:\n    def f(self, a=nn.ReLU()):\n        pass", ["def f(self, a=nn.ReLU()):"]),
        ("@wrap(nn.ReLU())\ndef f():\n    pass", ["@wrap(nn.ReLU())\ndef f():"]),
        ("nn.Sequential(\n    nn.ReLU(),\n    nn.GELU()\n)", ["nn.ReLU()", "nn.GELU()"]),
        ("nn.Sequential(nn.ReLU(),\n              nn.GELU())", ["nn.ReLU()", "nn.GELU()"]),
        ("nn.Sequential(\n    nn.ReLU(), nn.GELU(),\n    nn.SiLU(),\n)", ["nn.ReLU(), nn.GELU()", "nn.SiLU()"]),
        ("x = [\n    nn.ReLU(),\n]", ["nn.ReLU()"]),
        ("x = {\n    'a': nn.ReLU(),\n    **{},\n}", ["'a': nn.ReLU()"]),
        ("f(\n    a=nn.ReLU(),\n    *b,\n    **c,\n)", ["a=nn.ReLU()"]),
        ("nn.Sequential(OrderedDict([\n    ('a', nn.ReLU()),\n]))", ["('a', nn.ReLU())"]),
        ("x = nn.Conv2d(\n    1,\n    2, 3,\n)", ["x = nn.Conv2d(\n    1,\n    2, 3,\n)"]),
        ("x = [\n    (nn.Identity()\n     if y else nn.ReLU()),\n]", ["(nn.Identity()\n if y else nn.ReLU())"]),
        (
            "class A:\n    def f(self):\n        x = nn.Conv2d(\n            1, 2)\n",
            ["x = nn.Conv2d(\n    1, 2)"],
        ),
        (
            "nn.TransformerEncoder(\n    nn.TransformerEncoderLayer(8, 2),\n    3)",
            ["nn.TransformerEncoder(\n    nn.TransformerEncoderLayer(8, 2),\n    3)"],
        ),
    ],
)
def test_a_line_is_a_statement_or_an_element_line(text, expected):
    assert code(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("F.relu(nn.Dropout()(x))", "activation"),
        ("nn.Dropout(nn.ReLU())", "regularization"),
        ("x = nn.Identity() if y else nn.ReLU()", "activation"),
        ("x = nn.Identity()", "connection"),
        ("y = wrap(F.max_pool2d(F.relu(x), 2))", "pooling"),
    ],
)
def test_the_outermost_call_gives_the_line_its_type(text, expected):
    assert [line.type for line in lines(text)] == [expected]


@pytest.mark.parametrize(
    ("text", "expected", "names"),
    [
        ("nn.ReLU()", "torch.nn.ReLU()", {}),
        ("nn.Conv2d(p, 2 * q,  3)", "torch.nn.Conv2d(p, 2 * q,  3)", {"p": None, "q": None}),
        ("(nn.Conv2d)(p)", "torch.nn.Conv2d(p)", {"p": None}),
        ("F.gelu(F.relu(x))", "torch.nn.functional.gelu(torch.nn.functional.relu(x))", {"x": None}),
        ("nn.TransformerEncoderLayer(8, 2, activation=F.gelu)", None, {}),
        ("def f(p=3): nn.Linear(p, 2)", "torch.nn.Linear(p, 2)", {"p": "3"}),
        ("def f(p=-3): nn.Linear(p, 2)", "torch.nn.Linear(p, 2)", {"p": "-3"}),
        ("def f(k=(3, 3)): nn.AvgPool2d(k)", "torch.nn.AvgPool2d(k)", {"k": "(3, 3)"}),
        ("def f(k=None): nn.AvgPool2d(k)", "torch.nn.AvgPool2d(k)", {"k": "None"}),
        ("W = 64\ndef f(): nn.Linear(W, 2)", "torch.nn.Linear(W, 2)", {"W": "64"}),
        ("W = 64\ndef f(W): nn.Linear(W, 2)", "torch.nn.Linear(W, 2)", {"W": None}),
        ("def f(x):\n    w = 2\n    w = w * 2\n    nn.Linear(w, 2)", "torch.nn.Linear(w, 2)", {"w": None}),
        ("def f(x):\n    w = 2\n    nn.Linear(w, 2)\n    w = 3", "torch.nn.Linear(w, 2)", {"w": "2"}),
        ("class A:\n    e = 4\n    def f(self): nn.Linear(self.e, A.e)", None, {"self.e": "4", "A.e": "4"}),
        ("class A:\n    def f(self, x): F.relu(self.c(x.t()))", None, {"self.c": None, "x": None}),
        ("nn.Linear(len(x), int(2))", "torch.nn.Linear(len(x), int(2))", {"x": None}),
        ("nn.Linear(sum(i for i in y), 2)", "torch.nn.Linear(sum(i for i in y), 2)", {"y": None}),
        ("nn.Linear((lambda i: i)(y), 2)", "torch.nn.Linear((lambda i: i)(y), 2)", {"y": None}),
        ("import math\nnn.Linear(math.ceil(y), 2)", "torch.nn.Linear(math.ceil(y), 2)", {"y": None}),
        ("from math import ceil\nnn.Linear(ceil(y), 2)", "torch.nn.Linear(math.ceil(y), 2)", {"y": None}),
        ("nn.Linear(*args, **kwargs)", "torch.nn.Linear(*args, **kwargs)", {"args": None, "kwargs": None}),
        ("nn.Linear(1, bias=b)", "torch.nn.Linear(1, bias=b)", {"b": None}),
    ],
)
def test_a_call_is_spelled_by_its_symbol_with_the_free_names_of_its_arguments(text, expected, names):
    call = lines(text)[0].calls[0]
    assert dict(call.names) == names
    assert expected is None or call.code == expected


def test_classes_in_arguments_are_spelled_by_their_symbols_too():
    call = lines("nn.TransformerEncoderLayer(8, 2, activation=F.gelu)")[0].calls[0]
    assert call.code == "torch.nn.TransformerEncoderLayer(8, 2, activation=torch.nn.functional.gelu)"


def test_json_has_the_documented_keys():
    found = lines_json(lines("x = F.relu(\n    nn.Dropout()(x))"))
    assert found == [
        {
            "line": 4,
            "end_line": 5,
            "type": "activation",
            "code": "x = F.relu(\n    nn.Dropout()(x))",
            "calls": [
                {"line": 4, "symbol": "torch.nn.functional.relu", "type": "activation"},
                {"line": 5, "symbol": "torch.nn.Dropout", "type": "regularization"},
            ],
        }
    ]


# Statements with calls of any shape, to lay the two trees side by side.
NAMES = st.sampled_from(["nn.ReLU", "f", "F.relu", "(nn.GELU)", "é", "x.y.z", "nn.Linear"])
EXPRESSIONS = st.recursive(
    st.sampled_from(["x", "1", "'ä'", "'''a\nb'''", "nn.ReLU()", "f'{nn.ReLU()}'", "'a' 'b'"]),
    lambda inner: st.one_of(
        st.builds("{}({}, k={})".format, NAMES, inner, inner),
        st.builds("{}(\n    {},\n    *{},\n)".format, NAMES, inner, inner),
        st.builds("({})({})".format, inner, inner),
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("[{} for i in {} if {}]".format, inner, inner, inner),
        st.builds("{{{}: {}, **{}}}".format, inner, inner, inner),
        st.builds("(lambda a={}: {})".format, inner, inner),
        st.builds("({} < {} and not {})".format, inner, inner, inner),
        st.builds("({}).m({})[{}:{}]".format, inner, inner, inner, inner),
        st.builds("(y := {})".format, inner),
    ),
    max_leaves=8,
)
STATEMENTS = st.one_of(
    st.builds("a = b = {}".format, EXPRESSIONS),
    st.builds("a: {} = {}".format, EXPRESSIONS, EXPRESSIONS),
    st.builds("if {}:\n\tf({})\nelif {}: pass\nelse:\n\tpass".format, EXPRESSIONS, EXPRESSIONS, EXPRESSIONS),
    st.builds("@{}\ndef f(a={}, /, *b, c={}) -> {}:\n  return {}".format, *[EXPRESSIONS] * 5),
    st.builds("class A({}, k={}):\n\f  a = {}; b = {}".format, *[EXPRESSIONS] * 4),
    st.builds("try:\n pass\nexcept {} as e:\n {}\nfinally:\n {}".format, *[EXPRESSIONS] * 3),
    st.builds("with {} as a, {}:\n for i in {}: {}".format, *[EXPRESSIONS] * 4),
    st.builds("match {}:\n case 1 if {}:\n  assert {}, {}".format, *[EXPRESSIONS] * 4),
)
PROGRAMS = st.builds(
    lambda body, end, final: (HEAD + "\n".join(body)).replace("\n", end) + final * end,
    st.lists(STATEMENTS, max_size=4),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from([0, 1, 3]),
)


@settings(max_examples=150, deadline=None)
@given(PROGRAMS)
def test_spans_slice_exactly_the_source_of_a_call(text):
    source = Text(text)
    for line in typed_lines(text):
        for call in line.calls:
            span = call.span
            piece = text[source.offset(span.line, span.column) : source.offset(span.end_line, span.end_column)]
            parsed = ast.parse(f"({piece})", mode="eval").body
            assert isinstance(parsed, ast.Call)
            assert line.line <= call.line == span.line <= span.end_line <= line.end_line


@settings(max_examples=150, deadline=None)
@given(PROGRAMS)
def test_parsing_and_printing_gives_the_text_back(text):
    if "\r" not in text.replace("\r\n", ""):
        assert parse(text)[0].code == text


@settings(max_examples=100, deadline=None)
@given(PROGRAMS)
def test_places_are_those_of_libcsts_own_provider(text):
    module, tree = parse(text)
    calls = calls_in_source_order(module)
    ours = layout(Text(text), module, calls, tree)
    theirs = MetadataWrapper(module, unsafe_skip_copy=True).resolve(PositionProvider)
    assert tree is not None
    for number, call in enumerate(calls):
        span = Text(text).span(ours.place(number).call)
        start, end = theirs[call].start, theirs[call].end
        assert (span.line, span.column, span.end_line, span.end_column) == (
            start.line,
            start.column,
            end.line,
            end.column,
        )


@settings(max_examples=100, deadline=None)
@given(PROGRAMS)
def test_the_code_of_a_call_is_a_call_of_its_symbol(text):
    for line in typed_lines(text):
        for call in line.calls:
            parsed = cst.parse_expression(call.code, cst.PartialParserConfig(default_newline="\n"))
            assert isinstance(parsed, cst.Call)
            assert ast.unparse(ast.parse(call.code, mode="eval").body.func) == call.symbol
