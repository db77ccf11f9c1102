"""Which classes of a harvest are modules, and the literals that they are called with."""

from gi.corpus.classes import module_classes
from gi.source.model_file.class_calls import calls_by_class

LAYERS = "from torch import nn\n\n\nclass Base(nn.Conv2d):\n    pass\n"
NET = """import torch
import torch.nn as nn
from layers import Base
import layers


class A(Base):
    pass


class B(layers.Base):
    pass


class C(A):
    pass


class No:
    pass


class D(torch.nn.Module):
    pass


class E(torch.utils.data.Dataset):
    pass


class F(F):
    pass


A(3, width=4)
A(n, *x)
"""


def test_classes_are_found_through_their_bases(harvested):
    found = list(module_classes(harvested({"layers.py": LAYERS, "net.py": NET})))
    assert [c.name for c in found] == ["Base", "A", "B", "C", "D"]
    assert (found[1].origin.path, found[1].origin.line, found[1].origin.licence) == ("net.py", 7, "MIT")
    assert found[1].calls == ((["3"], {"width": "4"}),)


def test_calls_keep_their_literals_and_texts_that_do_not_parse_have_none():
    found = calls_by_class(["net = models.Block(8, n, k=(3, 3))\nrelu(1)\n", "def ("])
    assert dict(found) == {"Block": [(["8", None], {"k": "(3, 3)"})]}
