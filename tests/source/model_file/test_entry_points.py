import ast

import pytest

from gi.core.errors import ConfigError, SourceError
from gi.source.model_file.entry_points import bound_names, entry_of
from gi.source.model_file.plain_recipe import with_recipe, without_plain_recipe

HEAD = "import torch\nfrom torch import nn\n\n\n"


def network(name="Model", parameters="", body=""):
    return (
        f"class {name}(nn.Module):\n    def __init__(self{parameters}):\n        super({name}, self).__init__()\n"
        f"        self.fc = nn.Linear(4, 2)\n{body}\n    def forward(self, x):\n        return self.fc(x)\n\n\n"
    )


def factory(name, model, parameters=""):
    return f"def {name}({parameters}):\n    return {model}\n\n\n"


LENET, NET = network("LeNet"), network("Net")
RESNET = network("Block", ", planes") + network("ResNet", ", block, classes=10")
TEST = "def test():\n    net = LeNet()\n    print(net)\n"

MEANT = {
    "the only class": (LENET, (), "LeNet"),
    "a function that gives nothing back is none": (LENET + TEST, (), "LeNet"),
    "a class whose parameters have defaults": (network("M", ", width=3"), (), "M"),
    "Net before others": (network("Other") + NET, (), "Net"),
    "the class that others are not built from": (network("Part") + network("W", "", "        Part()\n"), (), "W"),
    "the one factory": (RESNET + factory("resnet18", "ResNet(Block)"), (), "resnet18"),
    "the class that takes the arguments": (network("Shuffle", ", size"), ("size=0.5",), "Shuffle(size=0.5)"),
    "a function of torch's own layers": (factory("make", "nn.Sequential(nn.Flatten(), nn.Linear(4, 2))"), (), "make"),
    "a function that gives them a name": (
        "def make():\n    net = nn.Sequential(nn.Linear(4, 2))\n    return net\n",
        (),
        "make",
    ),
    "the function whose parts others build": (
        factory("block", "nn.Sequential(nn.ReLU())") + factory("make", "nn.Sequential(block(), nn.Linear(4, 2))"),
        (),
        "make",
    ),
    "a class beside a function of its layers": (factory("act", "nn.ReLU()") + LENET, (), "LeNet"),
    "an inherited start": (network("Base", ", width=2") + "class M(Base):\n    pass\n", ("width=3",), "M(width=3)"),
}


@pytest.mark.parametrize(("text", "arguments", "entry"), MEANT.values(), ids=MEANT)
def test_the_model_that_is_meant_without_a_name(text, arguments, entry):
    assert entry_of(HEAD + text, None, arguments) == entry


NAMED = {
    "a factory": (RESNET + factory("resnet18", "ResNet(Block)"), "resnet18", (), "resnet18"),
    "keyword arguments": (RESNET, "ResNet", ("block=None", "classes = 5"), "ResNet(block=None, classes=5)"),
    "positional-only arguments": (factory("make", "LeNet()", "w, /"), "make", ("w=8",), "make(8)"),
    "positional-only with a default between": (
        factory("make", "LeNet()", "a=1, b=2, /, *, c=3"),
        "make",
        ("b=5", "c=4"),
        "make(1, 5, c=4)",
    ),
    "any keyword": (factory("make", "LeNet()", "**options"), "make", ("width=[1, 2]",), "make(width=[1, 2])"),
    "a text": (network("V", ", name"), "V", ("name='VGG11'",), "V(name='VGG11')"),
    "a partial": ("small = functools.partial(LeNet)\n", "small", ("width=1",), "small(width=1)"),
    "a definition under a condition": ("if True:\n    def make():\n        return 1\n", "make", (), "make"),
}


@pytest.mark.parametrize(("text", "name", "arguments", "entry"), NAMED.values(), ids=NAMED)
def test_the_entry_of_a_named_model(text, name, arguments, entry):
    assert entry_of(HEAD + text, name, arguments) == entry
    ast.parse(entry, mode="eval")


