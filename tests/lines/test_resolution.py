"""What calls resolve to: one table of texts with the symbols that they must give, one of texts that must give none."""

import pickle
from textwrap import dedent

import pytest

from gi.lines.index import ClassIndex
from gi.lines.typed import typed_lines

TEN = ("relu", "gelu", "silu", "elu", "selu", "celu", "glu", "mish", "softmax", "tanh")
RESOLVES = {
    "an alias of a module": ("import torch.nn as layers\nlayers.Conv2d(1, 2, 3)", ["torch.nn.Conv2d"]),
    "a submodule through its package": ("import torch\ntorch.nn.functional.relu(x)", ["torch.nn.functional.relu"]),
    "a submodule imported by its full name": ("import torch.nn.functional\ntorch.nn.ReLU()", ["torch.nn.ReLU"]),
    "a from import with an alias": ("from torch.nn import Conv2d as C\nC(1, 2, 3)", ["torch.nn.Conv2d"]),
    "a private module": ("from torch.nn.modules.conv import Conv2d\nConv2d(1, 2, 3)", ["torch.nn.Conv2d"]),
    "a star import": ("from torch.nn import *\nConv2d(1, 2, 3)", ["torch.nn.Conv2d"]),
    "a star import of a module of modules": ("from torch import *\nnn.Conv2d(1, 2, 3)", ["torch.nn.Conv2d"]),
    "an import inside a function": (
        "def f():\n    from torch import nn\n    return nn.ReLU()",
        ["torch.nn.ReLU"],
    ),
    "an import that may fail": (
        "try:\n    from fast import LN\nexcept ImportError:\n    from torch.nn import LayerNorm as LN\nLN(8)",
        ["torch.nn.LayerNorm"],
    ),
    "a class of the same file": (
        "from torch import nn\nclass LN(nn.LayerNorm): pass\nLN(8)",
        ["LN"],
    ),
    "a class of the same file, two bases deep, used before it is defined": (
        "from torch import nn\ndef f(): return B(8)\nclass A(nn.LayerNorm): pass\nclass B(A): pass",
        ["B"],
    ),
    "a class inside a function": (
        "from torch import nn\ndef f():\n    class A(nn.ReLU): pass\n    return A()",
        ["A"],
    ),
    "a default argument": ("from torch import nn\ndef f(n=nn.BatchNorm2d): return n(8)", ["torch.nn.BatchNorm2d"]),
    "a keyword-only default argument": ("from torch import nn\ndef f(*, n=nn.ReLU): return n()", ["torch.nn.ReLU"]),
    "a default argument of an enclosing function": (
        "from torch import nn\ndef f(n=nn.ReLU):\n    def g():\n        return n()\n    return g",
        ["torch.nn.ReLU"],
    ),
    "a default argument that is a partial": (
        "from torch import nn\nfrom functools import partial\ndef f(n=partial(nn.LayerNorm, eps=1e-6)): return n(8)",
        ["torch.nn.LayerNorm"],
    ),
    "an optional argument that is filled in": (
        """
        from torch import nn
        from typing import Callable, Optional
        def f(norm_layer: Optional[Callable[..., nn.Module]] = None):
            if norm_layer is None:
                norm_layer = nn.BatchNorm2d
            return norm_layer(64)
        """,
        ["torch.nn.BatchNorm2d"],
    ),
    "an optional argument that is filled in with or": (
        "from torch import nn\ndef f(n=None):\n    n = n or nn.ReLU\n    return n()",
        ["torch.nn.ReLU"],
    ),
    "an argument that a function completes": (
        "from torch import nn\ndef f(n=nn.ReLU):\n    n = get_layer(n)\n    return n()",
        ["torch.nn.ReLU"],
    ),
    "a local name": ("from torch import nn\ndef f():\n    act = nn.ReLU\n    return act()", ["torch.nn.ReLU"]),
    "names assigned together": ("from torch import nn\na, b = nn.ReLU, nn.Dropout\nb()", ["torch.nn.Dropout"]),
    "a chained assignment": ("from torch import nn\na = b = nn.ReLU\nb()", ["torch.nn.ReLU"]),
    "a walrus": ("from torch import nn\nif (a := nn.ReLU):\n    a()", ["torch.nn.ReLU"]),
    "a loop over layers": ("from torch import nn\nfor a in (nn.ReLU, nn.GELU):\n    a()", ["torch.nn.ReLU"]),
    "a comprehension over layers": ("from torch import nn\nx = [a() for a in (nn.ReLU, nn.GELU)]", ["torch.nn.ReLU"]),
    "a partial by its module": (
        "import functools\nfrom torch import nn\nn = functools.partial(nn.BatchNorm2d, eps=1)\nn(3)",
        ["torch.nn.BatchNorm2d"],
    ),
    "a choice of one type": (
        "from torch import nn\nc = nn.Conv2d if flat else nn.Conv3d\nc(1, 2, 3)",
        ["torch.nn.Conv2d"],
    ),
    "a choice with the identity": (
        "from torch import nn\nc = nn.Identity if plain else nn.ReLU\nc()",
        ["torch.nn.ReLU"],
    ),
    "each branch its own": (
        """
        from torch import nn
        def f(kind):
            if kind == "a":
                c = nn.ReLU
                c()
            elif kind == "b":
                c = nn.Dropout
                c()
        """,
        ["torch.nn.ReLU", "torch.nn.Dropout"],
    ),
    "a branch that returns leaves nothing behind": (
        """
        from torch import nn
        def f(kind, c=nn.ReLU):
            if kind:
                c = nn.Dropout
                return c()
            return c()
        """,
        ["torch.nn.Dropout", "torch.nn.ReLU"],
    ),
    "an attribute that holds a class": (
        """
        from torch import nn
        class Net(nn.Module):
            def __init__(self, norm_layer=nn.BatchNorm2d):
                self._norm_layer = norm_layer
            def make(self):
                norm = self._norm_layer
                return norm(1), self._norm_layer(2)
        """,
        ["torch.nn.BatchNorm2d", "torch.nn.BatchNorm2d"],
    ),
    "an attribute of a base class": (
        """
        from torch import nn
        class Base(nn.Module):
            act = nn.ReLU
        class Net(Base):
            def make(self):
                return self.act()
        """,
        ["torch.nn.ReLU"],
    ),
    "the function of a decorator and of a default": (
        "from torch import nn\n@wrap(nn.ReLU())\ndef f(a=nn.Dropout()): pass",
        ["torch.nn.ReLU", "torch.nn.Dropout"],
    ),
    "calls in lambdas": ("from torch import nn\nf = lambda n=nn.ReLU: n()", ["torch.nn.ReLU"]),
    "a method called on a layer": ("from torch import nn\nnn.ReLU()(x).mean()", ["torch.nn.ReLU"]),
    "a layer, not its instance": ("from torch import nn\na = nn.ReLU()\na(x)", ["torch.nn.ReLU"]),
    "any statement": (
        """
        import torch.nn.functional as F
        async def f(x):
            assert F.relu(x)
            while F.gelu(x):
                x += F.silu(x)
            with F.elu(x) as y:
                del y
            match F.selu(x):
                case 1 if F.celu(x):
                    raise F.glu(x)
            async for z in F.mish(x):
                return (await F.softmax(x), [*F.tanh(x)])
        """,
        [
            f"torch.nn.functional.{f}"
            for f in ("relu", "gelu", "silu", "elu", "selu", "celu", "glu", "mish", "softmax", "tanh")
        ],
    ),
}

