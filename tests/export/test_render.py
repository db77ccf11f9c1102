"""The exported file is the program, its reader and its main, whatever the layout of the program's text."""

import ast
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gi.core.types import Origin, Task
from gi.explain.provenance.origins import LineOrigin
from gi.export.layout import formatted
from gi.export.render import DataFacts, Figures, model_text
from gi.harvest import bundled
from tests.small_run import SMALL

FACTS = DataFacts(
    name="digits",
    reader="npz",
    settings={"DATA_NAME": "digits.npz"},
    hint="digits.npz",
    task=Task((1, 8, 8), 10),
    mean=(77.9,),
    std=(96.2,),
)
FIGURES = Figures(num_params=650, batch_size=64, steps=5, validation_errors=(0.1,))
DONOR = Origin("https://example.org/nets", "abc", "nets/net.py", 7, "MIT")
SEEDS = [path.read_text("utf-8") for path in sorted((bundled() / "seeds").glob("*.py"))]


def exported(text, origins=(), facts=FACTS, entry="Net"):
    return model_text(text, origins, facts, FIGURES, entry)


def statements(text):
    """The trees of a module's statements, but for imports and a docstring, by what they say."""
    body = ast.parse(text).body
    kept = [n for n in body if not isinstance(n, ast.Import | ast.ImportFrom | ast.Pass)]
    return [ast.dump(n) for n in kept if not (isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant))]


#: Statements in layouts that formatters change, and some that Black cannot keep as they are.
ODDITIES = [
    "def call(*args, **kwargs):\n    return dict(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=1, "
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb=2, cccccccccccccccccccccccccccccc=3, *args, **kwargs)\n",
    "def long(first_argument_of_many, second_argument_of_many, third_argument_of_many, *rest_of_them, "
    "keyword_only=None, **all_others):\n    pass\n",
    "VALUES = [1, 2, 3,]\n",
    "a = 1; b = 2;\n",
    "c = 1 + \\\n    2\n",
    "if True:\n\td = 1\n\tif d:\n\t\te = 2\n",
    "\x0c\nf = 'a page further'\n",
    'g = """two\nlines\x0cand a page\n    """\n',
    "h = '\u2028\x1c\x85'\n",
    "# a comment\n\n\n\n\ni = 1  # another\n",
    "@staticmethod\n# between\n@property\ndef decorated(): return 1\n",
    "class Outer:\n  class Inner:\n    '''Deep.  \n\t more'''\n    x: int\n    y: 'list[int] | None' = None\n",
    "def typed(x: int, /, y: 'str' = 'a', *, z: float | None = None) -> dict[str, int]: return {}\n",
    "def matched(x):\n    match x:\n        case {'a': [1, 2, *rest], **others} if rest: return others\n"
    "        case Outer(x=1) | None: return 1\n        case _: return 0\n",
    "j = f'{1!r:>{10}} {{}}' 'joined' \"with 'quotes'\"\n",
    "import os, sys as system\nfrom os import (\n  path,  # paths\n  sep,\n)\n"
    "k = path.join(sep, os.name, system.platform)\n",
    "from __future__ import annotations\n",
    "try:\n    import numpy\nexcept ImportError:\n    numpy = None\n",
    "global_one = lambda *a, **k: (yield)\n",
    "def train(x): return error\ndef error(): return sum\nsum = max\nint, torch_ = int, 1\n",
    "struct = ast = argparse = pathlib = zipfile = 0\n",
    "def g_(): \n    global read_split, MEAN\n    read_split = MEAN = 1\n",
    "with (open(__file__) as one,): pass\n",
    "del (c)\n",
    "l = ('a'\n     # why\n     'b')\n",
    "async def m():\n    async with a as b, c as d: await b\n",
    "n = 0XABCDEF, 1E5, 10J, 0o17, u'text', rb'bytes'\n",
    "if __name__ == '__main__': print(1)\n",
]
LAYOUTS = [
    lambda text: text,
    lambda text: text.replace("\n", "\r\n"),
    lambda text: text.replace("\n", "\r"),
    lambda text: text.rstrip("\n"),
    lambda text: "\n\n\x0c\n" + text + "\n\n\n",
    lambda text: text.replace("    ", "\t"),
    lambda text: text.replace("\n\n\n", "\n"),
]


def placed(text, pieces):
    """A program with odd statements in front of its first class; `from __future__` where it has to stand."""
    future = [piece for piece in pieces if "__future__" in piece]
    others = [piece for piece in pieces if "__future__" not in piece]
    head, _, tail = text.partition("class Net")
    return "".join(future[:1]) + head[head.find("import") :] + "".join(others) + "class Net" + tail


@given(
    st.sampled_from([SMALL, *SEEDS]),
    st.lists(st.sampled_from(ODDITIES), unique=True, max_size=6),
    st.sampled_from(LAYOUTS),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_file_is_the_program_in_any_layout(text, pieces, layout):
    program = layout(placed(text, [*pieces, "c = 1\n"] if "del (c)\n" in pieces else pieces))
    origins = [LineOrigin(n, code, DONOR, "insertion") for n, code in enumerate(program.split("\n"), 1)]
    try:
        compile(program, "program", "exec")
    except SyntaxError:
        return
    made = exported(program, origins[-3:])
    expected = statements(formatted(re.sub(r"\r\n?", "\n", program)))
    assert {tree for tree in expected if "__main__" not in tree} <= set(statements(made))


@pytest.mark.parametrize("odd", ODDITIES)
def test_each_layout_alone_is_exported_and_parsed_again(odd):
    program = placed(SMALL, [odd if odd != "del (c)\n" else "c = 1\ndel (c)\n"])
    assert compile(exported(program), "model.py", "exec")


def test_a_line_is_found_though_black_adds_a_comma_by_what_else_the_file_holds():
    line = ODDITIES[0]
    made = exported(placed(SMALL, [line]), [LineOrigin(6, "    return dict(", DONOR, "insertion")])
    note = next(row for row in made.splitlines() if row.startswith("#   line"))
    number = int(note.split()[2].rstrip(","))
    assert made.splitlines()[number - 1].strip() == "return dict("


def test_future_imports_come_first():
    text = "from __future__ import annotations\n" + SMALL.partition('"""\n')[2].replace(
        "(self)", "(self, x: Later = 1)"
    )
    body = ast.parse(exported(text)).body
    assert ast.unparse(body[1]) == "from __future__ import annotations"


def test_an_import_that_a_later_one_replaces_stays_where_it_is():
    text = SMALL.replace("class Net", "from a import Linear\nfrom torch.nn import Linear\n\n\nclass Net", 1)
    made = exported(text)
    assert made.index("from a import Linear") < made.index("from torch.nn import Linear") < made.index("class Net")


def test_a_comment_that_mentions_a_scheduler_changes_no_training():
    comment = "  # not ReduceLROnPlateau, not LBFGS"
    commented = SMALL.replace("scheduler = None", f"scheduler = None{comment}")
    assert exported(commented).replace(comment, "") == exported(SMALL)
