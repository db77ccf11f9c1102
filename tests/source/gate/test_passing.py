"""Who passes the gate: what the rules let through, and what the user vouches for as it stands there."""

import pytest

from gi.core.errors import SourceError
from gi.source.gate import passing
from gi.source.gate.line import call_refusal
from gi.source.gate.passing import STRICT, Gate
from tests.attacks.programs import ATTACKS, program

OWN = program(
    top="import os\n",
    init="self.home = os.environ.get('A', 3)",
    forward="x = x + len(os.listdir('.'))\nx = torch.hub.helper(x, p=0.5)",
)


def borrowed(line):
    """The own file with a line more, as variation would put it in."""
    return OWN.replace("        return self.layer(x)\n", f"        {line}\n        return self.layer(x)\n")


def test_a_trusted_text_passes_and_the_same_text_does_not_without_trust():
    assert STRICT.refusal(OWN, "Net") is not None
    assert Gate((OWN,)).refusal(OWN, "Net") is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("p=0.5", "p=0.25"),
        ("nn.Linear(784, 10)", "nn.Linear(64, 12)"),
        ("return self.layer(x)", "x = torch.relu(x)\n        return self.layer(x)"),
        ("lr=0.1", "lr=0.2, momentum=0.9"),
    ],
)
def test_offspring_of_a_trusted_text_pass(before, after):
    assert Gate((OWN,)).refusal(OWN.replace(before, after), "Net") is None


@pytest.mark.parametrize(
    "line",
    [
        "os.remove('x')",
        "x = x + len(os.listdir('/etc'))",
        "x = x + len(list(map(os.listdir, ['/etc'])))",
        "x = os",
        "x = os.environ.get('B', 3)",
        "x = torch.hub.load('x', 'y')",
        "x = torch.hub.helper(x, p=x)",
        "self.home = x",
        "open('x')",
    ],
)
def test_a_borrowed_line_is_refused_whatever_the_file_around_it_may(line):
    refusal = Gate((OWN,)).refusal(borrowed(line), "Net")
    assert refusal is not None
    assert refusal.line == borrowed(line).splitlines().index(f"        {line}") + 1


@pytest.mark.parametrize("name", ATTACKS)
def test_trust_in_another_text_lets_no_attack_pass(name):
    _, text = ATTACKS[name]
    assert Gate((program(),)).refusal(text, "Net") == STRICT.refusal(text, "Net")


@pytest.mark.parametrize(
    "text",
    [
        OWN + "# \u202e\n",
        OWN + f"x = {'(' * 60}1{')' * 60}\n",
        OWN + "#\n" * 6000,
        "# coding: utf-7\n" + OWN,
        OWN + "def\n",
    ],
    ids=["character", "nesting", "size", "coding", "parse"],
)
def test_what_gi_does_not_read_to_its_end_passes_with_no_trust(text):
    assert Gate((text,)).refusal(text, "Net") is not None


@pytest.mark.parametrize("coding", ["utf-8", "latin-1", "iso_8859_15", "cp1252"])
def test_codings_that_leave_code_as_it_is_are_read(coding):
    assert STRICT.refusal(f"# -*- coding: {coding} -*-\n{program()}", "Net") is None


@pytest.mark.parametrize(
    "entry",
    ["Net.__init__", "open('x')", "exec('import os')", "__import__('os')", "Net(open('x'))", "Net, 1", "Net()()"],
)
def test_an_entry_is_a_name_called_with_literals(entry):
    assert STRICT.refusal(program(), entry).rule == "entry"


def test_says_line_column_rule_and_what_to_do():
    with pytest.raises(
        SourceError,
        match=r"^net.py is refused by the gate, line 15, column 12: name: torch.hub is not allowed: pass --trust",
    ):
        STRICT.require(program(forward="x = torch.hub.f(x)"), "Net", "net.py")


KEEPING = program(members="def give(self):\n    return self.seen\n", init="self.seen = seen",
                  forward="a = self.give()\na += [x]").replace("__init__(self)", "__init__(self, seen=3)")  # fmt: skip


def test_a_list_that_the_entry_gives_may_be_kept():
    for entry in ("Net", "Net(3)", "Net(seen=(1, 2))"):
        assert STRICT.refusal(KEEPING, entry) is None
    for entry in ("Net([])", "Net(seen=[1])", "Net(seen={})"):
        assert STRICT.refusal(KEEPING, entry).rule == "state"


def test_a_text_is_read_once(monkeypatch):
    read = []
    monkeypatch.setattr(passing, "refusals", lambda text, entry: read.append(entry) or ())
    text = program(init="self.number = 12345")
    for gate in (STRICT, Gate((OWN,)), STRICT):
        assert gate.refusal(text, "Net(width=3)") is None
    assert read == ["Net"]


@pytest.mark.parametrize(
    "call",
    [
        "torch.nn.Conv2d(width, 2 * planes, 3, bias=False)",
        "torch.nn.functional.pad(input, (0, 1))",
        "torch.nn.Dropout(p=config.dropout)",
        "torchvision.transforms.v2.Compose([torchvision.transforms.RandomCrop(28, padding=4)])",
        "torch.optim.SGD([{'params': net.parameters()}], lr=args.lr)",
        "torch.nn.Linear(self.width, len(names))",
    ],
)
def test_a_call_that_some_program_may_hold_is_borrowed(call):
    assert call_refusal(call) is None


@pytest.mark.parametrize(
    ("call", "rule"),
    [
        ("torch.nn.Dropout(p=torch.os.system('x'))", "name"),
        ("torch.nn.Dropout(p=eval('x'))", "name"),
        ("torch.nn.Dropout(p=().__class__)", "dunder"),
        ("torch.nn.Dropout(p=f'{a:{b}}')", "format"),
        ("torch.nn.Linear(9**9**9, 10)", "literal"),
        ("torch.nn.Dropout(p=(yield))", "syntax"),
        ("torchvision.transforms.Lambda(f)", "name"),
        ("torch.nn.ReLU(" + "(" * 60 + ")" * 60 + ")", "nesting"),
    ],
)
def test_a_call_that_no_program_may_hold_is_not(call, rule):
    assert call_refusal(call).rule == rule
