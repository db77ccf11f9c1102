"""Shortcuts that slice and pad their channels: what they pad follows the widths on both sides of the sum."""

import pytest

from gi.core.trace import Stopped, Trace
from gi.source.gate.gate import refusals
from gi.source.repair.repair import repaired
from tests.checking import HEAD, RECIPE, SMALL
from tests.source.repair.test_repair import changes

LAMBDA = f"""{HEAD}class LambdaLayer(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Block(nn.Module):
    def __init__(self, in_planes, planes, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(in_planes, planes, 3, stride=stride, padding=1)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_planes != planes:
            self.shortcut = LambdaLayer(
                lambda x: F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, planes // 4, planes // 4), "constant", 0)
            )

    def forward(self, x):
        out = self.conv2(F.relu(self.conv1(x)))
        out += self.shortcut(x)
        return F.relu(out)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 3, padding=1)
        self.layer1 = nn.Sequential(Block(8, 8), Block(8, 16, 2))
        self.layer2 = nn.Sequential(Block(16, 32, 2), Block(32, 32))
        self.fc = nn.Linear(32, 10)

    def forward(self, x):
        return self.fc(self.layer2(self.layer1(self.stem(x))).mean((2, 3)))
{RECIPE}"""

WRITTEN_OUT = f"""{HEAD}class Net(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.stem = nn.Conv2d(1, width, 3, padding=1)
        self.conv1 = nn.Conv2d(width, 16, 3, stride=2, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, stride=2, padding=1)
        self.fc = nn.Linear(32, 10)

    def forward(self, x):
        x = F.relu(self.stem(x))
        x = F.relu(self.conv1(x) + F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 4, 4)))
        x = F.relu(self.conv2(x) + F.pad(F.avg_pool2d(x, 2), (0, 0, 0, 0, 0, self.conv1.out_channels)))
        return self.fc(x.mean((2, 3)))
{RECIPE}"""

FOLLOWS = "(planes - x.shape[1]) // 2, (planes - x.shape[1] + 1) // 2"
PADDED = {
    "a width of one stage": (
        LAMBDA,
        "nn.Sequential(Block(8, 8), Block(8, 16, 2))",
        "nn.Sequential(Block(8, 8), Block(8, 24, 2))",
        ["-lambda x: F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, planes // 4, planes // 4), \"constant\", 0)",
         f"+lambda x: F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, {FOLLOWS}), \"constant\", 0)",
         "-self.layer2 = nn.Sequential(Block(16, 32, 2), Block(32, 32))",
         "+self.layer2 = nn.Sequential(Block(24, 32, 2), Block(32, 32))"],
    ),
    "a stage that becomes narrower": (
        LAMBDA,
        "nn.Sequential(Block(16, 32, 2), Block(32, 32))",
        "nn.Sequential(Block(16, 10, 2), Block(10, 32))",
        None,
    ),
    "an odd number of channels": (
        WRITTEN_OUT,
        "nn.Conv2d(width, 16, 3",
        "nn.Conv2d(width, 19, 3",
        ["-x = F.relu(self.conv1(x) + F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 4, 4)))",
         "+x = F.relu(self.conv1(x) + F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 5, 6)))",
         "-self.conv2 = nn.Conv2d(16, 32, 3, stride=2, padding=1)",
         "+self.conv2 = nn.Conv2d(19, 32, 3, stride=2, padding=1)",
         "-x = F.relu(self.conv2(x) + F.pad(F.avg_pool2d(x, 2), (0, 0, 0, 0, 0, self.conv1.out_channels)))",
         "+x = F.relu(self.conv2(x) + F.pad((padded1 := F.avg_pool2d(x, 2)), (0, 0, 0, 0, 0, 32 - padded1.shape[1])))"],
    ),
    "channels that are padded behind": (
        WRITTEN_OUT,
        "nn.Conv2d(16, 32, 3",
        "nn.Conv2d(16, 30, 3",
        ["-x = F.relu(self.conv2(x) + F.pad(F.avg_pool2d(x, 2), (0, 0, 0, 0, 0, self.conv1.out_channels)))",
         "+x = F.relu(self.conv2(x) + F.pad((padded1 := F.avg_pool2d(x, 2)), (0, 0, 0, 0, 0, 30 - padded1.shape[1])))",
         "-self.fc = nn.Linear(32, 10)", "+self.fc = nn.Linear(30, 10)"],
    ),
    "a stem of another width": (WRITTEN_OUT, "width=8", "width=12", None),
    "another size and width": (LAMBDA, "Block(8, 8), Block(8, 16, 2)", "Block(8, 12), Block(12, 16, 2)", None),
}  # fmt: skip


@pytest.mark.parametrize(("base", "old", "new", "diff"), PADDED.values(), ids=PADDED)
def test_what_a_shortcut_pads_follows_the_widths(check, base, old, new, diff):
    assert base.count(old) == 1
    before = base.replace(old, new)
    result = repaired(before, SMALL, check)
    assert isinstance(result.answer, Trace), result.answer
    assert not result.answer.fixes
    assert refusals(result.text) == (), "what a repair writes is allowed"
    if diff is not None:
        assert sorted(changes(before, result.text)) == sorted(diff)


def test_a_pad_that_fits_and_one_of_height_and_width_stay(check):
    text = LAMBDA.replace("self.stem(x)", "F.pad(self.stem(x), (1, 1, 1, 1))")
    assert repaired(text, SMALL, check).text == text


def test_amounts_that_are_not_written_out_are_refused(check):
    text = WRITTEN_OUT.replace("(0, 0, 0, 0, 4, 4)", "tuple([0, 0, 0, 0, 4, 4])").replace(
        "width, 16, 3", "width, 19, 3"
    )
    result = repaired(text, SMALL, check)
    assert isinstance(result.answer, Stopped)
    assert "the channels that line 16 pads are not written out" in result.answer.detail


def test_what_was_mended_once_is_left_alone(check):
    text = WRITTEN_OUT.replace("nn.Conv2d(16, 32, 3", "nn.Conv2d(16, 30, 3")
    mended = repaired(text, SMALL, check).text
    again = mended.replace("nn.Conv2d(1, width, 3, padding=1)", "nn.Conv2d(1, width, 5, padding=2)")
    assert repaired(again, SMALL, check).text == again
    wider = repaired(
        mended.replace("32 - ", "30 - ").replace("nn.Conv2d(16, 30, 3", "nn.Conv2d(16, 40, 3"), SMALL, check
    )
    assert "(padded1 := F.avg_pool2d(x, 2)), (0, 0, 0, 0, 0, 40 - padded1.shape[1])" in wider.text
