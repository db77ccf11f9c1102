"""What works in place on a value that a backward pass needs is written so that it makes a new one."""

import pytest

from gi.core.trace import Trace
from gi.source.repair.repair import repaired
from tests.checking import SMALL, program

FLAT = "return self.fc(x.flatten(1))"
REWRITTEN = {
    "a layer": (
        "self.a = nn.Sequential(nn.Sigmoid(), nn.ReLU(inplace=True))",
        "x = self.a(x * self.w)",
        "nn.Sequential(nn.Sigmoid(), nn.ReLU())",
    ),
    "a layer, by position": ("self.a = nn.ReLU(True)", "x = self.a(torch.tanh(x * self.w))", "self.a = nn.ReLU()"),
    "a layer with more": (
        "self.a = nn.LeakyReLU(0.2, True)",
        "x = self.a(torch.tanh(x * self.w))",
        "self.a = nn.LeakyReLU(0.2)",
    ),
    "a function": ("", "x = F.relu(torch.tanh(x * self.w), inplace=True)", "x = F.relu(torch.tanh(x * self.w))"),
    "a function, by position": ("", "x = F.relu(torch.tanh(x * self.w), True)", "x = F.relu(torch.tanh(x * self.w))"),
    "a method": ("", "x = torch.tanh(x * self.w).relu_()", "x = torch.tanh(x * self.w).relu()"),
    "a sum": ("", "y = torch.tanh(x * self.w)\ny += x", "y = y + x"),
    "a product of a sum": ("", "y = torch.tanh(x * self.w)\ny *= x + 1\nx = y", "y = y * (x + 1)"),
}


def written(init, forward):
    return program(f"self.w = nn.Parameter(torch.ones(1))\nself.fc = nn.Linear(64, 10)\n{init}", f"{forward}\n{FLAT}")


@pytest.mark.parametrize(("init", "forward", "after"), REWRITTEN.values(), ids=REWRITTEN)
def test_writes_it_out_of_place(check, init, forward, after):
    result = repaired(written(init, forward), SMALL, check)
    assert isinstance(result.answer, Trace), result.answer
    assert not result.answer.fixes
    assert after in result.text


@pytest.mark.parametrize(
    "forward",
    ["x = F.relu(x * self.w, inplace=True)", "y = x * self.w\ny += x\nx = y", "x = F.gelu(x * self.w).relu_()"],
)
def test_leaves_what_no_backward_needs_in_place(check, forward):
    text = written("", forward)
    assert repaired(text, SMALL, check).text == text
