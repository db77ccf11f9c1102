"""A layer without a weight or a bias in a network whose initialisation counts on one."""

import pytest

from gi.core.trace import Stopped, Trace
from gi.core.types import Task
from gi.source.repair.repair import repaired
from tests.checking import HEAD, RECIPE

GREY = Task((1, 8, 8), 10)


def net(*initialisation, norm="nn.BatchNorm2d(4, affine=False)", linear="nn.Linear(4, 10, bias=False)"):
    """A network of a normalisation and a linear layer, by default without parameters to initialise."""
    lines = "\n".join(f"        {line}" for line in initialisation)
    return f"""{HEAD}class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.norm = {norm}
        self.head = {linear}
{lines}

    def forward(self, x):
        return self.head(self.norm(self.conv(x)).mean((2, 3)))
{RECIPE}"""


LOOP = "for m in self.modules():"
NORM = "    if isinstance(m, nn.BatchNorm2d):"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            [LOOP, NORM, "        nn.init.constant_(m.weight, 1)", "        nn.init.constant_(m.bias, 0)  # beta"],
            [LOOP, NORM, "        if m.weight is not None:", "            nn.init.constant_(m.weight, 1)",
             "        if m.bias is not None:", "            nn.init.constant_(m.bias, 0)  # beta"],
            id="functions",
        ),
        pytest.param(
            [LOOP, NORM, "        m.weight.data.fill_(1)", "        m.bias.data.zero_()"],
            [LOOP, NORM, "        if m.weight is not None:", "            m.weight.data.fill_(1)",
             "        if m.bias is not None:", "            m.bias.data.zero_()"],
            id="methods",
        ),
        pytest.param(
            ["nn.init.uniform_(", "    self.head.bias,", "    -0.1,", ")"],
            ["if self.head.bias is not None:", "    nn.init.uniform_(", "    self.head.bias,", "    -0.1,", ")"],
            id="over several lines",
        ),
        pytest.param(
            ["self.head.bias.data = torch.zeros(10)"],
            ["if self.head.bias is not None:", "    self.head.bias.data = torch.zeros(10)"],
            id="an assignment",
        ),
        pytest.param(
            ["self.norm.bias.data[:] = self.norm.weight.data"],
            ["if self.norm.bias is not None and self.norm.weight is not None:",
             "    self.norm.bias.data[:] = self.norm.weight.data"],
            id="of two",
        ),
        pytest.param(
            ["if True: nn.init.zeros_(self.head.bias)"],
            ["if True: nn.init.zeros_(self.head.bias) if self.head.bias is not None else None"],
            id="on the line of its condition",
        ),
        pytest.param(
            ["nn.init.zeros_(self.head.bias); nn.init.ones_(self.head.weight)"],
            ["nn.init.zeros_(self.head.bias) if self.head.bias is not None else None; nn.init.ones_(self.head.weight)"],
            id="two on one line",
        ),
    ],
)  # fmt: skip
def test_what_is_not_there_is_not_initialised(check, before, after):
    result = repaired(net(*before), GREY, check)
    assert isinstance(result.answer, Trace), result.answer
    assert result.text == net(*after)


def test_windows_line_ends_and_tabs_stay(check):
    text = net("nn.init.zeros_(self.head.bias)").replace("    ", "\t").replace("\n", "\r\n")
    result = repaired(text, GREY, check)
    assert isinstance(result.answer, Trace), result.answer
    assert "\t\tif self.head.bias is not None:\r\n\t\t\tnn.init.zeros_(self.head.bias)\r\n" in result.text


def test_a_network_that_has_its_parameters_is_left_alone(check):
    whole = net("nn.init.zeros_(self.head.bias)", norm="nn.BatchNorm2d(4)", linear="nn.Linear(4, 10)")
    assert repaired(whole, GREY, check).text == whole


@pytest.mark.parametrize(
    "line",
    [
        "self.gain = self.head.bias.abs()",  # of a missing parameter nothing can be computed
        "nothing = None; nothing.zero_()",  # names no parameter
        "nn.init.zeros_(dict(a=None)['a'])",
    ],
)
def test_what_is_used_or_is_no_parameter_stays_the_fault_that_it_is(check, line):
    result = repaired(net(line), GREY, check)
    assert isinstance(result.answer, Stopped)
    assert result.text == net(line)


def test_a_guard_that_does_not_help_is_not_put_around_itself(check):
    text = net("if self.head.weight is not None:", "    self.head.weight.grad.zero_()")
    result = repaired(text, GREY, check)
    assert isinstance(result.answer, Stopped)
    assert result.text == text
