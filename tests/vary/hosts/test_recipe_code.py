"""A recipe's parts as code for every program: names followed, symbols in full, and written again elsewhere."""

import pytest

from gi.source.identity.dead_code import without_dead_code
from gi.vary import Vary
from gi.vary.hosts.host import Host
from gi.vary.hosts.recipe_code import portable, written
from tests.checking import HEAD, SEEDS, SMALL, InProcess, Stock, with_recipe

CHECK = InProcess()
OTHER_NAMES = """import torch.nn as nn
from torch import optim
from torch.optim.lr_scheduler import CosineAnnealingLR as Cosine

RATE = 0.1


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(64, 10)

    def forward(self, x):
        return self.fc(x.flatten(1))


def recipe(model, count):
    half = count // 2
    sgd = optim.SGD(model.parameters(), lr=0.1)
    return sgd, Cosine(sgd, T_max=max(1, half)), nn.CrossEntropyLoss(), None
"""


def host(text):
    return Host(text, CHECK.trace(text), SMALL)


def codes(text):
    made = host(text)
    return [portable(made, part) for part in made.parts]


def test_names_are_followed_and_symbols_are_full():
    assert codes(OTHER_NAMES) == [
        "torch.optim.SGD(net.parameters(), lr=0.1)",
        "torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=max(1, steps // 2))",
        "torch.nn.CrossEntropyLoss()",
        "None",
    ]


@pytest.mark.parametrize(
    "optimizer",
    ["torch.optim.SGD(net.parameters(), lr=RATE)", "torch.optim.SGD(split(net), lr=0.1)", "made[0]"],
)
def test_what_only_its_program_has_goes_nowhere(optimizer):
    own = "RATE = 0.1\nmade = [None]\n\n\ndef split(net):\n    return [p for p in net.parameters()]\n\n\n"
    body = "made = [torch.optim.SGD(net.parameters(), lr=0.1)] + [RATE]" if optimizer == "made[0]" else "pass"
    lines = [] if body == "pass" else [body]
    assert codes(with_recipe(*lines, f"optimizer = {optimizer}", head=HEAD + own))[0] is None


def test_a_name_that_is_assigned_twice_is_not_followed():
    text = with_recipe("rate = 0.1", "rate = rate / 2", "optimizer = torch.optim.SGD(net.parameters(), lr=rate)")
    assert codes(text)[0] is None


def test_it_is_written_with_the_hosts_names_and_the_imports_it_needs():
    made = host(OTHER_NAMES)
    text, imports = written(made, "torchvision.transforms.v2.RandomRotation(10)")
    assert text == "v2.RandomRotation(10)"
    assert [r.text.strip() for r in imports] == ["from torchvision.transforms import v2"]
    text, imports = written(made, "torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)")
    assert (text, imports) == ("Cosine(sgd, T_max=count)", [])
    assert written(made, "torch.optim.AdamW(net.parameters(), lr=0.1)")[0] == "optim.AdamW(model.parameters(), lr=0.1)"


@pytest.mark.parametrize("text", SEEDS.values(), ids=SEEDS)
def test_every_seed_programs_recipe_computes_the_same_when_it_is_written_anew(text):
    fitted, _ = Vary(Stock(), CHECK, SMALL).fitted(text)
    made = host(fitted)
    anew = [(part, portable(made, part)) for part in made.parts[1:]]
    changes = [made.source.replace(part.expression, written(made, code)[0]) for part, code in anew]
    text = without_dead_code(made.source.edited(changes), before=fitted)
    assert CHECK.trace(text).fingerprint == made.trace.fingerprint