NOTHING = {
    "a bare name": "Conv2d(1, 2, 3)",
    "the class itself": "from torch import nn\na = nn.Conv2d",
    "building a partial": "from torch import nn\nfrom functools import partial\na = partial(nn.Conv2d, 3)",
    "a call of super": "from torch import nn\nclass A(nn.ReLU):\n    def __init__(self):\n        super().__init__()",
    "a call of a base's method": "from torch import nn\nnn.Conv2d.__init__(self, 1, 2, 3)",
    "a parameter that shadows a module": "from torch import nn\ndef f(nn): return nn.ReLU()",
    "a local name that shadows a module": "from torch import nn\ndef f():\n    nn = load()\n    return nn.ReLU()",
    "a loop's name that shadows a class": "from torch.nn import ReLU\nfor ReLU in kinds:\n    ReLU()",
    "a comprehension's name that shadows a class": "from torch.nn import ReLU\n[ReLU() for ReLU in kinds]",
    "a lambda's parameter that shadows a class": "from torch.nn import ReLU\nf = lambda ReLU: ReLU()",
    "a function that shadows an import": "from torch.nn.functional import relu\ndef relu(x): return x\nrelu(1)",
    "a class that shadows an import": "from torch.nn import ReLU\nclass ReLU: pass\nReLU()",
    "a with statement's name": "from torch.nn import ReLU\nwith a as ReLU:\n    ReLU()",
    "a name assigned anew": "from torch import nn\na = nn.ReLU\na = make()\na()",
    "a class attribute from inside a method": "from torch import nn\nclass A:\n    a = nn.ReLU\n    def f(self): a()",
    "a choice of two types": "from torch import nn\na = nn.ReLU if b else nn.Dropout\na()",
    "a method of a value": "def f(x): return x.flatten(1).relu()",
    "a relative import that leaves the package": "from ....nn import ReLU\nReLU()",
    "a module class": "from torch import nn\nclass Block(nn.Module): pass\nBlock()",
    "a container": "from torch import nn\nnn.Sequential()",
    "a class that is its own base": "class A(A): pass\nA()",
    "an f-string": "from torch import nn\nprint(f'{nn.ReLU()}')",
    "an empty file": "",
    "comments alone": "# nn.ReLU()\n",
}


