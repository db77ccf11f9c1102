"""Shape repair: which edits make a program fit, and that nothing else changes."""

import difflib
import textwrap

import pytest

from gi.core.errors import SourceError
from gi.core.trace import Fix, Stopped, Trace
from gi.core.types import Task
from gi.source.repair.repair import repair, repaired
from tests.checking import HEAD, RECIPE, SEEDS, SMALL, program, sequential

COLOUR = Task((3, 32, 32), 10)


def changes(before, after):
    lines = difflib.ndiff(before.splitlines(), after.splitlines())
    return [line[0] + line[2:].strip() for line in lines if line[0] in "+-"]


def fitted(check, text, task=SMALL):
    result = repaired(text, task, check)
    assert isinstance(result.answer, Trace), result.answer
    assert not result.answer.fixes
    return result


LAYERS = {
    "in_channels": (["nn.Conv2d(3, 4, 3)", "nn.Flatten()", "nn.Linear(144, 10)"], ["nn.Conv2d(1, 4, 3)"]),
    "in_channels by name": (
        ["nn.Conv2d(in_channels=3, out_channels=4, kernel_size=3)", "nn.Flatten()", "nn.Linear(144, 10)"],
        ["nn.Conv2d(in_channels=1, out_channels=4, kernel_size=3)"],
    ),
    "groups of a depthwise": (
        ["nn.Conv2d(1, 6, 3)", "nn.Conv2d(8, 8, 3, groups=8)", "nn.Flatten()", "nn.Linear(96, 10)"],
        ["nn.Conv2d(6, 6, 3, groups=6)"],
    ),
    "groups": (
        ["nn.Conv2d(1, 6, 3)", "nn.Conv2d(8, 12, 3, groups=4)", "nn.Flatten()", "nn.Linear(192, 10)"],
        ["nn.Conv2d(6, 12, 3, groups=2)"],
    ),
    "padding": (["nn.Conv2d(1, 4, 9)", "nn.Flatten()", "nn.Linear(256, 10)"], ["nn.Conv2d(1, 4, 9, padding=4)"]),
    "in_features": (["nn.Flatten()", "nn.Linear(784, 10)"], ["nn.Linear(64, 10)"]),
    "classes": (["nn.Flatten()", "nn.Linear(64, 5)"], ["nn.Linear(64, 10)"]),
    "classes by name": (
        ["nn.Flatten()", "nn.Linear(out_features=5, in_features=64)"],
        ["nn.Linear(out_features=10, in_features=64)"],
    ),
    "batch norm": (["nn.BatchNorm2d(7)", "nn.Flatten()", "nn.Linear(64, 10)"], ["nn.BatchNorm2d(1)"]),
    "batch norm of features": (["nn.Flatten()", "nn.BatchNorm2d(64)", "nn.Linear(64, 10)"], ["nn.BatchNorm1d(64)"]),
    "batch norm of an image": (["nn.BatchNorm1d(1)", "nn.Flatten()", "nn.Linear(64, 10)"], ["nn.BatchNorm2d(1)"]),
    "group norm": (
        ["nn.Conv2d(1, 6, 3)", "nn.GroupNorm(4, 8)", "nn.Flatten()", "nn.Linear(216, 10)"],
        ["nn.GroupNorm(2, 6)"],
    ),
    "layer norm": (["nn.Flatten()", "nn.LayerNorm(9)", "nn.Linear(64, 10)"], ["nn.LayerNorm(64)"]),
    "RMS norm": (["nn.Flatten()", "nn.RMSNorm(9)", "nn.Linear(64, 10)"], ["nn.RMSNorm(64)"]),
    "prelu": (
        ["nn.Conv2d(1, 4, 3)", "nn.PReLU(8)", "nn.Flatten()", "nn.Linear(144, 10)"],
        ["nn.PReLU(4)"],
    ),
    "padding of a pool": (
        ["nn.MaxPool2d(1, padding=1)", "nn.Flatten()", "nn.Linear(64, 10)"],
        ["nn.MaxPool2d(1, padding=0)"],
    ),
    "dropout of rows": (["nn.Dropout1d(0.1)", "nn.Flatten()", "nn.Linear(64, 10)"], ["nn.Dropout(0.1)"]),
    "lazy": (
        ["nn.LazyConv2d(4, 3)", "nn.LazyBatchNorm2d()", "nn.Flatten()", "nn.LazyLinear(out_features=10)"],
        ["nn.Conv2d(1, 4, 3)", "nn.BatchNorm2d(4)", "nn.Linear(144, out_features=10)"],
    ),
}


