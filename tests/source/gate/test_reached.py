"""What running a program cannot reach is not read, and all else is."""

import pytest

from gi.source.gate.gate import refusals
from tests.attacks.programs import ATTACKS, program

#: What these define nothing ever calls.
NEVER_RUN = {"classes/tensor subclass"}


@pytest.mark.parametrize("name", sorted(ATTACKS.keys() - NEVER_RUN))
def test_an_attack_is_reached_from_the_entry(name):
    rule, text = ATTACKS[name]
    assert rule in {refusal.rule for refusal in refusals(text, "Net")}


@pytest.mark.parametrize(
    "top",
    [
        "import argparse\n\n\ndef main():\n    print(argparse.ArgumentParser())\n",
        "import os\nfrom torchvision import datasets\n\n\ndef data():\n    return datasets.MNIST(os.getcwd())\n",
        "def test():\n    net = Net()\n    torch.save(net, '/x')\n",
        "def a():\n    b()\n\n\ndef b():\n    a()\n    open('/x')\n",
        "from torch.utils.data import Dataset\n\n\nclass Images(Dataset):\n    def a(self):\n        open('/x')\n",
        "__all__ = ['Net']\n",
        "if __name__ == '__main__':\n    import os\n    os.remove('/x')\n",
    ],
)
def test_what_nothing_reaches_is_not_read(top):
    assert refusals(program(top=top), "Net") == ()
    assert refusals(program(top=top)) != ()


@pytest.mark.parametrize(
    "change",
    [
        {"top": "def main():\n    open('/x')\n", "init": "main()"},
        {"top": "def main():\n    open('/x')\n", "init": "self.act = main"},
        {"top": "def main():\n    open('/x')\n\n\ndef other():\n    main()\n", "recipe": "other()"},
        {"top": "def main(x=open('/x')):\n    pass\n"},
        {"top": "def main(x: open('/x')):\n    pass\n"},
        {"top": "@print\ndef main():\n    pass\n"},
        {"top": "def main(x=9**9**9):\n    pass\n"},
        {"top": "def __getattr__(name):\n    open('/x')\n"},
        {"top": "def list(x):\n    open('/x')\n"},
        {"top": "class A(nn.Module):\n    open('/x')\n"},
        {"top": "class A(nn.Module):\n    def __init_subclass__(cls):\n        open()\n\n\nclass B(A):\n    pass\n"},
        {"top": "class A(type):\n    def mro(cls):\n        open('/x')\n\n\nclass B(metaclass=A):\n    pass\n"},
        {"top": "class A(open('/x')):\n    pass\n"},
        {"top": "class A:\n    def a(self, x=open('/x')):\n        pass\n"},
        {"top": "class A:\n    a = 9**9**9\n"},
        {"top": "if __name__ == '__main__':\n    pass\nelse:\n    open('/x')\n"},
        {"top": "if __name__ == '__main__' or open('/x'):\n    pass\n"},
        {"top": "from os import *\n"},
        {"top": "import antigravity\n"},
        {"top": "from torch.utils import cpp_extension\n"},
        {"top": "__all__ = open('/x')\n"},
    ],
    ids=lambda change: " ".join(change.values()).replace("\n", " ")[:60],
)
def test_what_runs_by_itself_or_is_mentioned_is_read(change):
    assert refusals(program(**change), "Net") != ()


def test_another_entry_reaches_other_definitions():
    text = program(top="def factory():\n    open('/x')\n    return Net()\n")
    assert refusals(text, "Net") == ()
    assert refusals(text, "factory") != ()
