"""Shape repair where one line builds several layers: which expression, which number, at which place of the text."""

import pytest

from gi.core.trace import Stopped, Trace
from gi.core.types import Task
from gi.source.gate.gate import refusals
from gi.source.repair.repair import repair, repaired
from tests.checking import HEAD, RECIPE, SMALL
from tests.source.repair.test_repair import changes

COLOUR = Task((3, 16, 16), 10)

RESIDUAL = f"""{HEAD}class Block(nn.Module):
    expansion = 2

    def __init__(self, in_planes, planes, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(in_planes, planes, 3, stride=stride, padding=1)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, self.expansion * planes, 3, padding=1)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_planes != self.expansion * planes:
            self.shortcut = nn.Sequential(nn.Conv2d(in_planes, self.expansion * planes, 1, stride=stride))

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.conv2(out)
        out += self.shortcut(x)
        return F.relu(out)


class Net(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.in_planes = 8
        self.stem = nn.Conv2d(1, 8, 3, padding=1)
        self.layer1 = self._make_layer(4, 2, 1)
        self.layer2 = self._make_layer(8, 2, 2)
        self.fc = nn.Linear(16, num_classes)

    def _make_layer(self, planes, count, stride):
        layers = []
        for stride in [stride] + [1] * (count - 1):
            layers.append(Block(self.in_planes, planes, stride))
            self.in_planes = planes * Block.expansion
        return nn.Sequential(*layers)

    def forward(self, x):
        x = self.layer2(self.layer1(self.stem(x)))
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))
{RECIPE}"""

STAGES = f"""{HEAD}cfg = [8, "M", 16, 16, "M"]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = self._make_layers(cfg)
        self.classifier = nn.Linear(16, 10)

    def _make_layers(self, cfg):
        layers = []
        in_channels = 1
        for x in cfg:
            if x == "M":
                layers += [nn.MaxPool2d(2)]
            else:
                layers += [nn.Conv2d(in_channels, x, 3, padding=1),
                           nn.BatchNorm2d(x),
                           nn.ReLU(inplace=True)]
                in_channels = x
        return nn.Sequential(*layers)

    def forward(self, x):
        out = self.features(x).mean((2, 3))
        return self.classifier(out)
{RECIPE}"""

DENSE = f"""{HEAD}class Layer(nn.Module):
    def __init__(self, width, growth):
        super().__init__()
        self.bn = nn.BatchNorm2d(width)
        self.conv = nn.Conv2d(width, growth, 3, padding=1)

    def forward(self, x):
        return torch.cat([x, self.conv(F.relu(self.bn(x)))], 1)


class Net(nn.Module):
    def __init__(self, growth=4):
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 3, padding=1)
        width, layers = 8, []
        for _ in range(3):
            layers.append(Layer(width, growth))
            width += growth
        self.layers = nn.Sequential(*layers)
        self.fc = nn.Linear(width, 10)

    def forward(self, x):
        return self.fc(self.layers(self.stem(x)).mean((2, 3)))
{RECIPE}"""

GATED = f"""{HEAD}class Block(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.expand = nn.Conv2d(width, hidden, 1)
        self.depthwise = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
        self.fc1 = nn.Conv2d(hidden, hidden // 4, 1)
        self.fc2 = nn.Conv2d(hidden // 4, hidden, 1)
        self.project = nn.Conv2d(hidden, width, 1)

    def forward(self, x):
        out = self.depthwise(F.relu(self.expand(x)))
        gate = F.relu(self.fc1(F.adaptive_avg_pool2d(out, 1)))
        out = out * torch.sigmoid(self.fc2(gate))
        return self.project(out) + x


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 3, padding=1)
        self.blocks = nn.ModuleList(Block(8, 8 * t) for t in (1, 2, 3))
        self.fc = nn.Linear(8, 10)

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.fc(x.mean((2, 3)))
{RECIPE}"""