@pytest.mark.parametrize(("layers", "mended"), LAYERS.values(), ids=LAYERS)
def test_mends_an_argument_or_a_class(check, layers, mended):
    before = sequential(*layers)
    result = fitted(check, before)
    made = [line for line in changes(before, result.text) if line[0] == "+"]
    assert made == [f"+{line}," for line in mended]
    assert len(changes(before, result.text)) == 2 * len(mended)


ADDED = {
    "a flatten": (["nn.ReLU()", "nn.Linear(64, 10)"], ["+nn.Flatten(),"]),
    "a flatten, and the features": (
        ["nn.Linear(5, 10)"],
        ["+nn.Flatten(),", "-nn.Linear(5, 10),", "+nn.Linear(64, 10),"],
    ),
    "no pool of features": (["nn.Flatten()", "nn.MaxPool2d(2)", "nn.Linear(64, 10)"], ["-nn.MaxPool2d(2),"]),
    "no pool of too small an image": (
        ["nn.MaxPool2d(8)", "nn.MaxPool2d(4)", "nn.Flatten()", "nn.Linear(1, 10)"],
        ["-nn.MaxPool2d(4),"],
    ),
    "what there is of a small image": (
        ["nn.MaxPool2d(4)", "nn.MaxPool2d(4)", "nn.Flatten()", "nn.Linear(1, 10)"],
        ["-nn.MaxPool2d(4),", "+nn.MaxPool2d(4, ceil_mode=True),"],
    ),
    "no pool of no image at all": (
        ["nn.MaxPool2d(8)", "nn.MaxPool2d(4, stride=1, ceil_mode=True)", "nn.Flatten()", "nn.Linear(1, 10)"],
        ["-nn.MaxPool2d(4, stride=1, ceil_mode=True),"],
    ),
    "no padding of features": (["nn.Flatten()", "nn.ZeroPad2d(1)", "nn.Linear(64, 10)"], ["-nn.ZeroPad2d(1),"]),
}


@pytest.mark.parametrize(("layers", "diff"), ADDED.values(), ids=ADDED)
def test_adds_and_leaves_out_lines(check, layers, diff):
    before = sequential(*layers)
    assert sorted(changes(before, fitted(check, before).text)) == sorted(diff)


def test_pools_a_large_map_before_a_dense_layer(check):
    before = sequential("nn.Conv2d(3, 32, 3)", "nn.Linear(9, 10)")
    after = fitted(check, before, COLOUR).text
    assert changes(before, after) == [
        "+nn.AdaptiveAvgPool2d(4),",
        "+nn.Flatten(),",
        "-nn.Linear(9, 10),",
        "+nn.Linear(512, 10),",
    ]


HUGE = Task((3, 64, 64), 10)


def test_pools_a_huge_map_to_the_features_that_a_dense_layer_takes(check):
    before = sequential("nn.Conv2d(3, 256, 3, padding=1)", "nn.Flatten()", "nn.Linear(1024, 512)", "nn.Linear(512, 10)")
    after = fitted(check, before, HUGE).text
    assert changes(before, after) == ["+nn.AdaptiveAvgPool2d(2),"]


def test_pools_a_huge_map_where_forward_flattens_it(check):
    init = "self.c = nn.Conv2d(3, 256, 3, padding=1)\nself.a = nn.Linear(100, 512)\nself.b = nn.Linear(512, 10)"
    after = fitted(check, program(init, "x = self.c(x)\nreturn self.b(self.a(x.view(x.size(0), -1)))"), HUGE).text
    assert "F.adaptive_avg_pool2d(x, 4).view(x.size(0), -1)" in after
    assert "nn.Linear(4096, 512)" in after


