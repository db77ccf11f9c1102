"""Carrying definitions between programs: what comes along, what is reused, what is renamed, where it goes."""

import ast

import pytest

from gi.source.places.carry import carried
from gi.source.tree.scopes import mentions
from gi.source.tree.tree import parse

HOST = "import torch\nfrom torch import nn\n\n\nclass Net(nn.Module):\n    pass\n"


def brought(host, donor, *names):
    """The host's text after the carrying, and how the names are spelled there."""
    made = carried(parse(host), parse(donor), names)
    text = parse(host).edited(made.replacements)
    ast.parse(text)
    return text, made.spelled


def ran(text):
    namespace = {"__name__": "candidate"}
    exec(compile(text, "candidate", "exec"), namespace)
    return namespace


def test_a_class_comes_with_everything_that_it_uses_and_nothing_else():
    donor = (
        "import math\nimport os\nfrom functools import partial as bind\n\nWIDTH = 8\nUNUSED = 9\n\n\n"
        "def half(n):\n    return math.floor(n / 2)\n\n\ndef mark(cls):\n    return cls\n\n\n"
        "class Base:\n    def width(self, n: int = WIDTH) -> int:\n        return half(n)\n\n\n"
        "@mark\nclass Block(Base):\n    # a comment of the author's\n    make = bind(int, '3')\n"
    )
    text, spelled = brought(HOST, donor, "Block")
    assert spelled["Block"] == "Block"
    assert text == (
        "import torch\nfrom torch import nn\nfrom functools import partial as bind\nimport math\n\n\nWIDTH = 8\n\n\n"
        "def half(n):\n    return math.floor(n / 2)\n\n\ndef mark(cls):\n    return cls\n\n\n"
        "class Base:\n    def width(self, n: int = WIDTH) -> int:\n        return half(n)\n\n\n"
        "@mark\nclass Block(Base):\n    # a comment of the author's\n    make = bind(int, '3')\n\n\n"
        "class Net(nn.Module):\n    pass\n"
    )
    assert ran(text)["Block"]().width() == 4


def test_imports_that_stand_for_the_same_are_not_repeated():
    text, spelled = brought(HOST, "import torch\nimport torch.nn as nn\n\nclass A(nn.Module):\n    pass\n", "A")
    assert text.count("import") == 2
    text, spelled = brought(HOST, "import torch.nn as layers\n\nclass A(layers.Module):\n    pass\n", "A", "layers")
    assert "class A(nn.Module)" in text
    assert spelled["layers"] == "nn"


def test_what_comes_from_one_module_is_imported_on_one_line():
    names = ("Any", "Callable", "Optional")
    donor = "".join(f"from typing import {n}\n" for n in names) + f"import math\n\nA = {', '.join(names)}, math\n"
    text, _ = brought("import os\n", donor, "A")
    assert text.startswith("import os\nfrom typing import Any, Callable, Optional\nimport math\n")


def test_a_submodule_is_loaded_even_where_its_package_is_imported():
    text, _ = brought("import os\n", "import os.path\n\ndef f():\n    return os.path.sep\n", "f")
    assert text.startswith("import os\nimport os.path\n")


def test_an_import_whose_name_is_taken_gets_another():
    text, spelled = brought("from a import F\n\nprint(F)\n", "import math as F\n\ndef f():\n    return F.pi\n", "f")
    assert "import math as F1\n" in text
    assert "return F1.pi" in text
    assert spelled["F"] == "F1"


def test_equal_definitions_are_used_as_they_stand():
    donor = 'def act(x):\n    """Documented."""\n    return  x\n\n\nclass A:\n    f = act\n'
    host = "class Net:\n    pass\n\n\ndef act(x):\n    return x\n"
    text, _ = brought(host, donor, "A")
    assert text == f"{host.rstrip()}\n\n\nclass A:\n    f = act\n"
    again, spelled = brought(text, donor, "A")
    assert again == text
    assert spelled["A"] == "A"


def test_other_definitions_of_the_name_make_it_another_everywhere_inside():
    donor = "SIZE = 2\n\n\nclass A:\n    size = SIZE\n\n    def twin(self, SIZE=SIZE):\n        return A(), SIZE\n"
    host = "SIZE = 3\n\n\nclass A:\n    size = SIZE\n"
    text, spelled = brought(host, donor, "A")
    assert spelled == {"A": "A1", "SIZE": "SIZE1"}
    assert "def twin(self, SIZE=SIZE1):\n        return A1(), SIZE\n" in text
    assert ran(text)["A1"].size == 2
    assert ran(text)["A"].size == 3


def test_what_was_renamed_is_found_again():
    donor = "def f():\n    return 1\n\n\nclass A:\n    g = f\n\n    def twin(self):\n        return A()\n"
    host = "def f():\n    return 2\n\n\nclass A:\n    pass\n"
    once, _ = brought(host, donor, "A")
    twice, spelled = brought(once, donor, "A")
    assert twice == once
    assert spelled["A"] == "A1"


