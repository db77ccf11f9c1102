"""Which axis holds the channels, call by call: a table of what moves it, keeps it, or leaves it unknown."""

import pytest
from torch import nn

from gi.trace.fit.channel_axis import layer_axis
from gi.trace.service import trace

HEAD = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n\n\n"
NET = """class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 4, 4)
        self.fc = nn.Linear(8, 8)
        self.head = nn.Linear(8, 10)

    def forward(self, x):
        x = self.conv(x)
"""


def axes(body, of):
    """The axis behind each call of the function `of`, batch left out, in a network whose forward has these lines."""
    lines = "".join(f"        {line}\n" for line in body)
    answer = trace(HEAD + NET + lines, [3, 16, 16], 10, "Net", False)
    return [use[-1][1] for use in answer["uses"] if use[0].endswith(of)]


@pytest.mark.parametrize(
    ("body", "of", "axis"),
    [
        (["x = F.relu(x)", "return self.head(x.mean((2, 3)))"], "relu", 0),
        (["x = x.flatten(2)", "return self.head(x.mean(2))"], "flatten", 0),
        (["x = x.flatten(2).transpose(1, 2)", "return self.head(x.mean(1))"], "transpose", 1),
        (["x = x.permute(0, 2, 3, 1)", "return self.head(x.mean((1, 2)))"], "permute", 2),
        (["x = torch.movedim(x, 1, -1)", "return self.head(x.mean((1, 2)))"], "movedim", 2),
        (["x = self.fc(x.permute(0, 2, 3, 1)).relu()", "return self.head(x.mean((1, 2)))"], "relu", 2),
        (["x = x.flatten(2).transpose(1, 2)", "x = (x @ x.mT) @ x", "return self.head(x.mean(1))"], "matmul", -1),
        (["x = x.flatten(2).transpose(1, 2)", "return self.head(x[:, 0])"], "__getitem__", 0),
        (["x = torch.cat([x, x[:, :, :1]], 2)", "return self.head(x.mean((2, 3)))"], "cat", 0),
    ],
)
def test_follows_the_channels_through(body, of, axis):
    assert axes(body, of)[-1:] == [axis]


def test_a_layer_says_which_axis_it_takes():
    assert layer_axis(nn.Linear(2, 2), 3) == layer_axis(nn.LayerNorm(2), 3) == 2
    assert layer_axis(nn.Conv2d(1, 1, 1), 4) == layer_axis(nn.BatchNorm2d(1), 4) == 1
    assert layer_axis(nn.LayerNorm((2, 2)), 3) is layer_axis(nn.ReLU(), 3) is layer_axis(None, 3) is None