def test_maps_that_are_classes_are_pooled_to_one_value_each(check):
    after = fitted(check, program("self.c = nn.Conv2d(1, 10, 3)", "return torch.flatten(self.c(x), 1)")).text
    assert "return torch.flatten(F.adaptive_avg_pool2d(self.c(x), 1), 1)" in after


FORWARD = {
    "view to one value a channel": (
        "self.c = nn.Conv2d(1, 6, 3)\nself.fc = nn.Linear(6, 10)",
        "return self.fc(self.c(x).view(-1, 6))",
        "F.adaptive_avg_pool2d(self.c(x), 1).view(-1, 6)",
    ),
    "the padding of a function": (
        "self.fc = nn.Linear(64, 10)",
        "x = F.max_pool2d(x, 1, 1, 1)\nreturn self.fc(x.flatten(1))",
        "F.max_pool2d(x, 1, 1, 0)",
    ),
    "in place on what a convolution reads": (
        "self.c = nn.Conv2d(1, 1, 1)\nself.d = nn.Conv2d(1, 1, 1)\nself.relu = nn.ReLU(inplace=True)\n"
        "self.fc = nn.Linear(64, 10)",
        "x = self.c(x)\ny = self.d(x)\nreturn self.fc((y + self.relu(x)).flatten(1))",
        "self.relu = nn.ReLU()",
    ),
    "view": ("self.fc = nn.Linear(9, 10)", "return self.fc(x.view(-1, 9))", "x.view(-1, 64)"),
    "view by batch size": (
        "self.fc = nn.Linear(9, 10)",
        "return self.fc(x.view(x.size(0), 9))",
        "x.view(x.size(0), 64)",
    ),
    "view of a tuple": ("self.fc = nn.Linear(9, 10)", "return self.fc(x.view((-1, 9)))", "x.view((-1, 64))"),
    "reshape": ("self.fc = nn.Linear(9, 10)", "return self.fc(x.reshape(-1, 9))", "x.reshape(-1, 64)"),
    "torch.reshape": (
        "self.fc = nn.Linear(9, 10)",
        "return self.fc(torch.reshape(x, (-1, 9)))",
        "torch.reshape(x, (-1, 64))",
    ),
    "flatten before an attribute": (
        "self.fc = nn.Linear(9, 10)",
        "x = self.fc(x)\nreturn x",
        "x = torch.flatten(x, 1)\n        x = self.fc(x)",
    ),
    "flatten before a forward": (
        "self.fc = nn.Linear(9, 10)",
        "x = self.fc.forward(x)\nreturn x",
        "x = torch.flatten(x, 1)\n        x = self.fc.forward(x)",
    ),
    "flatten of an expression": (
        "self.fc = nn.Linear(9, 10)",
        "return self.fc(F.relu(x))",
        "self.fc(torch.flatten(F.relu(x), 1))",
    ),
    "flatten on a shared line": (
        "self.fc = nn.Linear(9, 10)",
        "x = F.relu(x); return self.fc(x)",
        "x = F.relu(x); x = torch.flatten(x, 1); return self.fc(x)",
    ),
    "no pool of features": (
        "self.fc = nn.Linear(64, 10)",
        "x = F.max_pool2d(x.flatten(1), 2)\nreturn self.fc(x)",
        "x = x.flatten(1)\n",
    ),
    "no attribute pool of features": (
        "self.pool = nn.MaxPool2d(2)\nself.fc = nn.Linear(64, 10)",
        "x = self.pool(x.flatten(1))\nreturn self.fc(x)",
        "x = x.flatten(1)\n",
    ),
    "head of features": (
        "self.c = nn.Conv2d(1, 4, 3, padding=1)",
        "return torch.cat([x, self.c(x)], 1).mean((2, 3))",
        "return self.head1(torch.cat([x, self.c(x)], 1).mean((2, 3)))",
    ),
    "head of an image": (
        "self.c = nn.Conv2d(1, 4, 3)",
        "return self.c(x)",
        "self.head1 = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10))",
    ),
}