REFUSED = {
    "two classes": (network("A") + network("B"), None, (), SourceError, "defines 2 models: A, B: name one, as FILE:A"),
    "two factories": (
        RESNET + factory("a", "ResNet(Block)") + factory("b", "ResNet(Block)"),
        None,
        (),
        SourceError,
        "defines 2 models: a, b",
    ),
    "one that needs an argument": (network("M", ", width"), None, (), SourceError, "M needs width: pass --arg width="),
    "several that need arguments": (RESNET, None, (), SourceError, "without arguments: name one of Block, ResNet"),
    "nothing": ("", None, (), SourceError, "defines no model: a class with torch.nn.Module"),
    "a function of layers that needs an argument": (
        factory("make", "nn.Sequential(nn.Linear(w, 2))", "w"),
        None,
        (),
        SourceError,
        "make needs w: pass --arg w=",
    ),
    "one that is built at the top": (
        "net = nn.Sequential(nn.Linear(4, 2))\n",
        None,
        (),
        SourceError,
        "builds one once: put it into a function",
    ),
    "a class with an argument beside a function of its layers": (
        factory("act", "nn.ReLU()") + network("M", ", width"),
        None,
        (),
        SourceError,
        "M needs width",
    ),
    "no network": ("class C(dict):\n    pass\n", None, (), SourceError, "defines no model: a class"),
    "a name that is not there": (LENET, "Nit", (), SourceError, "defines no model 'Nit': choose from LeNet"),
    "an argument that is not taken": (LENET, "LeNet", ("width=3",), ConfigError, "--arg width=3: LeNet takes no arg"),
    "another argument": (network("M", ", width"), "M", ("depth=3",), ConfigError, "--arg depth=3: M takes width"),
    "no literal": (network("M", ", width"), "M", ("width=abc",), ConfigError, "abc is no literal"),
    "a call": (network("M", ", width"), "M", ("width=open('x')",), ConfigError, "is no literal"),
    "no value": (network("M", ", width"), "M", ("width",), ConfigError, "--arg width: write it as name=value"),
    "no name": (network("M", ", width"), "M", ("1=2",), ConfigError, "write it as name=value"),
    "a keyword of Python": (
        factory("make", "LeNet()", "**o"),
        "make",
        ("if=1",),
        ConfigError,
        "write it as name=value",
    ),
    "a default before it that is no literal": (
        factory("make", "LeNet()", "a=HEAD, b=2, /"),
        "make",
        ("b=5",),
        ConfigError,
        "--arg b: a comes before it and is HEAD by default: pass --arg a=VALUE",
    ),
    "twice": (network("M", ", width"), "M", ("width=1", "width=2"), ConfigError, "width is given twice"),
    "one argument of two": (network("M", ", a, b"), "M", ("a=1",), SourceError, "M needs b: pass --arg b=VALUE"),
}


@pytest.mark.parametrize(("text", "name", "arguments", "kind", "told"), REFUSED.values(), ids=REFUSED)
def test_what_names_no_model_is_told_in_one_line(text, name, arguments, kind, told):
    with pytest.raises(kind, match=told.replace("(", r"\(")) as refusal:
        entry_of(HEAD + text, name, arguments)
    assert "\n" not in str(refusal.value)


STYLES = {
    "import torch": "import torch\n\nclass M(torch.nn.Module):\n    pass\n",
    "nn as a module": "'''Doc.'''\nimport torch.nn as nn\n\nclass M(nn.Module):\n    pass\n",
    "optim under another name": "import torch.nn as nn\nimport torch.optim as o\n\nclass M(nn.Module):\n    pass\n",
    "names taken": "from torch.nn import Module\nnn = 3\ntorch = 4\n\nclass M(Module):\n    pass\n",
    "no imports": "class M:\n    pass",
}


@pytest.mark.parametrize("text", STYLES.values(), ids=STYLES)
def test_a_plain_recipe_is_added_with_what_it_needs_and_goes_without_a_trace(text):
    made = with_recipe(text)
    names = bound_names(ast.parse(made))
    assert "recipe" in names
    recipe = next(n for n in ast.parse(made).body if isinstance(n, ast.FunctionDef))
    used = {n.id for n in ast.walk(recipe) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    assert used - {"net", "steps", "optimizer", "scheduler", "loss", "augmentation"} <= names
    assert with_recipe(made) == made
    assert without_plain_recipe(made, text, "M").rstrip("\n") == text.rstrip("\n")


def test_a_recipe_that_changed_or_was_there_before_stays():
    text = HEAD + LENET
    changed = with_recipe(text).replace("lr=0.003", "lr=0.1")
    assert without_plain_recipe(changed, text, "LeNet") == changed
    assert without_plain_recipe(changed, changed, "LeNet") == changed


@pytest.mark.parametrize("base", ["torch.autograd.Function", "torch.optim.Optimizer", "torch.utils.data.Dataset"])
def test_a_class_that_is_no_network_is_no_model(base):
    text = (
        f"import torch\nfrom torch import nn\n\n\nclass Step({base}):\n    def forward(ctx, x):\n        return x\n\n\n"
        "class SpikeNet(nn.Module):\n    def forward(self, x):\n        return Step.apply(x)\n"
    )
    assert entry_of(text, None) == "SpikeNet"
    with pytest.raises(SourceError, match="choose from SpikeNet\\."):
        entry_of(text, "Missing")
