"""The transformations of an exported program: their examples, and that origins and outputs come through."""

import libcst as cst
import pytest

from gi.core.types import Origin, Task
from gi.explain.provenance.origins import LineOrigin
from gi.export.subject import Subject
from gi.export.tidy.marks import marked, unmarked
from gi.export.tidy.passes import PASSES, tidy_text
from gi.export.tidy.tidied import tidied
from gi.source.tree.imports import imported
from gi.source.tree.tree import parse

EXAMPLES = [(one, example) for one in PASSES for example in one.examples]


@pytest.mark.parametrize(("one", "example"), EXAMPLES, ids=[f"{one.name} {at}" for at, (one, _) in enumerate(EXAMPLES)])
def test_each_transformation_does_what_its_examples_show(one, example):
    rewrite = one.apply(cst.parse_module(example.before), imported(parse(example.before)))
    assert rewrite.tree.code == example.after


@pytest.mark.parametrize(("one", "example"), EXAMPLES, ids=[f"{one.name} {at}" for at, (one, _) in enumerate(EXAMPLES)])
def test_each_transformation_changes_nothing_the_second_time(one, example):
    rewrite = one.apply(cst.parse_module(example.after), imported(parse(example.after)))
    assert (rewrite.tree.code, rewrite.steps) == (example.after, ())


EVOLVED = """\
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.transforms import v2


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        layers = []
        layers.append(nn.Conv2d(1, 4, 3, stride=1, padding=1))
        layers.append(nn.MaxPool2d(2))
        layers.append(nn.BatchNorm2d(4))
        layers.append(nn.ReLU())
        layers.append(nn.ReLU())
        layers.append(nn.Flatten())
        layers.append(nn.Linear(64, 32))
        layers.append(nn.Linear(32, 10))
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x)


def recipe(net, steps):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    scheduler = None
    loss = nn.CrossEntropyLoss()
    augmentation = v2.RandomAffine(10)
    return optimizer, scheduler, loss, augmentation
"""
NAMED = """\
import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.output = nn.Linear(16, 10)
        self.fc4 = nn.Linear(64, 32)
        self.fc3 = nn.Linear(32, 16)
        self.norm2 = nn.BatchNorm1d(32)
        self.unused = nn.Linear(64, 64)

    def forward(self, x):
        x = torch.flatten(x, 1)
        x = F.relu(self.norm2(self.fc4(x)))
        x = F.dropout(x, 0.2, self.training)
        return self.output(F.relu(self.fc3(x)))


def recipe(net, steps):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    return optimizer, None, nn.CrossEntropyLoss(), None
"""
SEED = Origin("gi", "", "corpus/seeds/one.py", 1, "Apache-2.0")
DONOR = Origin("https://example.org/nets", "abc", "nets/net.py", 7, "MIT")


def subject(text, *borrowed):
    lines = text.splitlines()
    origins = tuple(
        LineOrigin(n, line, DONOR if any(code in line for code in borrowed) else SEED, "seed")
        for n, line in enumerate(lines, 1)
    )
    return Subject("id", "id", text, origins, 1, (0.1,), measured=(3, 0.25))


def test_an_origin_follows_its_line_through_every_transformation():
    borrowed = ("nn.Conv2d", "nn.MaxPool2d", "v2.RandomAffine", "Linear(32, 10)")
    whole = subject(EVOLVED, *borrowed)
    text, origins = unmarked(tidy_text(marked(EVOLVED, whole.origins))[0], whole.origins)
    assert [o.code for o in origins] == text.splitlines()
    assert [o.code.strip() for o in origins if o.origin == DONOR] == [
        "nn.Conv2d(1, 4, 3, padding=1, bias=False),", "nn.MaxPool2d(2),", "nn.Linear(64, 10),",
        "augmentation = v2.RandomAffine(10)",
    ]  # fmt: skip
    named = subject(NAMED, "self.output =", "self.fc4 =")
    _, origins = unmarked(tidy_text(marked(NAMED, named.origins))[0], named.origins)
    assert [o.code.strip() for o in origins if o.origin == DONOR] == [
        "self.fc1 = nn.Linear(64, 32, bias=False)", "self.head = nn.Linear(16, 10)",
    ]  # fmt: skip


def test_a_line_in_a_string_or_before_a_backslash_bears_no_mark():
    text = 'a = """one\ntwo"""\nb = 1 + \\\n    2\n'
    origins = [LineOrigin(n, line, DONOR, "seed") for n, line in enumerate(text.splitlines(), 1)]
    made = marked(text, origins)
    assert made == 'a = """one\ntwo"""  #@1\nb = 1 + \\\n    2  #@3\n'
    assert unmarked(made, origins)[0] == text


@pytest.mark.slow
def test_a_tidied_program_gives_the_same_outputs_with_the_weights_carried_over(tmp_path):
    import torch

    for text in (EVOLVED, NAMED):
        names = {}
        exec(text.replace("from torchvision.transforms import v2", ""), names)
        net = names["Net"]()
        for _ in range(3):
            net(torch.randn(32, 1, 8, 8))
        torch.save(net.state_dict(), tmp_path / "w.pt")
        whole = subject(text)
        whole = type(whole)(**{f: getattr(whole, f) for f in whole.__slots__} | {"weights": tmp_path / "w.pt"})
        with tidied(whole, Task((1, 8, 8), 10)) as made:
            assert made.note == ""
            assert made.subject.measured is None
            assert len(made.subject.notes) == 1
            exec(made.subject.text, names)
            other = names["Net"]()
            other.load_state_dict(torch.load(made.subject.weights, weights_only=True))
            assert made.subject.num_params == sum(p.numel() for p in other.parameters())
            images = torch.randn(5, 1, 8, 8)
            assert torch.allclose(net.eval()(images), other.eval()(images), atol=1e-5)


@pytest.mark.slow
def test_a_program_whose_tidied_form_differs_stays_as_it_is(monkeypatch):
    from gi.export.tidy import tidied as module

    def spoilt(text):
        made, steps = tidy_text(text)
        return made.replace("nn.ReLU()", "nn.Tanh()"), steps

    monkeypatch.setattr(module, "tidy_text", spoilt)
    whole = subject(EVOLVED)
    with tidied(whole, Task((1, 8, 8), 10)) as made:
        assert made.subject is whole
        assert made.note == "not tidied: its outputs differ"


def test_another_entry_stays_as_it_is():
    whole = subject(EVOLVED)
    with tidied(whole, Task((1, 8, 8), 10), "VGG(depth=3)") as made:
        assert made.subject is whole
        assert made.note == "not tidied: it does not build a class called Net"