@pytest.mark.parametrize(("init", "forward", "mended"), FORWARD.values(), ids=FORWARD)
def test_mends_what_forward_does(check, init, forward, mended):
    result = fitted(check, program(init, forward))
    assert mended in result.text
    assert result.rounds == 1


SUMS = {
    "an in-place sum of a sum": (
        "x = self.a(x)\nx += (self.c(x) + 1)",
        "x = F.adaptive_avg_pool2d(x, 4) + (self.c(x) + 1)\n",
        "",
    ),
    "another width": ("x = self.a(x)\nx = x + self.b(x)", "x = x + self.project1(self.b(x))", "16, 8, 1)"),
    "an in-place sum": ("x = self.a(x)\nx += self.b(x)", "x = x + self.project1(self.b(x))", "16, 8, 1)"),
    "another size": ("x = self.a(x)\nx = self.c(x) + x", "x = self.c(x) + F.adaptive_avg_pool2d(x, 4)", ""),
    "an in-place sum of another size": (
        "x = self.a(x)\nx += self.c(x)",
        "x = F.adaptive_avg_pool2d(x, 4) + self.c(x)\n",
        "",
    ),
    "features": (
        "x = x.flatten(1)\nx = self.d(x) + self.e(x)",
        "x = self.d(x) + self.project1(self.e(x))",
        "nn.Linear(6, 5)",
    ),
}


@pytest.mark.parametrize(("forward", "use", "definition"), SUMS.values(), ids=SUMS)
def test_projects_an_operand(check, forward, use, definition):
    init = """
    self.a = nn.Conv2d(1, 8, 3, padding=1)
    self.b = nn.Conv2d(8, 16, 3, padding=1)
    self.c = nn.Conv2d(8, 8, 3, padding=1, stride=2)
    self.d = nn.Linear(64, 5)
    self.e = nn.Linear(64, 6)
    self.fc = nn.Linear(8, 10)
    """
    result = fitted(check, program(init, f"{forward}\nreturn self.fc(x.flatten(1))"))
    assert use in result.text
    assert definition in result.text


def test_projects_several_sums_by_layers_of_their_own(check):
    init = "\n".join(
        f"self.c{n} = nn.Conv2d({a}, {b}, 3, padding=1)" for n, a, b in [(0, 1, 8), (1, 8, 16), (2, 8, 32)]
    )
    forward = "x = self.c0(x)\nx = x + self.c1(x) + self.c2(x)\nreturn self.fc(x.mean((2, 3)))"
    result = fitted(check, program(f"{init}\nself.fc = nn.Linear(8, 10)", forward))
    assert result.rounds == 1
    assert "x = x + self.project1(self.c1(x)) + self.project2(self.c2(x))" in result.text


SOMETIMES = """class Block(nn.Module):
    def __init__(self, width, out, stride):
        super().__init__()
        self.stride = stride
        self.conv = nn.Conv2d(width, {out}, 3, stride, 1)
        self.fit = nn.Conv2d(width, out, 1) if stride == 1 and width != out else nn.Identity()

    def forward(self, x):
        out = self.conv(x)
        return out + self.fit(x) if self.stride == 1 else out


"""


def test_projects_in_no_object_whose_sum_never_runs(check):
    text = program(
        "self.net = nn.Sequential(Block(1, 4, 1), Block(4, 8, 2), Block(8, 8, 1), Block(8, 12, 2))\n"
        "self.fc = nn.Linear(12, 10)",
        "return self.fc(self.net(x).mean((2, 3)))",
        head=HEAD + SOMETIMES.format(out="2 * out"),
    )
    result = fitted(check, text)
    assert "self.project1(" in result.text
    assert " if stride == 1 else nn.Identity()" in result.text
    assert not result.answer.no_gradient