def test_alike_texts_that_use_different_things_are_different():
    donor = "def f():\n    return 1\n\n\nclass A:\n    g = f\n"
    text, spelled = brought("def f():\n    return 2\n\n\nclass A:\n    g = f\n", donor, "A")
    assert spelled == {"A": "A1", "f": "f1"}
    assert "    g = f1\n" in text


def test_an_asked_name_is_no_local_name_of_the_host():
    text, spelled = brought("def net(block):\n    return block\n", "def block():\n    pass\n", "block")
    assert spelled["block"] == "block1"
    assert "def block1():" in text


def test_a_name_never_hides_a_builtin_of_the_host():
    text, spelled = brought(
        "a = max(1, 2)\n", "def max(a, b):\n    return 0\n\n\ndef f():\n    return max(1, 2)\n", "f"
    )
    assert spelled["max"] == "max1"
    assert "return max1(1, 2)" in text


def test_names_that_the_donor_does_not_define_stand_for_themselves():
    assert brought(HOST, "x = 1\n", "print", "y")[1] == {"print": "print", "y": "y"}


def test_definitions_in_several_statements_come_whole():
    donor = "try:\n    import fast as impl\nexcept ImportError:\n    impl = None\n\nA = [impl]\nA += [2]\n"
    text, _ = brought("", donor, "A")
    assert text == "try:\n    import fast as impl\nexcept ImportError:\n    impl = None\nA = [impl]\nA += [2]\n"
    renamed, spelled = brought("impl = 3\n", donor, "A")
    assert spelled["impl"] == "impl1"
    assert "import fast as impl1" in renamed
    assert ran(renamed)["A"] == [None, 2]


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("", "import math\n\n\ndef f():\n    return math.pi\n"),
        ("x = 1\n", "import math\n\n\ndef f():\n    return math.pi\n\n\nx = 1\n"),
        ('"""Doc."""\n\nx = 1\n', '"""Doc."""\n\nimport math\n\n\ndef f():\n    return math.pi\n\n\nx = 1\n'),
        ("import os  # why\nx = 1\n", "import os  # why\nimport math\n\n\ndef f():\n    return math.pi\n\n\nx = 1\n"),
        (
            "import os\r\nx = 1\r\n",
            "import os\r\nimport math\r\n\r\n\r\ndef f():\r\n    return math.pi\r\n\r\n\r\nx = 1\r\n",
        ),
        ("import math", "import math\n\n\ndef f():\n    return math.pi"),
    ],
)
def test_imports_and_definitions_stand_where_people_put_them(host, expected):
    assert brought(host, "import math\n\n\ndef f():\n    return math.pi\n", "f")[0] == expected


def test_definitions_stand_below_what_they_use_of_the_hosts():
    host = "class Net:\n    pass\n\n\nclass Base:\n    pass\n\n\nnet = Net()\n"
    text, _ = brought(host, "class Base:\n    pass\n\n\nclass A(Base):\n    pass\n", "A")
    assert text.index("class Base") < text.index("class A(Base)") < text.index("net = Net()")


def test_annotations_that_come_too_early_keep_their_future_import():
    donor = "from __future__ import annotations\n\n\nclass A:\n    def twin(self) -> A:\n        return self\n"
    text, _ = brought('"""Doc."""\nimport os\n', donor, "A")
    assert text.startswith('"""Doc."""\n\nfrom __future__ import annotations\nimport os\n')
    ran(text)
    plain = donor.replace("-> A", "-> int")
    assert "__future__" not in brought("import os\n", plain, "A")[0]


def test_star_imports_come_where_a_name_may_be_theirs():
    donor = "from torch.nn import *\n\n\ndef f():\n    return Linear(1, 2)\n\n\ndef g():\n    return 1\n"
    assert "from torch.nn import *" in brought("", donor, "f")[0]
    assert "from torch.nn import *" not in brought("", donor, "g")[0]


@pytest.mark.parametrize(
    ("statement", "names"),
    [
        ("x = y", ["x", "y"]),
        ("def f(a, b=c):\n    d = a + e\n    return [a for a in d if g]", ["f", "c", "e", "g"]),
        ("class C(B):\n    w = 1\n    v = w\n    def f(self):\n        return w", ["C", "B", "w"]),
        ("def f():\n    global n\n    n = 1", ["f", "n", "n"]),
        ("def f():\n    x = 1\n    def g():\n        nonlocal x\n        x = y\n    return g", ["f", "y"]),
        ("f = lambda a, *b, c=d: (a, b, c, e)", ["f", "d", "e"]),
        ("def f(a: T) -> U:\n    with o() as p, q() as (r, s):\n        return p, r, s", ["f", "T", "U", "o", "q"]),
        ("def f(x):\n    if (n := len(x)) > 1:\n        return n", ["f", "len"]),
        ("def f(x):\n    match x:\n        case [a, *b]:\n            return a, b, C", ["f", "C"]),
        ("def f():\n    try:\n        import a.b\n    except E as e:\n        return e, a", ["f", "E"]),
        ("z = {k: v for k in a for v in k}", ["z", "a"]),
    ],
)
def test_mentions_follow_the_rules_of_scope(statement, names):
    found = [m.name for m in mentions(ast.parse(statement).body[0])]
    assert sorted(found) == sorted(names)
