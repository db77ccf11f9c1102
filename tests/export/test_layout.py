import pytest

from gi.core.errors import SourceError
from gi.export.layout import cut, formatted, identifiers, imports_package, merged_imports, used_names, without_main


def test_a_docstring_is_left_out():
    assert cut('"""One.\n\nTwo."""\nx = 1\n').body == "x = 1"
    assert cut("x = 1\n").body == "x = 1"


@pytest.mark.parametrize(
    ("text", "imports", "body"),
    [
        ("import torch\nfrom torch import (\n    nn,\n)\nx = 1\n", ("import torch", "from torch import nn"), "x = 1"),
        ("x = 1\nimport torch\ny = 2\n", ("import torch",), "x = 1\ny = 2"),
        ("import torch, \\\n    os\r\nx = 1", ("import torch, os",), "x = 1"),
        ("import torch; x = 1\n", (), "import torch\n\nx = 1"),
        ('"""One."""; import torch\nx = 1\n', (), "pass\nimport torch\n\nx = 1"),
        ("from a import x\nfrom b import x\n", (), "from a import x\nfrom b import x"),
        ("import a\na = a.a\n", (), "import a\n\na = a.a"),
        ("from torch.nn import *\nfrom a import Conv2d\n", (), "from torch.nn import *\nfrom a import Conv2d"),
        ("if x:\n    import a\nimport a\n", (), "if x:\n    import a\nimport a"),
        ("import a\n\n\ndef f():\n    global a\n    a = 1\n", (), "import a\n\n\ndef f():\n    global a\n    a = 1"),
    ],
)  # fmt: skip
def test_imports_are_taken_out_where_they_mean_the_same_at_the_top(text, imports, body):
    parts = cut(text)
    assert (parts.imports, parts.body) == (imports, body)


def test_future_imports_are_kept_apart():
    parts = cut('"""A."""\nfrom __future__ import annotations\nimport torch\nx: torch = 1\n')
    assert parts.future == ("from __future__ import annotations",)
    assert parts.imports == ("import torch",)


def test_what_python_would_not_compile_is_refused():
    with pytest.raises(SourceError, match="line 2: name 'x' is parameter and global"):
        cut("def f(x):\n    global x\n")


def test_imports_are_merged_sorted_and_limited_to_what_is_used():
    statements = [
        "from torch import nn, optim",
        "import torch",
        "import torch.nn.functional as F",
        "from torch import nn",
    ]
    assert merged_imports(statements, {"torch", "nn", "F"}) == (
        "import torch",
        "import torch.nn.functional as F",
        "from torch import nn",
    )


def test_used_names_are_those_that_are_read():
    assert used_names("a = b.c(d)\n") == {"b", "d"}


def test_identifiers_are_all_that_code_mentions_and_nothing_of_comments_and_texts():
    assert identifiers("import a.b as c\nx = y.z('LBFGS')  # LBFGS\n") == {"a", "b", "c", "x", "y", "z"}


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("import torchvision.ops\n", True),
        ("def f():\n    from torchvision import ops\n", True),
        ("import torch\n", False),
    ],
)
def test_an_import_of_a_package_is_seen_within_functions_too(text, there):
    assert imports_package(text, "torchvision") is there


def test_layout_is_blacks():
    assert formatted("x = { 'a':1 }\n") == 'x = {"a": 1}\n'


def test_what_black_cannot_read_stays_as_it_is():
    assert formatted("x = 10l\n") == "x = 10l\n"


def test_what_a_script_does_when_run_goes_with_what_only_that_used():
    script = (
        "import torch\n\n\nclass Net(torch.nn.Module):\n    pass\n\n\ndef helper():\n    return 1\n\n\ndef main():\n"
        "    helper()\n\n\ndef unused():\n    pass\n\n\nif __name__ == '__main__':\n    main()\n"
    )
    kept = without_main(script, "Net")
    assert "main" not in kept
    assert "helper" not in kept
    assert "def unused" in kept
    assert without_main(kept, "Net") == kept