HELPER = "def block(a, b):\n    return nn.Conv2d(a, b, 3)"
STYLES = {
    "append": "n = []\nn.append(nn.Conv2d(1, 4, 3))\nn.append(nn.Linear(9, 10))\nself.n = nn.Sequential(*n)",
    "one line": "layers = []\nfor _ in range(1): layers.append(nn.Linear(9, 10))\nself.n = nn.Sequential(*layers)",
    "add_module": """self.n = nn.Sequential()
self.n.add_module("c", nn.Conv2d(1, 4, 3))
self.n.add_module("l", nn.Linear(9, 10))""",
    "list": "self.n = nn.Sequential(*[nn.Conv2d(1, 4, 3), nn.Linear(9, 10)])",
    "nested": "self.n = nn.Sequential(nn.Sequential(nn.Conv2d(1, 4, 3)), nn.Linear((9), (10)))",
    "a helper": f"{HELPER}\nself.n = nn.Sequential(block(3, 4), block(7, 4), nn.Linear(9, 10))",
    "a variable": "width = 4\nself.n = nn.Sequential(nn.Conv2d(1, width, 3), nn.BatchNorm2d(width), nn.Linear(9, 10))",
}


@pytest.mark.parametrize("init", STYLES.values(), ids=STYLES)
def test_mends_every_style(check, init):
    assert fitted(check, program(init, "return self.n(x)")).rounds <= 2


def test_an_argument_goes_back_to_the_caller_that_gave_it(check):
    init = f"{HELPER}\nself.n = nn.Sequential(block(3, 4), block(7, 5))\nself.fc = nn.Linear(80, 10)"
    text = fitted(check, program(init, "return self.fc(self.n(x).flatten(1))")).text
    assert "nn.Sequential(block(1, 4), block(4, 5))" in text
    assert "return nn.Conv2d(a, b, 3)" in text


def test_an_added_argument_stands_behind_parentheses(check):
    text = fitted(check, sequential("nn.Conv2d(1, 4, (9))", "nn.Flatten()", "nn.Linear(256, 10)")).text
    assert "nn.Conv2d(1, 4, (9), padding=4)" in text


def test_adds_the_import_that_it_needs(check):
    head = "import torch\nfrom torch.nn import CrossEntropyLoss, Linear, Module, Sequential\n\n\n"
    text = program("self.n = Sequential(Linear(9, 10))", "return self.n(x)", head=head).replace(
        "(nn.Module)", "(Module)"
    )
    text = text.replace("nn.CrossEntropyLoss", "CrossEntropyLoss")
    after = fitted(check, text).text
    assert changes(text, after) == [
        "-self.n = Sequential(Linear(9, 10))",
        "+self.n = Sequential(torch.nn.Flatten(), Linear(64, 10))",
    ]


@pytest.mark.parametrize("task", [SMALL, Task((1, 28, 28), 10), COLOUR, Task((3, 24, 40), 7)], ids=str)
@pytest.mark.parametrize("name", SEEDS)
def test_seed_programs_fit_within_one_round(check, name, task):
    result = fitted(check, SEEDS[name], task)
    assert result.rounds <= 1
    assert not result.answer.no_gradient
    assert not result.answer.unused


@pytest.mark.parametrize("name", SEEDS)
def test_what_fits_stays_as_it_is(check, name):
    text = fitted(check, SEEDS[name]).text
    assert repair(text, SMALL, check) == text


@pytest.mark.parametrize("name", ["residual_medium_attribute", "pooled_small_sequential", "dense_pooled_sequential"])
def test_repair_keeps_line_ends(check, name):
    with_lf, with_crlf = SEEDS[name], SEEDS[name].replace("\n", "\r\n")
    assert fitted(check, with_crlf, COLOUR).text == fitted(check, with_lf, COLOUR).text.replace("\n", "\r\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("class Net(:\n", "line 1, column"),
        ("x = 1\n", "undefined name"),
        (program("self.a = 1", "return undefined(x)"), "line 12: undefined name"),
        (program("self.a = nn.ReLU()", "return x.sum()"), "gradient|output"),
        (
            program(
                "self.n = nn.ModuleList(nn.Linear(9, 7) for _ in (3, 4))\nself.f = nn.Linear(7, 10)",
                "x = x.flatten(1)\nfor a in self.n:\n    x = a(x)\nreturn self.f(x)",
            ),
            "line 9 builds several layers that need different values of in_features",
        ),
        (program("self.a = nn.Linear(64, 9)", "x = x.flatten(1)\nreturn torch.addcmul(x, x, self.a(x))"), "."),
    ],
)
def test_says_why_a_program_cannot_be_made_to_fit(check, text, message):
    with pytest.raises(SourceError, match=message):
        repair(text, SMALL, check)