def symbols(text, **options):
    return [call.symbol for line in typed_lines(dedent(text), **options) for call in line.calls]


@pytest.mark.parametrize("case", RESOLVES)
def test_resolves(case):
    text, expected = RESOLVES[case]
    assert symbols(text) == expected


@pytest.mark.parametrize("case", NOTHING)
def test_gives_nothing_for(case):
    assert symbols(NOTHING[case]) == []


PACKAGE = {
    "pkg": "from .layers import *\nfrom .layers import Norm as PublicNorm\n",
    "pkg.layers": "from .norm import Norm, Plain\nfrom .act import Act\nMine = Act\n",
    "pkg.layers.norm": "from torch import nn\nclass Norm(nn.LayerNorm): pass\nclass Plain(nn.Module): pass\n",
    "pkg.layers.act": (
        "import torch.nn as nn\nfrom functools import partial\n"
        "if True:\n    class Act(nn.ReLU): pass\nelse:\n    Act = None\nSmall = partial(nn.GELU, approximate='tanh')\n"
    ),
    "pkg.models.net": "",
    "pkg.ring.a": "from .b import X\n",
    "pkg.ring.b": "from .a import X\n",
    "pkg.broken": "def (:\n",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from ..layers.norm import Norm\nNorm(1)", ["pkg.layers.norm.Norm"]),
        ("from ..layers import Norm as N\nN(1)", ["pkg.layers.norm.Norm"]),
        ("from pkg import PublicNorm\nPublicNorm(1)", ["pkg.layers.norm.Norm"]),
        ("from .. import layers\nlayers.Norm(1)", ["pkg.layers.norm.Norm"]),
        ("import pkg.layers as L\nL.Mine()", ["pkg.layers.act.Act"]),
        ("from ..layers import *\nAct()\nPlain()", ["pkg.layers.act.Act"]),
        ("from pkg import *\nAct()", ["pkg.layers.act.Act"]),
        ("from ..layers.act import Small\nSmall()", ["torch.nn.GELU"]),
        ("from ..layers.norm import nn\nnn.ReLU()", ["torch.nn.ReLU"]),
        ("from ..layers import Norm\nclass Mine(Norm): pass\nMine(1)", ["Mine"]),
        ("from ..ring.a import X\nX()", []),
        ("from ..broken import X\nX()", []),
        ("from ..missing import X\nX()", []),
        ("from ..layers import Plain\nPlain()", []),
    ],
)
def test_follows_other_files_of_the_package(text, expected):
    assert symbols(text, module="pkg.models.net", classes=ClassIndex.of(PACKAGE)) == expected


def test_relative_imports_of_a_package_start_from_itself():
    index = ClassIndex.of(PACKAGE)
    text = "from .norm import Norm\nNorm(1)"
    assert symbols(text, module="pkg.layers", classes=index) == ["pkg.layers.norm.Norm"]
    assert symbols(text, module="pkg.layers.__init__") == []
    assert symbols(text, module="pkg.layers.__init__", classes=index) == ["pkg.layers.norm.Norm"]


def test_a_star_import_of_a_file_with_its_own_star_import_ends():
    index = ClassIndex.of({"a": "from b import *\nfrom torch.nn import *", "b": "from a import *"})
    assert symbols("from a import *\nReLU()", classes=index) in (["torch.nn.ReLU"], [])


def test_an_index_travels_to_other_processes():
    index = pickle.loads(pickle.dumps(ClassIndex.of(PACKAGE)))
    assert symbols("from pkg import PublicNorm\nPublicNorm(1)", classes=index) == ["pkg.layers.norm.Norm"]
