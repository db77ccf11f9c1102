import pytest

from gi.core.errors import SourceError
from gi.source.identity.dead_code import without_dead_code
from gi.source.identity.digest import digest, normalise
from gi.source.tree.entry import entry_call, entry_name, is_entry, plain_entry_call

FACTORIES = """\
from torch import nn


def small():
    return nn.Linear(2, width())


def large():
    return nn.Linear(200, 2)


def width():
    return 3
"""


@pytest.mark.parametrize(
    ("entry", "name", "call"),
    [("Net", "Net", "Net()"), ("V(name='VGG(11)')", "V", "V(name='VGG(11)')"), ("make(8)", "make", "make(8)")],
)
def test_an_entry_is_a_name_or_a_call(entry, name, call):
    assert (entry_name(entry), entry_call(entry)) == (name, call)


def test_what_the_entry_uses_is_no_dead_code():
    kept = without_dead_code(FACTORIES, entry="small")
    assert "def small" in kept
    assert "def width" in kept
    assert "def large" not in kept


def test_a_programs_identity_is_that_of_what_its_entry_builds():
    other = FACTORIES.replace("200", "300")
    assert digest(FACTORIES, "small") == digest(other, "small")
    assert digest(FACTORIES, "large") != digest(other, "large")
    assert "Linear" in normalise(FACTORIES, "large(1)")


@pytest.mark.parametrize(
    ("entry", "call"),
    [
        ("Net", "Net()"),
        ("resnet18", "resnet18()"),
        ("Net()", "Net()"),
        ("Net(width=4)", "Net(width=4)"),
        ("Net( 8,act = 'relu', sizes=[1, (2, -3.5)])", "Net(8, act='relu', sizes=[1, (2, -3.5)])"),
    ],
)
def test_what_can_be_typed_is_an_entry_and_is_written_as_a_call(entry, call):
    assert is_entry(entry)
    assert plain_entry_call(entry) == call


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "1",
        "(Net)",
        "a.b",
        "Net\nimport os",
        "Net()()",
        "Net(x=y)",
        "Net(x=nn.ReLU)",
        "Net(WIDTH, 3)",
        "Net(2 * 3)",
        "Net(**{})",
        "Net(*[1])",
        "lambda: 0",
        "Net(x=[y for y in z])",
        "Net(width=print(1))",
        "Net" + "(" * 5000 + ")",
    ],
)
def test_anything_else_is_none_and_becomes_no_code(entry):
    assert not is_entry(entry)
    with pytest.raises(SourceError, match="is no name of a class or function"):
        plain_entry_call(entry)
