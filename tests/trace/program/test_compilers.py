"""Programs that torch's compilers are called in run as they are, and a text that cannot be scripted is refused."""

import pytest

from gi.core.trace import Stopped
from gi.core.types import Task
from gi.trace import service
from gi.trace.program.candidate import build, load
from tests.checking import HEAD, RECIPE, SMALL, InProcess, program

LINEAR = "self.fc = nn.Linear(64, 10)"
SCRIPT = "def act(x):\n    return x * torch.tanh(F.softplus(x))\n\n\n"
COMPILED = {
    "script": f"@torch.jit.script\n{SCRIPT}",
    "script called": f"{SCRIPT}act = torch.jit.script(act)\n\n\n",
    "compile": f"@torch.compile\n{SCRIPT}",
    "compile with a mode": f'@torch.compile(mode="reduce-overhead")\n{SCRIPT}',
    "ignore": f"@torch.jit.ignore\n{SCRIPT}",
    "left out": f"@torch.compiler.disable\n{SCRIPT}",
    "trace": f"{SCRIPT}act = torch.jit.trace(act, torch.rand(3))\n\n\n",
}


@pytest.fixture(scope="module")
def check():
    return InProcess()


@pytest.mark.parametrize("function", COMPILED.values(), ids=COMPILED)
def test_a_compiled_function_is_seen_as_it_is(check, function):
    forward = "return self.fc(act(x).flatten(1))"
    uses = check.trace(program(LINEAR, forward, RECIPE, HEAD + function)).uses
    assert [u.symbol for u in uses][:2] == ["torch.nn.functional.softplus", "torch.tanh"]
    build(load(program(LINEAR, forward, RECIPE, HEAD + function)))


@pytest.mark.parametrize("entry", ["torch.compile(Net())", "torch.jit.script(Net())"])
def test_a_compiled_network_is_the_network(entry):
    text = program(LINEAR, "return self.fc(x.flatten(1))") + f"\n\ndef made():\n    return {entry}\n"
    assert service.trace(text, [1, 8, 8], 10, "made")["network"] == "Net"


def test_a_compiled_forward_is_repaired(check):
    text = program("self.fc = nn.Linear(9, 10)", "return self.fc(x.flatten(1))")
    text = text.replace("    def forward", "    @torch.compile\n    def forward")
    assert [f.value for f in check(text, Task((1, 8, 8), 10)).fixes] == [64]


def test_what_cannot_be_scripted_is_said(check):
    function = "@torch.jit.script\ndef act(x):\n    return {**x}\n\n\n"
    answer = check(program(LINEAR, "return self.fc(act(x).flatten(1))", RECIPE, HEAD + function), SMALL)
    assert isinstance(answer, Stopped)
    assert answer.detail.startswith("TypeError: torch.jit.script cannot compile act: ")