MENDED = {
    "a shared width": (RESIDUAL, "nn.BatchNorm2d(planes)", "nn.BatchNorm2d(64)", []),
    "an input that follows another layer": (
        RESIDUAL, "self.conv2 = nn.Conv2d(planes, ", "self.conv2 = nn.Conv2d(9, ", []
    ),
    "twice a width": (
        RESIDUAL,
        "nn.Conv2d(in_planes, planes, 3,",
        "nn.Conv2d(in_planes, 2 * planes, 3,",
        ["-self.bn1 = nn.BatchNorm2d(planes)", "+self.bn1 = nn.BatchNorm2d(self.conv1.out_channels)",
         "-self.conv2 = nn.Conv2d(planes, self.expansion * planes, 3, padding=1)",
         "+self.conv2 = nn.Conv2d(self.conv1.out_channels, self.expansion * planes, 3, padding=1)"],
    ),
    "one number for all": (
        RESIDUAL,
        "nn.Conv2d(in_planes, planes, 3,",
        "nn.Conv2d(in_planes, 12, 3,",
        ["-self.bn1 = nn.BatchNorm2d(planes)", "+self.bn1 = nn.BatchNorm2d(12)",
         "-self.conv2 = nn.Conv2d(planes, self.expansion * planes, 3, padding=1)",
         "+self.conv2 = nn.Conv2d(12, self.expansion * planes, 3, padding=1)"],
    ),
    "the number that a stage starts from": (
        RESIDUAL,
        "self.stem = nn.Conv2d(1, 8, 3",
        "self.stem = nn.Conv2d(1, 6, 3",
        ["-self.in_planes = 8", "+self.in_planes = 6"],
    ),
    "a window without its padding": (
        RESIDUAL,
        "self.conv2 = nn.Conv2d(planes, self.expansion * planes, 3, padding=1)",
        "self.conv2 = nn.Conv2d(planes, self.expansion * planes, 5)",
        ["-self.conv2 = nn.Conv2d(planes, self.expansion * planes, 5)",
         "+self.conv2 = nn.Conv2d(planes, self.expansion * planes, 5, padding=2)"],
    ),
    "a stride that went": (
        RESIDUAL,
        "3, stride=stride, padding=1)\n        self.bn1",
        "3, padding=1)\n        self.bn1",
        ["-self.conv1 = nn.Conv2d(in_planes, planes, 3, padding=1)",
         "+self.conv1 = nn.Conv2d(in_planes, planes, 3, padding=1, stride=stride)"],
    ),
    "a stride that only some shortcuts have": (
        RESIDUAL,
        "planes, 3, padding=1)\n        self.shortcut",
        "planes, 3, padding=1, stride=2)\n        self.shortcut",
        ["-out += self.shortcut(x)", "+out += F.adaptive_avg_pool2d(self.shortcut(x), out.shape[2:])"],
    ),
    "a sum of two that have no name": (
        RESIDUAL.replace("out = self.conv2(out)\n        out += self.shortcut(x)",
                         "out = self.conv2(out) + self.shortcut(x)"),
        "planes, 3, padding=1)\n        self.shortcut",
        "planes, 3, padding=1, stride=2)\n        self.shortcut",
        ["-out = self.conv2(out) + self.shortcut(x)",
         "+out = (first1 := self.conv2(out)) + F.adaptive_avg_pool2d(self.shortcut(x), first1.shape[2:])"],
    ),
    "a sum's other width": (
        RESIDUAL,
        "nn.Conv2d(planes, self.expansion * planes, 3",
        "nn.Conv2d(planes, 24, 3",
        ["+self.project1 = nn.Conv2d(24, 2 * planes, 1)", "-out += self.shortcut(x)",
         "+out = self.project1(out) + self.shortcut(x)"],
    ),
    "a shortcut's other width": (
        RESIDUAL,
        "nn.Sequential(nn.Conv2d(in_planes, self.expansion * planes, 1",
        "nn.Sequential(nn.Conv2d(in_planes, 24, 1",
        ["+self.project1 = nn.Conv2d(24, 16, 1) if stride != 1 else nn.Identity()",
         "-out += self.shortcut(x)", "+out += self.project1(self.shortcut(x))"],
    ),
    "a loop over a list": (
        STAGES,
        "nn.Conv2d(in_channels, x, 3",
        "nn.Conv2d(in_channels, 2 * x, 3",
        ["-nn.BatchNorm2d(x),", "+nn.BatchNorm2d(2 * x),", "-in_channels = x", "+in_channels = 2 * x",
         "-self.classifier = nn.Linear(16, 10)", "+self.classifier = nn.Linear(32, 10)"],
    ),
    "a layer put into a loop": (
        STAGES,
        "nn.ReLU(inplace=True)]",
        "nn.ReLU(inplace=True), nn.PReLU(3)]",
        ["-nn.ReLU(inplace=True), nn.PReLU(3)]", "+nn.ReLU(inplace=True), nn.PReLU(x)]"],
    ),
    "a width that grows": (
        DENSE,
        "nn.Conv2d(width, growth, 3",
        "nn.Conv2d(width, 6, 3",
        ["-width += growth", "+width += 6"],
    ),
    "a gate": (
        GATED,
        "self.fc2 = nn.Conv2d(hidden // 4, hidden, 1)",
        "self.fc2 = nn.Conv2d(hidden // 4, 7, 1)",
        ["-self.fc2 = nn.Conv2d(hidden // 4, 7, 1)", "+self.fc2 = nn.Conv2d(hidden // 4, hidden, 1)"],
    ),
    "a depthwise convolution": (
        GATED,
        "nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)",
        "nn.Conv2d(5, 5, 3, padding=1, groups=5)",
        ["-self.depthwise = nn.Conv2d(5, 5, 3, padding=1, groups=5)",
         "+self.depthwise = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)"],
    ),
    "too many groups": (
        GATED,
        "nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)",
        "nn.Conv2d(9, 18, 3, padding=1, groups=3)",
        None,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("base", "old", "new", "diff"), MENDED.values(), ids=MENDED)
def test_mends_what_a_line_builds_each_time(check, base, old, new, diff):
    assert base.count(old) == 1
    before = base.replace(old, new)
    result = repaired(before, SMALL, check)
    assert isinstance(result.answer, Trace), result.answer
    assert not result.answer.fixes
    assert refusals(result.text) == (), "what a repair writes is allowed"
    if diff is not None:
        expected = diff or changes(before, base)
        assert sorted(changes(before, result.text)) == sorted(expected)


@pytest.mark.parametrize("base", [RESIDUAL, STAGES, DENSE, GATED], ids=["residual", "stages", "dense", "gated"])
@pytest.mark.parametrize("task", [Task((3, 16, 16), 7), Task((1, 28, 28), 10), Task((4, 5, 9), 3)], ids=str)
def test_fits_other_images_and_classes_in_a_round(check, base, task):
    result = repaired(base, task, check)
    assert isinstance(result.answer, Trace), result.answer
    assert result.rounds <= 1


def test_the_classes_go_to_the_default_that_gave_them(check):
    text = repair(RESIDUAL, Task((1, 8, 8), 7), check)
    assert changes(RESIDUAL, text) == ["-def __init__(self, num_classes=10):", "+def __init__(self, num_classes=7):"]


def test_a_pool_in_a_loop_takes_what_there_is_of_a_small_image(check):
    base = STAGES.replace('16, 16, "M"]', '16, "M", 16, "M", "M", "M"]')
    assert changes(base, repair(base, SMALL, check)) == [
        "-layers += [nn.MaxPool2d(2)]",
        "+layers += [nn.MaxPool2d(2, ceil_mode=True)]",
    ]


def test_what_no_expression_gives_is_refused(check):
    text = STAGES.replace("for x in cfg:", "import os\n        for x in cfg:").replace("3, padding=1)", "x % 5 + 3)")
    result = repaired(text, SMALL, check)
    assert isinstance(result.answer, (Trace, Stopped))


BRANCHES = f"""{HEAD}class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(1, 4, 3, padding=1)
        self.b = nn.Conv2d(1, 4, 5, padding=2)
        self.c = nn.Conv2d(1, 4, 1)
        self.fc = nn.Linear(12, 10)

    def forward(self, x):
        x = torch.cat([self.a(x), self.b(x), self.c(x)], 1)
        return self.fc(x.mean((2, 3)))
{RECIPE}"""
JOINED = {
    "a padding": ("3, padding=1)", "3)", ["-self.a = nn.Conv2d(1, 4, 3)", "+self.a = nn.Conv2d(1, 4, 3, padding=1)"]),
    "an even window": (
        "5, padding=2)",
        "4)",
        ["-self.b = nn.Conv2d(1, 4, 4)", "+self.b = nn.Conv2d(1, 4, 4, padding='same')"],
    ),
    "a stride": (
        "4, 1)",
        "4, 1, stride=2)",
        [
            "-x = torch.cat([self.a(x), self.b(x), self.c(x)], 1)",
            "+x = torch.cat([F.adaptive_avg_pool2d(self.a(x), 4), F.adaptive_avg_pool2d(self.b(x), 4), self.c(x)], 1)",
        ],
    ),
}


@pytest.mark.parametrize(("old", "new", "diff"), JOINED.values(), ids=JOINED)
def test_brings_the_branches_of_a_concatenation_together(check, old, new, diff):
    before = BRANCHES.replace(old, new)
    assert sorted(changes(before, repair(before, SMALL, check))) == sorted(diff)


DILATED = f"""{HEAD}def conv3x3(in_planes, out_planes, dilation=1):
    return nn.Conv2d(in_planes, out_planes, 3, padding=dilation, dilation=dilation)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = conv3x3(1, 8)
        self.conv = conv3x3(8, 8)
        self.fc = nn.Linear(8, 10)

    def forward(self, x):
        x = self.stem(x)
        return self.fc((x + self.conv(x)).mean((2, 3)))
{RECIPE}"""


def test_a_dilation_does_not_follow_a_padding_to_zero(check):
    result = repaired(DILATED.replace("out_planes, 3, ", "out_planes, 1, "), SMALL, check)
    assert isinstance(result.answer, Trace), result.answer
    assert not result.answer.fixes
    assert "dilation=0" not in result.text
