"""What a module asks about where it runs is answered, and the rest of it stays, on the lines on which it stood."""

import pytest

from gi.corpus.settled import settled

ANSWERED = [
    ("import torch\nif torch.jit.is_scripting():\n    a = 1\nelse:\n    a = 2\n", "import torch\na = 2\n"),
    ("import torch\na = 1 if torch.jit.is_tracing() else 2\n", "import torch\na = 2\n"),
    ("import torch\nif not torch.jit.is_scripting() and a:\n    b = 1\n", "import torch\nif a:\n    b = 1\n"),
    ("import torch\nb = hasattr(torch.nn.functional, 'relu')\n", "import torch\nb = True\n"),
    ("import torch.nn.functional as F\nb = F.relu if 'relu' in dir(F) else 1\n",
     "import torch.nn.functional as F\nb = F.relu\n"),
    ("import os\nif 'SWITCH' in os.environ:\n    a = 1\n", "import os\n"),
    ("import os\na = os.environ.get('SWITCH', 3)\n", "import os\na = 3\n"),
    ("import os\na = os.getenv('SWITCH')\n", "import os\na = None\n"),
    ("try:\n    from torch import nn\nexcept ImportError:\n    nn = None\n", "from torch import nn\n"),
    ("try:\n    import apex\n    HAS = True\nexcept ImportError:\n    HAS = False\n", "HAS = False\n"),
    ("HAS = False\nx = 1 if HAS else 2\n", "HAS = False\nx = 2\n"),
    ("import torch\n\n\ndef tracing():\n    return torch.jit.is_tracing()\n\n\nx = 1 if tracing() else 2\n",
     "import torch\n\n\ndef tracing():\n    return False\n\n\nx = 2\n"),
    ("import torch\nif a:\n    b = 1\nelif torch.jit.is_scripting():\n    b = 2\nelse:\n    b = 3\n",
     "import torch\nif a:\n    b = 1\nelse:\n    b = 3\n"),
    ("import torch\nif torch.jit.is_scripting():\n    b = 1\nelif a:\n    b = 2\n", "import torch\nif a:\n    b = 2\n"),
    ("import torch\nif torch.jit.is_scripting():\n    b = 1\nelse:\n    b = '''\n  as it\n    was'''\n",
     "import torch\nb = '''\n  as it\n    was'''\n"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after"), ANSWERED, ids=[before[:60] for before, _ in ANSWERED])
def test_what_is_known_is_answered_and_the_lines_stay(before, after):
    made = settled(before)
    assert made.count("\n") == before.count("\n")
    assert [line for line in made.split("\n") if line.strip()] == [line for line in after.split("\n") if line.strip()]


SWITCH = (
    "class A:\n    def __init__(self):\n        self.on = {}\n\n    def f(self):\n        return 1 if self.on else 2\n"
)


def test_a_switch_of_a_whole_text_that_is_set_one_way_is_known():
    assert settled(SWITCH.format("False"), whole=True).endswith("return 2\n")
    assert settled(SWITCH.format("False")) == SWITCH.format("False")
    for other in ("given", "0", "[]"):
        assert settled(SWITCH.format(other), whole=True) == SWITCH.format(other)
    for more in ("\n\nA().on = True\n", "\n\nsetattr(a, b, c)\n", "\n\nclass B(A):\n    on = True\n"):
        assert settled(SWITCH.format("False") + more, whole=True) == SWITCH.format("False") + more


def test_a_switch_of_torchs_layers_is_not_known():
    text = SWITCH.format("False").replace("self.on", "self.bias")
    assert settled(text, whole=True) == text


@pytest.mark.parametrize(
    "text",
    [
        "x = (",
        "import torch\nif torch.cuda.is_available():\n    a = 1\n",
        "def hasattr(a, b):\n    return 1\n\n\nb = hasattr(torch, 'relu')\n",
        "HAS = False\n\n\ndef on():\n    global HAS\n    HAS = True\n\n\nx = 1 if HAS else 2\n",
        "HAS = False\n\n\ndef f(HAS):\n    return 1 if HAS else 2\n",
        "import torch\nb = hasattr(torch, 'nobody_knows_this')\n",
        "try:\n    from torch import nobody_knows_this\nexcept ImportError:\n    nobody_knows_this = None\n",
        "try:\n    risky()\nexcept ImportError:\n    pass\n",
    ],
)
def test_what_is_not_known_stays(text):
    assert settled(text) == text


def test_a_package_of_the_source_itself_can_be_imported():
    text = "try:\n    import mine\nexcept ImportError:\n    mine = None\n"
    assert settled(text) == "mine = None\n\n\n\n"
    assert settled(text, frozenset({"mine"})) == text