def test_stops_with_a_reason_after_some_rounds():
    site = (1, 0, 1, 4)
    trace = Trace((), (Fix("argument", site, (site,), "a", 0, 1),), (), (), 0, "", "", ())
    result = repaired("f(0)", SMALL, lambda text, task: trace)
    assert isinstance(result.answer, Stopped)
    assert result.answer.reason == "cannot repair"


UNITS = (
    """import torch
import torch.nn.functional as F
from torch import nn


class Unit(nn.Module):
    def __init__(self, inputs, outputs, kernel_size{parameter}):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel_size{argument})

    def forward(self, x):
        return F.relu(self.conv(x))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = Unit(1, 4, 3)
        self.b = Unit(1, 4, 1)
        self.c = Unit(8, 4, 3)
        self.fc = nn.Linear(144, 10)

    def forward(self, x):
        x = torch.cat([self.a(x), self.b(x)], 1)
        return self.fc(self.c(x).flatten(1))
"""
    + RECIPE
)


def helper(parameter, argument):
    return UNITS.replace("{parameter}", parameter).replace("{argument}", argument)


PASSED = {
    "a default": (", padding=0", ", padding=padding"),
    "further keywords": (", **given", ", **given"),
}


@pytest.mark.parametrize(("parameter", "argument"), PASSED.values(), ids=PASSED)
def test_what_one_layer_of_several_needs_is_given_where_it_is_built(check, parameter, argument):
    text = helper(parameter, argument)
    result = fitted(check, text)
    assert changes(text, result.text) == ["-self.a = Unit(1, 4, 3)", "+self.a = Unit(1, 4, 3, padding=1)"]


def test_a_concatenation_is_pooled_where_no_padding_can_be_written(check):
    text = helper("", "").replace("Unit(1, 4, 3)", "Unit(1, 4, *[3])")
    text = text.replace("kernel_size)\n\n", "kernel_size, padding=int('0'))\n\n")
    assert "adaptive_avg_pool2d" in fitted(check, text).text


def test_layers_that_follow_another_number_do_not_hold_it_back(check):
    pair = """
    class Pair(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.first = nn.Conv2d(width, width, 3, padding=1)
            self.second = nn.Conv2d(width, width, 3, padding=1)

        def forward(self, x):
            return self.second(self.first(x))
    """
    init = """
    self.a = nn.Conv2d(1, 4, 3, padding=1)
    self.b = nn.Conv2d(1, 8, 3, padding=1)
    self.p = Pair(8)
    self.q = Pair(8)
    self.fc = nn.Linear(768, 10)
    """
    forward = "return self.fc(torch.cat([self.p(self.a(x)), self.q(self.b(x))], 1).flatten(1))"
    text = program(init, forward, head=f"{HEAD}{textwrap.dedent(pair)}\n\n")
    assert changes(text, fitted(check, text).text) == ["-self.p = Pair(8)", "+self.p = Pair(4)"]


def test_a_layer_in_a_default_is_seen(check):
    text = helper(", act=nn.ReLU(inplace=True)", ", padding=kernel_size // 2")
    text = text.replace("F.relu(self.conv(x))", "self.act(self.conv(x))").replace("144", "256")
    text = text.replace(
        "super().__init__()\n        self.conv", "super().__init__()\n        self.act = act\n        self.conv"
    )
    trace = check(text, SMALL)
    assert not trace.fixes
    assert any(use.symbol == "torch.nn.ReLU" and use.built for use in trace.uses)
