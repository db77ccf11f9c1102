import pytest

from gi.export.layout import (
    defined_names,
    formatted,
    merged_imports,
    split_imports,
    used_names,
    with_free_names,
    without_docstring,
    without_main,
)


def test_a_docstring_is_left_out():
    assert without_docstring('"""One.\n\nTwo."""\nimport torch\n') == "import torch\n"
    assert without_docstring("import torch\n") == "import torch\n"


def test_imports_are_taken_out_of_a_text():
    imports, rest = split_imports("import torch\nfrom torch import (\n    nn,\n)\nx = 1\n")
    assert imports == ("import torch", "from torch import nn")
    assert rest == "x = 1\n"


def test_an_import_that_shares_its_line_stays():
    assert split_imports("import torch; x = 1\n") == ((), "import torch; x = 1\n")


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


def test_names_that_are_taken_get_an_underscore():
    text = "def train(x):\n    return f'{scale(x)}'\n\ndef scale(x):\n    return 2 * x\n"
    free = with_free_names(text, {"scale", "other"})
    assert defined_names(free) == {"train", "scale_"}
    assert "{scale_(x)}" in free


def test_a_text_without_clashes_stays_as_it_is():
    text = "def train( x ) : return x\n"
    assert with_free_names(text, {"scale"}) is text


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("import torch.nn as nn\nimport os.path\n", {"nn", "os"}),
        ("A, b = 1, 2\nclass C: pass\ndef d(): e = 1\n", {"A", "b", "C", "d"}),
    ],
)
def test_defined_names_are_those_of_the_top_level(text, names):
    assert defined_names(text) == names


def test_used_names_are_those_that_are_read():
    assert used_names("a = b.c(d)\n") == {"b", "d"}


def test_layout_is_blacks():
    assert formatted("x = { 'a':1 }\n") == 'x = {"a": 1}\n'


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
